"""What stands between the network and the routes: ids, guards, limits, headers.

Plain ASGI classes: Starlette's BaseHTTPMiddleware starts a task group and a stream a request.
"""

import asyncio
import re
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from upid.gateway.settings import LOOPBACK_NAMES, ApiSettings
from upid.kit.logs import bind, logger, unbind
from upid.kit.problems import RETRY_AFTER, problem_response

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}")
_GZIP_FROM = 1024  # bytes; below, headers and two system calls cost more than is saved
_GZIP_LEVEL = 4  # the first level of deflate that looks for longer matches lazily

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "private, no-cache",
}

_log = logger("upid.gateway")


def guard(app: FastAPI, settings: ApiSettings, unlimited: frozenset[str]) -> None:
    """Put everything between the network and the routes; the last one added is outermost."""
    app.add_middleware(GZipMiddleware, minimum_size=_GZIP_FROM, compresslevel=_GZIP_LEVEL)
    app.add_middleware(TimeLimit, limit=settings.request_timeout)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, unlimited=unlimited)
    app.add_middleware(LocalOnly)
    app.add_middleware(Crashes)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestIds)


class RequestIds:
    """Gives every request an id, or takes the caller's where it is well formed, and logs it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the id in a header and in every log line between."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else f"req_{secrets.token_hex(8)}"
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        bound = bind(request_id=request_id)
        try:
            await self._app(scope, receive, answer)
        finally:
            _log.info("request", method=scope["method"], path=scope["path"], status=status)
            unbind(bound)


class SecurityHeaders:
    """Adds the headers that keep browsers from doing more than asked (SEC-10)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add each header that the route did not set itself."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, answer if scope["type"] == "http" else send)


class Crashes:
    """Turns a bug into a 500 that shows nothing of the inside; the log has the stack."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 500 where nothing was answered yet."""
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception:
            if scope["type"] != "http" or started:
                raise
            _log.exception("request_crashed", path=scope["path"])
            response = problem_response(
                500,
                "bug",
                "UPID could not answer because of a mistake in UPID",
                hint="report it with the request id; the log of the server has the details",
                asked=scope,
            )
            await response(scope, receive, send)


class LocalOnly:
    """Refuses hosts and origins that are not this machine, until a login exists (SEC-10).

    A page from elsewhere can make a browser call 127.0.0.1, and by DNS rebinding even read the
    answer: then `Host` is the attacker's name, and `Origin` names the page's own address.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let requests from this machine through."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if _name(f"//{host}") not in LOOPBACK_NAMES:
            refused = "foreign_host", f"the host {host!r} is not served here"
        elif origin is not None and origin.lower() not in _origins(host.lower()):
            refused = "foreign_origin", f"pages from {origin!r} may not call this server"
        else:
            await self._app(scope, receive, send)
            return
        hint = "call it as localhost or 127.0.0.1"
        await problem_response(403, *refused, hint=hint, asked=scope)(scope, receive, send)


def _name(address: str) -> str | None:
    try:
        parts = urlsplit(address)
        valid = parts.port is None or parts.port > 0
    except ValueError:
        return None
    return parts.hostname if valid and parts.username is None else None


def _origins(host: str) -> tuple[str, str]:
    return f"http://{host}", f"https://{host}"


class BodyLimit:
    """Refuses request bodies over a limit, by their announced length or while they come in."""

    def __init__(self, app: ASGIApp, limit: int, unlimited: frozenset[str]) -> None:
        self._app, self._limit, self._unlimited = app, limit, unlimited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the body while it is read."""
        if scope["type"] != "http" or scope["path"] in self._unlimited:
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdigit() or int(announced) > self._limit:
            await self._refuse(scope, receive, send)
            return
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise HTTPException(413, f"the body is larger than {self._limit} bytes")
            return message

        await self._app(scope, bounded, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = problem_response(
            413,
            "too_large",
            f"the body of {scope['path']!r} is larger than {self._limit} bytes",
            hint="send less, or raise the setting api.max_body_bytes",
            asked=scope,
            headers={"Connection": "close"},
        )
        await response(scope, receive, send)


class TimeLimit:
    """Answers 503 when a request's answer does not begin in time (API_REQUEST_TIMEOUT).

    The clock starts again with every part of the body that arrives, so a large upload may take
    its time. Work in a thread cannot be stopped: it ends by itself and its answer is dropped.
    """

    def __init__(self, app: ASGIApp, limit: timedelta) -> None:
        self._app, self._limit = app, limit.total_seconds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run each request under the limit."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Timed(self._app, self._limit, send).run(scope, receive)


class _Timed:
    """One request under a time limit."""

    def __init__(self, app: ASGIApp, limit: float, send: Send) -> None:
        self._app, self._limit, self._send = app, limit, send
        self._started = False
        self._late = False

    async def run(self, scope: Scope, receive: Receive) -> None:
        """Run the request; past the limit answer in its stead and leave it behind."""
        clock = asyncio.get_running_loop().time
        heard = clock()

        async def hear() -> Message:
            nonlocal heard
            message = await receive()
            heard = clock()
            return message

        work = asyncio.ensure_future(self._app(scope, hear, self._answer))
        try:
            while not work.done():
                left = None if self._started else max(0.0, heard + self._limit - clock())
                await asyncio.wait({work}, timeout=left)
                if not work.done() and not self._started and clock() >= heard + self._limit:
                    await self._give_up(scope, receive, work)
                    return
        except asyncio.CancelledError:
            work.cancel()
            raise
        await work

    async def _answer(self, message: Message) -> None:
        if self._late:
            return
        self._started = True
        await self._send(message)

    async def _give_up(self, scope: Scope, receive: Receive, work: "asyncio.Future[None]") -> None:
        self._late = True
        work.add_done_callback(_forget)
        work.cancel()
        response = problem_response(
            503,
            "request_timeout",
            f"{scope['path']!r} did not answer within {self._limit:g} s",
            hint="ask for a shorter window or a smaller part, or raise api.request_timeout",
            asked=scope,
            headers={"Retry-After": str(RETRY_AFTER)},
        )
        await response(scope, receive, self._send)


def _forget(work: "asyncio.Future[None]") -> None:
    """Look at the outcome of a request left behind, so that asyncio does not complain."""
    if not work.cancelled() and (error := work.exception()) is not None:
        _log.error("late_request_failed", exc_info=error)
