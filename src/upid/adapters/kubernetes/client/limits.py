"""How much is asked of a cluster, how fast, and how long an answer may take (CLU-7, O3)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from secrets import randbelow
from time import monotonic

from upid.adapters.kubernetes.client.errors import ClusterError
from upid.kit.clock import Clock, system_clock

_FINE = 1 << 30  # steps of a random fraction


@dataclass(frozen=True, slots=True)
class Limits:
    """Settings of one client; every time is in seconds.

    per_second, burst  requests: kubectl's own are 50 and 300, too many for a guest
    concurrent         requests at once; watches are not counted, each has a connection
    connect            until a connection with TLS stands
    request            for one whole answer, however slowly it comes
    patience           for a question with everything that is asked again
    attempts           how often a question is asked at most
    first_pause        before the second attempt; doubles, up to `longest_pause`
    page               objects a page: 10,000 pods take 20 requests, a page of 7 KB each 3.5 MB
    objects            of one list; Kubernetes is tested with 300,000 containers
    answer             bytes of one answer: 500 objects of 128 KB; larger pages are halved
    event              bytes of one event of a watch: etcd takes no object above 1.5 MB, unless
                       told to
    watch_silence      after which a watch is taken for dead: a server sends a bookmark a minute
    watch_seconds      how long one watch is asked for, before it is resumed
    compressed         ask for gzip: ten times fewer bytes, for more work on both sides
    """

    per_second: float = 20
    burst: int = 40
    concurrent: int = 8
    connect: float = 10
    request: float = 30
    patience: float = 60
    attempts: int = 5
    first_pause: float = 0.2
    longest_pause: float = 10
    page: int = 500
    objects: int = 1_000_000
    answer: int = 64 << 20
    event: int = 16 << 20
    watch_silence: float = 90
    watch_seconds: int = 300
    compressed: bool = True


def _fraction() -> float:
    return randbelow(_FINE) / _FINE


@dataclass(frozen=True, slots=True)
class Pace:
    """Time and chance, handed in so that tests move them.

    now    seconds that only rise
    sleep  waits so many of them
    draw   a number from 0 to below 1
    clock  the time of day, for a Retry-After that is a date
    """

    now: Callable[[], float] = monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    draw: Callable[[], float] = _fraction
    clock: Clock = system_clock


class Bucket:
    """A token bucket: so many requests a second, a burst of more, first come first served."""

    def __init__(self, limits: Limits, pace: Pace) -> None:
        self._rate, self._burst, self._pace = limits.per_second, float(limits.burst), pace
        self._tokens = self._burst
        self._at = pace.now()  # when there were so many tokens; ahead of now while held

    async def take(self) -> None:
        """Wait for the turn of one request, and for the time that the server told to wait."""
        self._refill()
        self._tokens -= 1
        turn = max(-self._tokens, 0) / self._rate + max(self._at - self._pace.now(), 0)
        while turn > 0:
            await self._pace.sleep(turn)
            turn = self._at - self._pace.now()  # held meanwhile

    def hold(self, seconds: float) -> None:
        """Let no request through for some seconds, and then one by one."""
        self._refill()
        until = self._pace.now() + seconds
        if until > self._at:
            self._at = until
            self._tokens = min(self._tokens, 1.0)

    def _refill(self) -> None:
        now = self._pace.now()
        if now > self._at:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now


class Backoff:
    """When to ask one question again: later and later, at random, never before told."""

    def __init__(self, limits: Limits, pace: Pace) -> None:
        self._limits, self._pace = limits, pace
        self.reset()

    def reset(self) -> None:
        """Begin anew, as after a success."""
        self._failures = 0
        self._since = self._pace.now()

    def pause(self, error: ClusterError) -> float | None:
        """Return the seconds to wait after a failure; None: it is final."""
        self._failures += 1
        if not error.again or self._failures >= self._limits.attempts:
            return None
        longest = min(
            self._limits.first_pause * 2 ** (self._failures - 1), self._limits.longest_pause
        )
        wait = longest * (0.5 + self._pace.draw() / 2) + (error.retry_after or 0)
        left = self._limits.patience - (self._pace.now() - self._since)
        return wait if wait <= left else None
