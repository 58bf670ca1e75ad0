"""Redis: on a port and on a socket, with a client of thirty lines for tests."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tests.world import debian
from tests.world.enclosure import Enclosure
from tests.world.neighbours.neighbour import Neighbour, folder_for
from tests.world.neighbours.queries import Refused

PORT = 6379
_PATIENCE = 10.0  # seconds for an answer

Reply = bytes | int | None | list["Reply"]


class RedisConnection:
    """A connection that speaks RESP, version 2."""

    def __init__(self, connected: socket.socket) -> None:
        connected.settimeout(_PATIENCE)
        self._socket = connected
        self._file: BinaryIO = connected.makefile("rb")

    def ask(self, *words: str | bytes | int) -> Reply:
        """Send a command and return its answer.

        Raises `Refused` for Redis' own error, `ConnectionError` when it is gone, and
        `TimeoutError` after 10 s.
        """
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        sent = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
        self._socket.sendall(b"*%d\r\n%b" % (len(parts), sent))
        return self._reply()

    def _reply(self) -> Reply:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        match kind:
            case b"+":
                return rest
            case b"-":
                raise Refused(rest.decode())
            case b":":
                return int(rest)
            case b"$":
                return self._file.read(int(rest) + 2)[:-2] if int(rest) >= 0 else None
            case b"*":
                return [self._reply() for _ in range(int(rest))] if int(rest) >= 0 else None
        raise Refused(f"not RESP: {line!r}")

    def close(self) -> None:
        """Close it."""
        self._file.close()
        self._socket.close()


@dataclass(frozen=True)
class Redis:
    """A running Redis without persistence: what it holds ends with it."""

    neighbour: Neighbour
    url: str
    socket: Path

    @contextmanager
    def connect(self) -> Iterator[RedisConnection]:
        """Yield a connection over the socket, closed afterwards."""
        with socket.socket(socket.AF_UNIX) as made:
            made.connect(str(self.socket))
            yield from _speaking(made)

    @contextmanager
    def dial(self) -> Iterator[RedisConnection]:
        """Yield a connection over the port, closed afterwards."""
        at = (self.neighbour.enclosure.address, PORT)
        with socket.create_connection(at, timeout=_PATIENCE) as made:
            yield from _speaking(made)

    def close(self) -> None:
        """Stop it."""
        self.neighbour.stop()


def start_redis(enclosure: Enclosure) -> Redis:
    """Start a Redis; raises `debian.Missing`."""
    folder = folder_for(enclosure, "redis")
    path = folder / "redis.sock"
    command = (
        debian.program("redis-server"),
        *("--bind", enclosure.address, "--port", str(PORT), "--protected-mode", "no"),
        *("--unixsocket", path, "--unixsocketperm", "777"),  # for tests that run as someone else
        *("--save", "", "--appendonly", "no", "--dir", folder),
    )
    neighbour = Neighbour(enclosure, "redis", command, lambda: _answers(path))
    found = Redis(neighbour, f"redis://{enclosure.address}:{PORT}/0", path)
    neighbour.start()
    return found


def _speaking(made: socket.socket) -> Iterator[RedisConnection]:
    connection = RedisConnection(made)
    try:
        yield connection
    finally:
        connection.close()


def _answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.connect(str(path))
            connection = RedisConnection(made)
            try:
                return connection.ask("PING") == b"PONG"
            finally:
                connection.close()
    except (FileNotFoundError, ConnectionError):
        return False
