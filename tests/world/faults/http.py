"""One client's HTTP/1.1 connection: requests in order, each forwarded as the plan allows.

Bodies stream both ways and are never held, so a watch's event passes when it comes. The messages
are taken apart and put together by h11: sizes of chunks may differ, content may not.
"""

import asyncio
import json
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import h11

from tests.world.faults.desk import Course, Desk
from tests.world.faults.dialling import Dialling
from tests.world.faults.errors import ProxyTrouble
from tests.world.faults.kinds import Answer
from tests.world.faults.line import ClientLeft, Line
from tests.world.faults.outlet import Cut, Outlet
from tests.world.faults.records import Outcome
from tests.world.faults.tunnel import tunnel

_HEAD = 1024 * 1024  # bytes: what Go's server takes for a head, the API server among them
_PATIENCE = 60.0  # seconds for upstream to answer a request whose reply is to be withheld
_SETTLE = 1.0  # seconds for the rest of a withheld reply after its head; a watch has no end
_IDLE = 1.0  # seconds; servers close an idle connection after 5 s or more
_SECRET = {"authorization", "cookie", "proxy-authorization"}
_EMPTY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class _Peer:
    """One side of the exchange: a line and h11's understanding of it."""

    def __init__(self, line: Line, role: type[h11.CLIENT] | type[h11.SERVER]) -> None:
        self.line = line
        self.talk = h11.Connection(role, max_incomplete_event_size=_HEAD)
        self.since = time.monotonic()

    async def send(self, event: h11.Event) -> None:
        content = self.talk.send(event)
        if content:
            await self.line.write(content)

    async def next(self) -> Any:  # noqa: ANN401 — h11's union of events and sentinels
        while (event := self.talk.next_event()) is h11.NEED_DATA:
            self.talk.receive_data(await self.line.read())
        return event

    def again(self) -> bool:
        """Make ready for the next exchange; False: this connection can carry none."""
        try:
            self.talk.start_next_cycle()
        except h11.LocalProtocolError:
            return False
        self.since = time.monotonic()
        return not self.line.over


