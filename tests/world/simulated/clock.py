"""Time that passes only when a test says so."""

from datetime import UTC, datetime
from typing import Protocol

START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()  # any day; the same in every run


class Clock(Protocol):
    """What the server asks for the time."""

    def now(self) -> float:
        """Return seconds since 1970 in UTC."""


class HandClock:
    """A clock that is moved by hand."""

    def __init__(self, start: float = START) -> None:
        self._now = start

    def now(self) -> float:
        """Return seconds since 1970 in UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass; time never goes back."""
        if seconds < 0:
            raise ValueError(f"time cannot go back by {-seconds} s")
        self._now += seconds


def stamp(seconds: float) -> str:
    """Return a time as Kubernetes writes it: RFC 3339, whole seconds, UTC."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
