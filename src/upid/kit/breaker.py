"""A circuit breaker: after a few failures in a row an outside party is left alone for a while."""

import math
from collections.abc import Awaitable, Callable
from enum import StrEnum
from time import monotonic
from typing import TypeVar

from upid.core.errors import Kind, UpidError

T = TypeVar("T")

_TOLD = 300  # characters of the last failure that are repeated


class CircuitState(StrEnum):
    """Whether calls pass: all, none, or one that tries."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class CircuitOpen(UpidError):
    """An outside party failed several times in a row, and is not asked for a while."""

    kind = Kind.BUSY
    code = "circuit_open"

    def __init__(self, name: str, last: str, retry_in: float) -> None:
        seconds = max(1, math.ceil(retry_in))
        super().__init__(
            f"{name!r} is not asked, since it failed several times in a row; the last time: {last}",
            hint=f"it is tried again in {seconds} s; mend what the last failure names",
            details={"retry_after": seconds},
        )


class Breaker:
    """Lets calls pass until `failures` in a row, then one each `pause` seconds until one succeeds.

    For one event loop. Times are of a monotonic clock, in seconds.
    """

    def __init__(
        self,
        name: str,
        now: Callable[[], float] = monotonic,
        *,
        failures: int = 3,
        pause: float = 60.0,
    ) -> None:
        self._name, self._now = name, now
        self._bound, self._pause = failures, pause
        self._failed = 0
        self._last = ""
        self._opened: float | None = None
        self._probing = False
        self._era = 0  # a call that began before the last opening or closing tells nothing

    @property
    def state(self) -> CircuitState:
        """Return whether calls pass now."""
        if self._opened is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if self.retry_in() > 0 else CircuitState.HALF_OPEN

    def retry_in(self) -> float:
        """Return the seconds until a call may be tried; 0 when one may be now."""
        if self._opened is None:
            return 0.0
        return max(0.0, self._opened + self._pause - self._now())

    async def call(
        self, work: Callable[[], Awaitable[T]], *, counts: Callable[[BaseException], bool]
    ) -> T:
        """Return what `work` returns, if the circuit lets it pass.

        counts  whether an error is a failure of the party; another one is an answer of it, such
                as a refusal, and as good as a success

        A cancelled call tells nothing. Raises CircuitOpen, and what `work` raises.
        """
        probe = self._opened is not None
        if probe and (self._probing or self.retry_in() > 0):
            raise CircuitOpen(self._name, self._last, self.retry_in())
        self._probing = self._probing or probe
        era = self._era
        try:
            found = await work()
        except Exception as error:
            if counts(error):
                self._failure(era, error)
            else:
                self._success(era)
            raise
        else:
            self._success(era)
            return found
        finally:
            if probe:
                self._probing = False

    def _failure(self, era: int, error: Exception) -> None:
        if era != self._era:
            return
        self._failed += 1
        self._last = _in_a_line(error)
        if self._opened is not None or self._failed >= self._bound:
            self._opened = self._now()
            self._era += 1

    def _success(self, era: int) -> None:
        if era != self._era:
            return
        self._failed = 0
        if self._opened is not None:
            self._opened = None
            self._era += 1


def _in_a_line(error: Exception) -> str:
    said = " ".join(str(error).split())[:_TOLD]
    return said if isinstance(error, UpidError) else f"{type(error).__name__}: {said}".rstrip(": ")
