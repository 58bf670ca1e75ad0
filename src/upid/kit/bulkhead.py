"""A bulkhead: so many at once, so many waiting, and the rest is refused at once."""

import asyncio
from types import TracebackType

from upid.core.errors import Kind, UpidError


class BulkheadFull(UpidError):
    """More is asked of one outside party than it is given at once, and the queue is full."""

    kind = Kind.BUSY
    code = "bulkhead_full"

    def __init__(self, name: str, at_once: int, waiting: int) -> None:
        super().__init__(
            f"{name!r} is asked by {at_once} already, and {waiting} are waiting",
            hint="try again in a moment; when it stays so, see why it answers slowly",
        )


class Bulkhead:
    """Use: `async with bulkhead:`; those that wait come in their order. For one event loop."""

    def __init__(self, name: str, at_once: int, waiting: int) -> None:
        self._name, self._at_once, self._bound = name, at_once, waiting
        self._places = asyncio.Semaphore(at_once)
        self._waiting = 0

    async def __aenter__(self) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        if self._waiting >= self._bound:
            raise BulkheadFull(self._name, self._at_once, self._waiting)
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._places.release()
