"""One client's TCP connection: messages in order, each forwarded as the plan allows.

Upstream may speak first and at any time, so "the reply" to a message is all that upstream says from
then on: a drip, a truncation or a reset holds for the rest of the connection.
"""

import asyncio
from contextlib import suppress

from tests.world.faults.desk import Course, Desk
from tests.world.faults.dialling import Dialling
from tests.world.faults.errors import FramingBroken, ProxyTrouble
from tests.world.faults.framing import Framing, Message
from tests.world.faults.line import ClientLeft, Line
from tests.world.faults.outlet import Cut, Outlet
from tests.world.faults.records import Outcome

_PATIENCE = 10.0  # seconds for upstream to act on a message whose reply is to be withheld


class TcpConnection:
    """Serves one connection of a client until either side ends it."""

    def __init__(
        self, desk: Desk, dialling: Dialling, line: Line, number: int, framing: Framing
    ) -> None:
        self._desk, self._dialling, self._client, self._number = desk, dialling, line, number
        self._session = framing()
        self._settled = asyncio.Event()
        self._outlet: Outlet | None = None
        self._withholding = False
        self._last: Course | None = None
        self._busy = False  # a message that faults await is on its way

    async def serve(self) -> None:
        """Pass messages until the end."""
        try:
            upstream = await self._dialling.dial()
        except OSError:
            self._client.reset()
            return
        try:
            await self._pass(upstream)
        except ProxyTrouble as trouble:
            self._desk.trouble(trouble)
        finally:
            await self._dialling.end(upstream)

    async def _pass(self, upstream: Line) -> None:
        down = asyncio.ensure_future(self._downward(upstream))
        up = asyncio.ensure_future(self._upward(upstream))
        try:
            await asyncio.wait({down, up}, return_when=asyncio.FIRST_COMPLETED)
            if up.done() and up.result():
                await down
            elif down.done():
                down.result()
                await self._last_words(up)
        finally:
            for way in (down, up):
                way.cancel()
            await asyncio.gather(down, up, return_exceptions=True)

    async def _last_words(self, up: "asyncio.Task[bool]") -> None:
        """Let a fault that is under way come to its end after upstream closed the connection."""
        if self._busy:
            self._settled.set()
            await up
        self._ended(Outcome.PASSED if self._session.settled() else Outcome.UPSTREAM_BROKE)

    async def _upward(self, upstream: Line) -> bool:
        """Forward messages; return whether upstream may still have something to say."""
        while received := await _read(self._client):
            try:
                messages = self._session.messages(received)
            except FramingBroken as broken:
                self._refuse(broken)
                return False
            for message in messages:
                if not await self._message(message, upstream):
                    return False
        self._ended(Outcome.PASSED)
        with suppress(OSError):
            upstream.end_writing()
        return True

    async def _message(self, message: Message, upstream: Line) -> bool:
        """Forward one message; return whether the connection goes on."""
        course = self._desk.enter(
            self._number, message.verb, message.subject, body_bytes=len(message.content)
        )
        self._ended(Outcome.PASSED)
        self._last, self._busy = course, course.threatened
        if not await self._desk.before(course, self._client):
            return False
        fault = course.withheld()
        self._settled.clear()
        self._session.sent(message, nudged=fault is not None)
        if fault is None:
            self._outlet = self._way(course)
        else:
            self._withholding = True
        try:
            await upstream.write(message.content + (message.nudge if fault is not None else b""))
        except OSError:
            course.ends(Outcome.UPSTREAM_BROKE)
            return False
        course.record.forwarded = True
        if fault is not None:
            await self._acted(course)
            await self._desk.withhold(fault, course, self._client)
        self._busy = False
        return fault is None

    def _way(self, course: Course) -> Outlet:
        """Return the way for replies: the one that a fault made, once there is one."""
        if self._outlet is not None and self._outlet.bent:
            return self._outlet
        return Outlet(course, self._client)

    async def _acted(self, course: Course) -> None:
        """Wait until upstream acted on all that it was sent."""
        if self._session.settled():
            return
        try:
            await asyncio.wait_for(self._settled.wait(), _PATIENCE)
        except TimeoutError as error:
            raise ProxyTrouble(
                f"upstream did not act within {_PATIENCE:g} s on {course.record}"
            ) from error

    async def _downward(self, upstream: Line) -> None:
        while received := await _read(upstream):
            try:
                self._session.answered(received)
            except FramingBroken as broken:
                self._refuse(broken)
                return
            if self._session.settled():
                self._settled.set()
            if self._withholding:
                continue
            try:
                await self._down(self._outlet, received)
            except Cut:
                return
            except (OSError, ClientLeft):
                self._ended(Outcome.CLIENT_LEFT)
                return
        if not self._busy:
            with suppress(OSError):
                self._client.end_writing()

    async def _down(self, outlet: Outlet | None, received: bytes) -> None:
        if outlet is None:  # upstream speaks first
            await self._client.write(received)
            return
        await outlet.begin()
        await outlet.body(received, self._client.write)
        outlet.open_end()

    def _refuse(self, broken: FramingBroken) -> None:
        self._desk.trouble(broken)  # before the client can know and end the proxy
        self._client.reset()

    def _ended(self, outcome: Outcome) -> None:
        if self._last is not None:
            self._last.ends(outcome)


async def _read(line: Line) -> bytes:
    """Return what came; nothing when the peer ended or broke the connection."""
    try:
        return await line.read()
    except OSError:
        return b""
