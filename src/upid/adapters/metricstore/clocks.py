"""Two clocks: the wall's, which people set, and the monotonic one, which only runs.

Samples are accepted by whichever of the two accepts them, so that a jump loses none. Samples are
removed only where both agree: a wall clock that went 91 days ahead must not end a retention. The
monotonic clock begins anew with the machine, so the latest trusted time is kept in a file; where
the wall is far from it, nothing is removed until the clock has run evenly for a day.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from upid.adapters.metricstore.durable import disk, write_whole
from upid.adapters.metricstore.layout import StoreLimits, instant
from upid.core.samples import MILLI, unix_milli
from upid.core.window import rfc3339

MARK = "clock.json"
_FAR = timedelta(days=1)  # between the latest trusted time and a start


class Clocks:
    """What time it is, and how far that is to be trusted. Times are Unix milliseconds."""

    def __init__(
        self,
        root: Path,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        limits: StoreLimits,
    ) -> None:
        self._path, self._clock, self._monotonic, self._limits = (
            root / MARK, clock, monotonic, limits
        )  # fmt: skip
        self._wall, self._running = clock(), monotonic()
        mark = self._read()
        far = mark is not None and abs(self._wall - mark) > _FAR
        self._strange = rfc3339(mark) if mark is not None and far else ""

    def bounds(self) -> tuple[int, int]:
        """Return the earlier and the later of the two clocks."""
        wall, steady = self._clock(), self._steady()
        return unix_milli(min(wall, steady)), unix_milli(max(wall, steady))

    def doubt(self) -> str:
        """Return why nothing may be removed now, a sentence; empty: both clocks agree."""
        wall, steady = self._clock(), self._steady()
        if abs(wall - steady) > self._limits.clock_differs:
            return (
                f"the clock says {rfc3339(wall)} and ran to {rfc3339(steady)}: nothing is removed "
                "until it is right, or the program is started again"
            )
        rested = timedelta(seconds=self._monotonic() - self._running) >= self._limits.clock_rests
        if self._strange and not rested:
            return (
                f"the clock said {self._strange} when it was last trusted and {rfc3339(wall)} now: "
                f"nothing is removed until it has run evenly for {self._limits.clock_rests}"
            )
        return ""

    def mark(self) -> None:
        """Keep the present as the latest trusted time, where it is one."""
        if not self.doubt():
            with disk(self._path):
                write_whole(self._path, msgspec.json.encode({"trusted": unix_milli(self._clock())}))

    def _steady(self) -> datetime:
        return self._wall + timedelta(seconds=self._monotonic() - self._running)

    def _read(self) -> datetime | None:
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=dict[str, int])
            return instant(found["trusted"])
        except (OSError, msgspec.MsgspecError, KeyError, OverflowError):
            return None


def milliseconds(span: timedelta) -> int:
    """Return a span in whole milliseconds."""
    return span // MILLI