class HttpConnection:
    """Serves one connection of a client until either side ends it."""

    def __init__(self, desk: Desk, dialling: Dialling, line: Line, number: int) -> None:
        self._desk, self._dialling, self._number = desk, dialling, number
        self._client = _Peer(line, h11.SERVER)
        self._upstream: _Peer | None = None

    async def serve(self) -> None:
        """Serve requests one after the other."""
        try:
            while await self._exchange():
                pass
        except ProxyTrouble as trouble:
            self._desk.trouble(trouble)
        finally:
            await self._part()

    async def _part(self) -> None:
        if self._upstream is not None:
            gone, self._upstream = self._upstream, None
            await self._dialling.end(gone.line)

    async def _exchange(self) -> bool:
        try:
            request = await self._client.next()
        except (OSError, h11.RemoteProtocolError):
            return False
        if not isinstance(request, h11.Request):
            return False
        course = self._enter(request)
        if not await self._desk.before(course, self._client.line):
            return False
        if (answer := course.awaited(Answer)) is not None:
            return await self._answer(answer, course)
        return await self._forward(request, course)

    def _enter(self, request: h11.Request) -> Course:
        path, _, query = request.target.decode("latin-1").partition("?")
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in request.headers
            if name.decode("latin-1") not in _SECRET
        }
        method = request.method.decode("latin-1")
        return self._desk.enter(self._number, method, path, query=query, headers=headers)

    async def _answer(self, answer: Answer, course: Course) -> bool:
        waits = self._client.talk.they_are_waiting_for_100_continue
        content = status_body(answer)
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
        if answer.retry_after is not None:
            headers.append(("Retry-After", str(answer.retry_after)))
        if waits:  # its body will not come, so the next request could not be told from it
            headers.append(("Connection", "close"))
        course.record.status = answer.status
        course.fired(answer)
        try:
            while not waits and isinstance(event := await self._client.next(), h11.Data):
                course.record.body_bytes += len(event.data)
            await self._client.send(h11.Response(status_code=answer.status, headers=headers))
            if course.record.method != "HEAD":
                await self._client.send(h11.Data(data=content))
            await self._client.send(h11.EndOfMessage())
        except (OSError, h11.RemoteProtocolError):
            course.ends(Outcome.CLIENT_LEFT)
            return False
        course.ends(Outcome.ANSWERED)
        return self._client.again()

    async def _forward(self, request: h11.Request, course: Course) -> bool:
        try:
            upstream = await self._reach()
        except OSError:
            course.ends(Outcome.UPSTREAM_REFUSED)
            self._client.line.reset()
            return False
        sending = asyncio.ensure_future(self._send(request, upstream, course))
        try:
            if (fault := course.withheld()) is not None:
                await self._swallow(upstream, course)
                await self._desk.withhold(fault, course, self._client.line)
                return False
            return await self._deliver(upstream, course)
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending

    async def _reach(self) -> _Peer:
        """Return a connection to upstream: the one before it, if that is fresh, or another one.

        A connection that idled may be closed by upstream in the moment it is used; the client would
        then see a fault that nobody planned.
        """
        used = self._upstream
        fresh = used is not None and time.monotonic() - used.since < _IDLE and not used.line.over
        if used is None or not fresh:
            await self._part()
            used = self._upstream = _Peer(await self._dialling.dial(), h11.CLIENT)
        return used

    async def _send(self, request: h11.Request, upstream: _Peer, course: Course) -> None:
        """Forward the request; one that the client breaks off is broken off towards upstream."""
        head = h11.Request(
            method=request.method, target=request.target, headers=request.headers.raw_items()
        )
        try:
            await upstream.send(head)
            course.record.forwarded = True
            while True:
                event = await self._client.next()
                if isinstance(event, h11.Data):
                    course.record.body_bytes += len(event.data)
                if not isinstance(event, h11.Data | h11.EndOfMessage):
                    return
                await upstream.send(event)
                if isinstance(event, h11.EndOfMessage):
                    return
        except (OSError, h11.ProtocolError):
            return  # upstream may have answered and closed, and the reply says more than this

    async def _swallow(self, upstream: _Peer, course: Course) -> None:
        """Wait until upstream acted: for the whole reply, or the start of one without an end."""
        try:
            async with asyncio.timeout(_PATIENCE):
                head = await self._head(upstream)
        except (OSError, h11.RemoteProtocolError, TimeoutError) as error:
            raise ProxyTrouble(
                f"request {course.record.number} was sent on and not answered: {error}"
            ) from error
        course.record.status = head.status_code
        with suppress(OSError, h11.RemoteProtocolError, TimeoutError):
            async with asyncio.timeout(_SETTLE):
                while isinstance(await upstream.next(), h11.Data):
                    pass

    async def _deliver(self, upstream: _Peer, course: Course) -> bool:
        """Pass the reply on, until its end or the client's."""
        replying = asyncio.ensure_future(self._relay(upstream, course))
        leaving = asyncio.ensure_future(self._client.line.ended())
        try:
            await asyncio.wait({replying, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if course.record.outcome is Outcome.TUNNEL:  # its last bytes are still to pass
                await replying
            if not replying.done():
                course.ends(Outcome.CLIENT_LEFT)
                return False
            return replying.result()
        finally:
            for task in (replying, leaving):
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    async def _relay(self, upstream: _Peer, course: Course) -> bool:
        """Pass the reply on; return whether the client may send another request."""
        try:
            head = await self._head(upstream)
        except (OSError, h11.RemoteProtocolError):
            return self._broken(course)
        course.record.status = head.status_code
        outlet = Outlet(course, self._client.line)
        try:
            await outlet.begin()
            await self._client.send(_copy(head))
            if isinstance(head, h11.InformationalResponse):
                return await self._tunnel(upstream, course, outlet)
            whole = await self._pass_body(head, upstream, course, outlet)
        except Cut:
            return False
        except (OSError, ClientLeft):
            course.ends(Outcome.CLIENT_LEFT)
            return False
        return await self._again(upstream, course) if whole else self._broken(course)

    async def _head(self, upstream: _Peer) -> h11.Response | h11.InformationalResponse:
        """Return the reply's head, or that of a switch to another protocol; 1xx are passed on.

        Raises OSError and `h11.RemoteProtocolError`.
        """
        while isinstance(head := await upstream.next(), h11.InformationalResponse):
            if head.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
                return head
            await self._client.send(_copy(head))
        if not isinstance(head, h11.Response):
            raise ConnectionResetError("upstream closed the connection without a reply")
        return head

    async def _again(self, upstream: _Peer, course: Course) -> bool:
        course.ends(Outcome.PASSED)
        if not upstream.again():
            await self._part()
        return self._client.again()

    async def _pass_body(
        self, head: h11.Response, upstream: _Peer, course: Course, outlet: Outlet
    ) -> bool:
        """Pass the body on; False: upstream broke off. Raises `Cut`, OSError, `ClientLeft`."""
        empty = head.status_code in _EMPTY or course.record.method == "HEAD"
        bounded = empty or any(name == b"content-length" for name, _ in head.headers)

        async def put(piece: bytes) -> None:
            await self._client.send(h11.Data(data=piece))

        while True:
            if not bounded and upstream.talk.their_state is h11.SEND_BODY:
                outlet.open_end()
            try:
                event = await upstream.next()
            except (OSError, h11.RemoteProtocolError):
                return False
            if isinstance(event, h11.EndOfMessage):
                await self._client.send(event)
                return True
            await outlet.body(bytes(event.data), put)

    def _broken(self, course: Course) -> bool:
        """Break towards the client what upstream broke."""
        course.ends(Outcome.UPSTREAM_BROKE)
        self._client.line.close()
        return False

    async def _tunnel(self, upstream: _Peer, course: Course, outlet: Outlet) -> bool:
        """Pass bytes both ways from here on."""
        course.record.outcome = Outcome.TUNNEL
        early, late = self._client.talk.trailing_data[0], upstream.talk.trailing_data[0]
        await tunnel(self._client.line, early, upstream.line, late, outlet)
        course.ends(Outcome.PASSED)
        return False


def _copy(
    head: h11.Response | h11.InformationalResponse,
) -> h11.Response | h11.InformationalResponse:
    """Return a head to send: names spelled as upstream did."""
    return type(head)(
        status_code=head.status_code, headers=head.headers.raw_items(), reason=head.reason
    )


def status_body(answer: Answer) -> bytes:
    """Return the Kubernetes Status that an API server would send, as JSON."""
    reason = answer.reason or REASONS.get(answer.status, "")
    details = {} if answer.retry_after is None else {"retryAfterSeconds": answer.retry_after}
    return json.dumps(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": f"answered by a fault proxy: {reason or answer.status}",
            "reason": reason,
            "details": details,
            "code": answer.status,
        }
    ).encode()
