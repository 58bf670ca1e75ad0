"""Time that waits until a test lets it pass, for code that sleeps side by side."""

import asyncio
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import count
from random import Random

from tests.world.simulated.clock import HandClock
from upid.adapters.kubernetes.client import Pace

_TURNS = 12  # of the loop until all that can go on has: a page of three objects takes five


class HandTime:
    """A clock that a test moves; who sleeps wakes when its time has come, in order."""

    def __init__(self, seed: int = 0) -> None:
        self.clock = HandClock()
        self._chance = Random(seed)
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = count()

    @property
    def pace(self) -> Pace:
        """Return the time as the client and the mirror take it."""
        return Pace(self.clock.now, self.sleep, self._chance.random, self.today)

    def today(self) -> datetime:
        """Return the time of day."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    async def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (self.clock.now() + seconds, next(self._number), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everything that happens in it happen."""
        await self.settle()
        end = self.clock.now() + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, woken = heappop(self._sleepers)
            if woken.done():
                continue
            self.clock.advance(max(0.0, at - self.clock.now()))
            woken.set_result(None)
            await self.settle()
        self.clock.advance(end - self.clock.now())
        await self.settle()

    async def settle(self) -> None:
        """Let everything go on that waits for nothing."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
