"""What lets a reply through to the client: slowly, or only so far, when a fault says so."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from tests.world.faults.desk import Course
from tests.world.faults.kinds import Delay, Drip, Reset, Truncate
from tests.world.faults.line import ClientLeft, Line
from tests.world.faults.records import Outcome

_STEP = 0.05  # seconds between two drops: smooth to a client, few wake-ups for the proxy

Put = Callable[[bytes], Awaitable[None]]


class Cut(Exception):
    """The reply ended where a fault wanted it to; the connection is closed."""


class Outlet:
    """The reply's way to the client, for one request, or for the rest of a TCP connection."""

    def __init__(self, course: Course, line: Line) -> None:
        self._course, self._line = course, line
        self._drip = course.awaited(Drip)
        self._short: Truncate | Reset | None = course.awaited(Truncate)
        if self._short is None:
            self._short = course.awaited(Reset, lambda r: r.after is not None)
        self._delay = course.awaited(Delay, lambda d: d.reply)
        self._sent = 0

    @property
    def bent(self) -> bool:
        """Whether a fault shapes what passes here."""
        return self._drip is not None or self._short is not None

    async def begin(self) -> None:
        """Wait as long as the reply is to be late."""
        if self._delay is not None:
            await asyncio.sleep(self._delay.seconds)
            self._course.fired(self._delay)
            self._delay = None

    async def body(self, content: bytes, put: Put) -> None:
        """Let bytes of the body through. Raises `Cut` at the byte where it ends, and OSError."""
        for piece in self._pieces(content):
            room = self._room()
            if room is not None and len(piece) > room:
                await self._put(piece[:room], put)
                self._cut()
            if self._drip is not None:
                self._course.fired(self._drip)
            await self._put(piece, put)
            if self._drip is not None:
                await self._pause(len(piece) / self._drip.bytes_per_second)

    def open_end(self) -> None:
        """Cut a body of unknown length as soon as enough of it passed. Raises `Cut`."""
        if self._room() == 0:
            self._cut()

    async def _put(self, piece: bytes, put: Put) -> None:
        if piece:
            await put(piece)
            self._sent += len(piece)
            self._course.record.reply_bytes += len(piece)

    async def _pause(self, seconds: float) -> None:
        ended = asyncio.ensure_future(self._line.ended())
        try:
            done, _ = await asyncio.wait({ended}, timeout=seconds)
        finally:
            ended.cancel()
        if done:
            raise ClientLeft

    def _pieces(self, content: bytes) -> Iterator[bytes]:
        if self._drip is None:
            yield content
            return
        step = max(1, int(self._drip.bytes_per_second * _STEP))
        for start in range(0, len(content), step):
            yield content[start : start + step]

    def _room(self) -> int | None:
        if self._short is None or self._short.after is None:
            return None
        return self._short.after - self._sent

    def _cut(self) -> None:
        assert self._short is not None
        self._course.fired(self._short)
        if isinstance(self._short, Reset):
            self._course.ends(Outcome.RESET)
            self._line.reset()
        else:
            self._course.ends(Outcome.CUT)
            self._line.close()
        raise Cut
