"""NATS with JetStream, and a client of its text protocol for tests."""

import json
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import httpx2

from tests.world import parts
from tests.world.enclosure import Enclosure
from tests.world.neighbours.neighbour import Neighbour, client, folder_for, succeeds
from tests.world.neighbours.queries import Refused

PORT = 4222
MONITORING_PORT = 8222
_PATIENCE = 10.0  # seconds for an answer
_HELLO = {"verbose": False, "pedantic": True, "headers": True, "no_responders": True} | {
    "lang": "python",
    "version": "0",
    "protocol": 1,
}


@dataclass(frozen=True)
class Message:
    """A message that arrived; `status` is NATS' own answer, such as 404 or 503, else empty."""

    subject: str
    reply: str
    payload: bytes
    status: str = ""


@dataclass
class NatsConnection:
    """A connection to NATS for one thread."""

    _socket: socket.socket
    _file: BinaryIO = field(init=False)
    _arrived: deque[Message] = field(default_factory=deque)
    _subscriptions: int = 0
    _inbox: str = field(init=False)

    def __post_init__(self) -> None:
        """Say hello and wait until the server has taken it."""
        self._socket.settimeout(_PATIENCE)
        self._file = self._socket.makefile("rb")
        greeting = json.loads(self._line().removeprefix(b"INFO "))
        self._inbox = f"_INBOX.{greeting['client_id']}.{time.monotonic_ns()}"
        self._send(f"CONNECT {json.dumps(_HELLO)}")
        self.settle()

    def publish(self, subject: str, payload: bytes, reply: str = "") -> None:
        """Send a message; the server has it after `settle`."""
        self._send(f"PUB {subject} {reply} {len(payload)}", payload)

    def subscribe(self, subject: str) -> None:
        """Take part in what is sent to a subject, wildcards `*` and `>` included."""
        self._subscriptions += 1
        self._send(f"SUB {subject} {self._subscriptions}")

    def settle(self) -> None:
        """Wait until the server has done all that was sent."""
        self._send("PING")
        while self._read() != b"PONG":
            pass

    def receive(self) -> Message:
        """Return the next message; raises `TimeoutError` after 10 s of silence."""
        while not self._arrived:
            self._read()
        return self._arrived.popleft()

    def request(self, subject: str, payload: bytes = b"") -> Message:
        """Send a message and return the first answer; its status is 503 when nobody listens."""
        self._subscriptions += 1
        inbox = f"{self._inbox}.{self._subscriptions}"
        self._send(f"SUB {inbox} {self._subscriptions}")
        self._send(f"UNSUB {self._subscriptions} 1")
        self.publish(subject, payload, inbox)
        return self.receive()

    def ask(self, subject: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the answer of JetStream's API; raises `Refused` when it is an error."""
        answer = self.request(subject, json.dumps(given).encode() if given else b"")
        if answer.status:
            raise Refused(f"{subject}: {answer.status}")
        found: dict[str, Any] = json.loads(answer.payload)
        if "error" in found:
            raise Refused(f"{subject}: {found['error']}")
        return found

    def close(self) -> None:
        """Close it."""
        self._file.close()
        self._socket.close()

    def _read(self) -> bytes:
        """Read one thing that the server sent, keep it if it is a message; return its kind."""
        kind, _, rest = self._line().partition(b" ")
        if kind == b"PING":
            self._send("PONG")
        elif kind in {b"MSG", b"HMSG"}:
            self._arrived.append(self._message(rest.decode().split(), headed=kind == b"HMSG"))
        return kind

    def _message(self, words: list[str], *, headed: bool) -> Message:
        sizes = [
            int(words.pop()) for _ in range(2 if headed else 1)
        ]  # total, and before it headers
        body = self._file.read(sizes[0] + 2)[:-2]
        headers = sizes[1] if headed else 0
        first = body[:headers].partition(b"\r\n")[0].decode()
        status = first.removeprefix("NATS/1.0").strip()
        reply = words[2] if len(words) > 2 else ""
        return Message(words[0], reply, body[headers:], status)

    def _line(self) -> bytes:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("NATS closed the connection")
        if line.startswith(b"-ERR"):
            raise Refused(line.decode().strip())
        return line[:-2]

    def _send(self, line: str, payload: bytes | None = None) -> None:
        after = b"" if payload is None else payload + b"\r\n"
        self._socket.sendall(line.encode() + b"\r\n" + after)


@dataclass(frozen=True)
class Nats:
    """A running NATS; `store` is the folder of its streams."""

    neighbour: Neighbour
    url: str
    monitoring: str
    store: Path
    _http: httpx2.Client

    @contextmanager
    def connect(self) -> Iterator[NatsConnection]:
        """Yield a connection, closed afterwards."""
        with socket.create_connection((self.neighbour.enclosure.address, PORT)) as made:
            connection = NatsConnection(made)
            try:
                yield connection
            finally:
                connection.close()

    def close(self) -> None:
        """Stop it; its streams stay in `store`."""
        self.neighbour.stop()
        self._http.close()


def start_nats(enclosure: Enclosure) -> Nats:
    """Start a NATS server with JetStream; raises `parts.NotBuilt`."""
    folder = folder_for(enclosure, "nats")
    store = folder / "store"
    settings = folder / "nats.conf"
    at = enclosure.address
    settings.write_text(
        f'listen: "{at}:{PORT}"\nhttp: "{at}:{MONITORING_PORT}"\n'
        f'jetstream {{ store_dir: "{store}", max_mem: 64M, max_file: 1G }}\n'
    )
    monitoring = f"http://{at}:{MONITORING_PORT}"
    command = (parts.program("nats-server"), "--config", settings)
    http = client(monitoring)
    # healthz tells of JetStream as well, which is ready after the port is open
    neighbour = Neighbour(enclosure, "nats", command, lambda: succeeds(http, "/healthz"))
    neighbour.start()
    return Nats(neighbour, f"nats://{at}:{PORT}", monitoring, store, http)
