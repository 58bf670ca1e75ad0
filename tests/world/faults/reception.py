"""The part of the proxy that lives on its own event loop: it accepts, serves and breaks."""

import asyncio
import socket
import ssl
from contextlib import suppress

from tests.world.faults.desk import Desk
from tests.world.faults.dialling import Dialling
from tests.world.faults.errors import ProxyTrouble
from tests.world.faults.framing import Framing
from tests.world.faults.http import HttpConnection
from tests.world.faults.kinds import Victim
from tests.world.faults.line import FAREWELL, Line, accepting
from tests.world.faults.tcp import TcpConnection

_TURNS = 5  # of the loop, in which asyncio closes the sockets of what was closed
_BACKLOG = 1024  # connections that wait to be accepted


def bound(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address that another of our sockets may have. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    plug = socket.socket(family, socket.SOCK_STREAM)
    try:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        plug.bind((host, port))
    except OSError:
        plug.close()
        raise
    return plug


class Reception:
    """Accepts connections and serves each in a task of its own."""

    def __init__(
        self,
        dialling: Dialling,
        framing: Framing,
        context: ssl.SSLContext | None,
        victim: Victim | None,
    ) -> None:
        self.desk = Desk(victim, self._part)
        self._dialling, self._framing, self._context = dialling, framing, context
        self._address = ("", 0)
        self._server: asyncio.Server | None = None
        self._served: dict[asyncio.Task[None], Line] = {}
        self._count = 0
        self._healing: asyncio.Task[None] | None = None

    async def open(self, host: str, port: int) -> None:
        """Accept connections. Raises OSError."""
        self._address = (host, port)
        await self.heal()

    async def heal(self) -> None:
        """Accept connections, if that was stopped."""
        if self._server is None:
            self._server = await asyncio.get_running_loop().create_server(
                accepting(self._accept),
                sock=bound(*self._address),
                ssl=self._context,
                backlog=_BACKLOG,
                ssl_shutdown_timeout=FAREWELL if self._context else None,
            )

    async def part(self) -> None:
        """Stop accepting and break what is open."""
        self._part(None)

    async def cut(self) -> None:
        """Break what is open."""
        self._cut()

    async def end(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        tasks, lines = list(self._served), list(self._served.values())
        tasks += [self._healing] if self._healing is not None else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(line.closed() for line in lines), self._dialling.close())
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def complaint(self) -> Exception | None:
        """Return what went wrong since the plan was armed, if anything did."""
        if self.desk.troubles:
            return ProxyTrouble("; ".join(self.desk.troubles))
        return self.desk.unfired()

    def _part(self, seconds: float | None) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._cut()
        if seconds is not None:
            self._healing = asyncio.ensure_future(self._heal_after(seconds))

    async def _heal_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.heal()

    def _cut(self) -> None:
        for line in self._served.values():
            line.reset()
        self._dialling.reset()

    def _accept(self, line: Line) -> None:
        self._count += 1
        task = asyncio.ensure_future(self._serve(line, self._count))
        self._served[task] = line
        task.add_done_callback(self._done)

    async def _serve(self, line: Line, number: int) -> None:
        connection: HttpConnection | TcpConnection
        if self._dialling.upstream.speaks_http:
            connection = HttpConnection(self.desk, self._dialling, line, number)
        else:
            connection = TcpConnection(self.desk, self._dialling, line, number, self._framing)
        try:
            await connection.serve()
        finally:
            with suppress(asyncio.CancelledError):
                await line.closed()

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._served.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.desk.trouble(error)
