"""Ways to carry a request to the API: within the process, or over the network.

The in-process caller is our own: the same through httpx2 costs 0.1 s of imports, more than all
else that a stand-alone command does before its work begins.
"""

import asyncio
import contextlib
import re
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self
from urllib.parse import urlsplit

from upid.client.errors import ServerUnreachable

_NUMBER = re.compile(r"^\[Errno -?\d+\] ")  # that the system gives an error, before its text

Message = MutableMapping[str, Any]
AsgiApp = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]
Headers = Mapping[str, str]
NO_HEADERS: Headers = {}
_REMOTE_PATIENCE = 600.0  # seconds; a first analysis of a large cluster takes its time
_CONNECT_PATIENCE = 10.0  # seconds


class Reply(NamedTuple):
    """The whole answer to one request."""

    status: int
    body: bytes


class Transport(Protocol):
    """Carries one request after another; closed when left."""

    address: str

    @abstractmethod
    def send(
        self, method: str, target: str, body: bytes | None, headers: Headers = NO_HEADERS
    ) -> Reply:
        """Return the answer to a request for a path with its query."""

    @abstractmethod
    def close(self) -> None:
        """Let go of everything."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class InProcess(Transport):
    """Calls an ASGI app in this process; its lifespan spans that of the transport."""

    address = "this process"

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._runner = asyncio.Runner()
        self._told: asyncio.Queue[Message] | None = None
        self._life: asyncio.Task[None] | None = None
        try:
            self._runner.run(self._start())
        except BaseException:
            self._runner.close()
            raise

    def send(
        self, method: str, target: str, body: bytes | None, headers: Headers = NO_HEADERS
    ) -> Reply:
        """Return the answer; an error that the app does not answer is raised here."""
        return self._runner.run(self._call(method, target, body or b"", headers))

    def close(self) -> None:
        """End the app's lifespan and the event loop."""
        with contextlib.closing(self._runner):
            self._runner.run(self._stop())

    async def _start(self) -> None:
        told: asyncio.Queue[Message] = asyncio.Queue()
        heard: asyncio.Queue[Message] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        await told.put({"type": "lifespan.startup"})
        life = asyncio.ensure_future(self._app(scope, told.get, heard.put))
        answer = asyncio.ensure_future(heard.get())
        await asyncio.wait({life, answer}, return_when=asyncio.FIRST_COMPLETED)
        if life.done():
            answer.cancel()
            life.result()  # raises what went wrong; an app without a lifespan just returned
            return
        if answer.result()["type"] == "lifespan.startup.failed":
            await life
        self._told, self._life = told, life

    async def _stop(self) -> None:
        if self._told is not None and self._life is not None:
            await self._told.put({"type": "lifespan.shutdown"})
            await self._life

    async def _call(self, method: str, target: str, body: bytes, more: Headers) -> Reply:
        path, _, query = target.partition("?")
        headers = [(b"host", b"upid.local"), (b"accept", b"application/json")]
        headers += [(name.lower().encode(), value.encode()) for name, value in more.items()]
        if body:
            headers.append((b"content-type", b"application/json"))
            headers.append((b"content-length", str(len(body)).encode()))
        scope: Message = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": _decoded(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": headers,
            "client": None,
            "server": ("upid.local", 80),
            "state": {},
        }
        status, parts = 500, list[bytes]()
        asked = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if asked:
                return asked.pop()
            await asyncio.Event().wait()  # nobody hangs up within a process
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, send)
        return Reply(status, b"".join(parts))


class Remote(Transport):
    """Calls a server over HTTP."""

    def __init__(self, address: str, headers: Mapping[str, str] | None = None) -> None:
        import httpx2

        found = urlsplit(address)
        if found.scheme not in ("http", "https") or not found.netloc:
            raise ServerUnreachable(address, "it is no http:// or https:// address")
        self.address = address.rstrip("/")
        patience = httpx2.Timeout(_REMOTE_PATIENCE, connect=_CONNECT_PATIENCE)
        self._client = httpx2.Client(timeout=patience, headers=headers)

    def send(
        self, method: str, target: str, body: bytes | None, headers: Headers = NO_HEADERS
    ) -> Reply:
        """Return the answer, or raise ServerUnreachable."""
        import httpx2

        sent = {**({"content-type": "application/json"} if body else {}), **headers}
        try:
            found = self._client.request(method, self.address + target, content=body, headers=sent)
        except httpx2.HTTPError as error:
            raise ServerUnreachable(self.address, _NUMBER.sub("", str(error))) from error
        return Reply(found.status_code, found.content)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _decoded(path: str) -> str:
    from urllib.parse import unquote

    return unquote(path)
