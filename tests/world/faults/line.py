"""The two ends of a proxied connection: bytes in, bytes out, and the ways to end it."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

CHUNK = 64 * 1024  # bytes read at once
FAREWELL = 1.0  # seconds for TLS to say good-bye; a peer that hangs is not waited for
_DEFAULT_PORTS = {"http": 80, "https": 443, "redis": 6379, "postgresql": 5432, "nats": 4222}


class ClientLeft(Exception):
    """The client closed or broke its connection."""


class _Reader(asyncio.StreamReader):
    """A stream that says when its peer has ended, without being read."""

    def __init__(self) -> None:
        super().__init__(limit=CHUNK)
        self.ended = asyncio.Event()

    def feed_eof(self) -> None:
        super().feed_eof()
        self.ended.set()

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self.ended.set()


class Line:
    """One end of a connection. What is written is in the kernel's hands when `write` returns.

    With TLS, asyncio may still hold 64 KiB of it.
    """

    def __init__(self, reader: _Reader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        # asyncio's TLS pauses at its bound, not above it: with a bound of 0 it would never go on
        secure = writer.get_extra_info("ssl_object") is not None
        writer.transport.set_write_buffer_limits(high=1 if secure else 0, low=0)

    @property
    def over(self) -> bool:
        """Whether the peer has ended its side."""
        return self._reader.ended.is_set()

    async def ended(self) -> None:
        """Wait until the peer ends its side; what it sent stays unread."""
        await self._reader.ended.wait()

    async def read(self) -> bytes:
        """Return what came, at most `CHUNK` bytes; nothing at the end. Raises OSError."""
        return await self._reader.read(CHUNK)

    async def write(self, content: bytes) -> None:
        """Send bytes. Raises OSError when the peer is gone."""
        self._writer.write(content)
        await self._writer.drain()

    async def exhaust(self) -> None:
        """Read and forget all that the peer sends, until it ends."""
        with suppress(OSError):
            while await self.read():
                pass

    def end_writing(self) -> None:
        """Send FIN and go on reading; TLS cannot, there it closes."""
        if self._writer.can_write_eof():
            self._writer.write_eof()
        else:
            self._writer.close()

    def close(self) -> None:
        """End with FIN after what was written."""
        self._writer.close()

    def reset(self) -> None:
        """End with RST."""
        plug = self._writer.get_extra_info("socket")
        # it is closed already, or a Unix socket, which knows no RST
        with suppress(OSError, AttributeError):
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def closed(self) -> None:
        """Close, and wait until the socket is gone."""
        self._writer.close()
        gone = asyncio.ensure_future(self._gone())
        try:  # `wait` leaves `gone` alone when it is cancelled: others wait for the same future
            await asyncio.wait({gone}, timeout=FAREWELL)
        finally:  # the socket must not outlive the loop
            self._writer.transport.abort()

    async def _gone(self) -> None:
        with suppress(OSError):
            await self._writer.wait_closed()


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where requests go: a host and port, or the path of a Unix socket.

    path  what stands after the port, such as a database's name; only clients make use of it
    """

    scheme: str
    host: str
    port: int
    socket: str = ""
    path: str = ""

    @classmethod
    def parse(cls, url: str) -> "Upstream":
        """Return what a URL says, `https://127.0.0.1:6443` or `unix:///run/x.sock`."""
        parts = urlsplit(url)
        if parts.scheme == "unix":
            return cls("unix", "", 0, parts.path)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
        if not parts.hostname or port is None:
            raise ValueError(f"no host and port in {url!r}; say for example tcp://127.0.0.1:9000")
        found = cls(parts.scheme, parts.hostname, port, path=parts.path)
        if found.speaks_http and parts.path.strip("/"):
            raise ValueError(f"an upstream has no path, and {url!r} has one")
        return found

    @property
    def speaks_http(self) -> bool:
        """Whether requests are HTTP/1.1."""
        return self.scheme in ("http", "https")

    async def dial(self, context: ssl.SSLContext | None) -> Line:
        """Connect. Raises OSError."""
        loop = asyncio.get_running_loop()
        reader = _Reader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport: asyncio.BaseTransport
        if self.socket:
            transport, _ = await loop.create_unix_connection(lambda: protocol, self.socket)
        elif context is None:
            transport, _ = await loop.create_connection(lambda: protocol, self.host, self.port)
        else:
            transport, _ = await loop.create_connection(
                lambda: protocol,
                self.host,
                self.port,
                ssl=context,
                ssl_shutdown_timeout=FAREWELL,
            )
        assert isinstance(transport, asyncio.WriteTransport)
        return Line(reader, asyncio.StreamWriter(transport, protocol, reader, loop))


def accepting(serve: Callable[[Line], object]) -> Callable[[], asyncio.StreamReaderProtocol]:
    """Return what a server of asyncio makes for each connection; `serve` is called with it."""

    def protocol() -> asyncio.StreamReaderProtocol:
        reader = _Reader()

        def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            serve(Line(reader, writer))

        return asyncio.StreamReaderProtocol(reader, accept)

    return protocol
