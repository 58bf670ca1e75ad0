"""The time, handed to whoever needs it, so that tests move it by hand."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the present instant in UTC; the only place that asks the machine."""
    return datetime.now(UTC)
