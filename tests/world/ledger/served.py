"""What servers saw: their books, read in time or from the file that they write.

A server remembers its last servings in a ring. Who reads it too late finds a gap, and a gap is an
error, never silence. A server that dies takes along what was not read yet; the ledger then knows
from when to when it is blind.
"""

import contextlib
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import httpx2
import msgspec

from tests.world.ledger.client_log import Request, clock

_SERVED = "/actor/served"
_PATIENCE = 5.0  # seconds for an answer that takes milliseconds; a stopped server takes for ever
_LONGEST_PATH = 200  # characters of a path that `actor serve` notes
_FOREVER = 2**63 - 1


class RingOverrun(Exception):
    """A server forgot servings before they were read: read sooner, or let it remember more."""


class BookBroken(Exception):
    """A server's book does not count as a book does: it cannot be trusted."""


@dataclass(frozen=True, slots=True)
class Serving:
    """One request as a server saw it.

    incarnation  which life of the server: when it began in nanoseconds since 1970, or, read from
                 a file, its number, the first being 1
    number       of the line in that life's book; the first is 1
    """

    server: str
    incarnation: int
    number: int
    id: str
    protocol: str
    method: str
    path: str
    received_ns: int
    agent: str

    @property
    def where(self) -> str:
        """Return the line of the book, for messages."""
        return f"{self.server} (line {self.number})"


@dataclass(frozen=True, slots=True)
class Blind:
    """A time in which a server may have served what no book tells: it died before it was read."""

    server: str
    since_ns: int
    until_ns: int

    def __str__(self) -> str:
        return f"{self.server} from {clock(self.since_ns)} to {clock(self.until_ns)}"

    def covers(self, one: Request) -> bool:
        """Return whether it may have served this request.

        What was answered before the last reading began was noted before it, and so was read.
        """
        began = one.planned_ns if one.sent_ns is None else one.sent_ns
        ended = _FOREVER if one.done_ns is None else one.done_ns
        return ended >= self.since_ns and began <= self.until_ns


class Book(Protocol):
    """What the ledger asks of a server's book."""

    name: str

    def read(self) -> None:
        """Take over what is new."""

    def servings(self) -> tuple[Serving, ...]:
        """Return all that was taken over."""

    def blind(self) -> tuple[Blind, ...]:
        """Return the times of which it tells nothing, as of the last reading."""

    def close(self) -> None:
        """Stop reading; what was taken over stays."""


class _Line(msgspec.Struct):
    n: int
    id: str
    protocol: str
    method: str
    path: str
    received_ns: int
    agent: str


_DECODER = msgspec.json.Decoder(_Line)


def _serving(server: str, incarnation: int, text: bytes) -> Serving:
    try:
        line = _DECODER.decode(text)
    except msgspec.MsgspecError as error:
        raise BookBroken(f"{server!r} tells of a serving in no known way: {text!r}") from error
    return Serving(
        server=server,
        incarnation=incarnation,
        number=line.n,
        id=line.id,
        protocol=line.protocol,
        method=line.method,
        path=line.path,
        received_ns=line.received_ns,
        agent=line.agent,
    )


def path_of(asked: str) -> str:
    """Return a path as a server notes it: decoded, cut short, and without its query."""
    return unquote(urlsplit(asked).path)[:_LONGEST_PATH]


class ServerBook:
    """The book of the server at `url`, read over HTTP as it grows; safe between threads."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._client = httpx2.Client(base_url=url, timeout=_PATIENCE, trust_env=False)
        self._lock = threading.Lock()
        self._servings: list[Serving] = []
        self._blind: list[Blind] = []
        self._incarnation = 0
        self._number = 0
        self._read_ns = 0
        self._gone_ns: int | None = None
        self._closed = False

    def read(self) -> None:
        """Take over what is new; a server that does not answer is blind from its last answer.

        Raises `RingOverrun` for a gap and `BookBroken` for what is no book.
        """
        with self._lock:
            if self._closed:
                return
            with contextlib.suppress(httpx2.TransportError):
                while not self._page():
                    pass
                self._gone_ns = None
                return
            self._gone_ns = time.time_ns()

    def close(self) -> None:
        """Stop reading; what was read stays."""
        with self._lock:
            self._closed = True
            self._client.close()

    def _page(self) -> bool:
        """Take over one answer; return whether it continued where the last one ended."""
        asked = time.time_ns()
        answer = self._client.get(_SERVED, params={"after": self._number})
        if answer.status_code != httpx2.codes.OK:
            raise BookBroken(f"{self.name!r} answers {answer.status_code} for its book")
        incarnation = int(answer.headers["X-Served-Since"])
        if incarnation != self._incarnation:
            return self._next_life(incarnation)
        lost = int(answer.headers["X-Served-Lost"])
        if lost:
            raise RingOverrun(
                f"{self.name!r} forgot {lost} servings after number {self._number}, before they "
                "were read: read more often, or start it with a larger --remember"
            )
        found = [
            _serving(self.name, incarnation, line) for line in answer.content.splitlines() if line
        ]
        last = int(answer.headers["X-Served-Last"])
        if [one.number for one in found] != list(range(self._number + 1, last + 1)):
            raise BookBroken(f"{self.name!r} does not count from {self._number + 1} to {last}")
        self._servings += found
        self._number, self._read_ns = last, asked
        return True

    def _next_life(self, incarnation: int) -> bool:
        if self._incarnation:
            self._blind.append(Blind(self.name, self._read_ns, incarnation))
        self._incarnation, self._number, self._read_ns = incarnation, 0, incarnation
        return False

    def servings(self) -> tuple[Serving, ...]:
        """Return all that was read."""
        with self._lock:
            return tuple(self._servings)

    def blind(self) -> tuple[Blind, ...]:
        """Return the ends of lives that were not read, as of the last reading."""
        with self._lock:
            if self._gone_ns is None:
                return tuple(self._blind)
            return (*self._blind, Blind(self.name, self._read_ns, self._gone_ns))


class ServedFile:
    """The book that a server writes into a file as well; it outlives every death of the server."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path
        self._servings: tuple[Serving, ...] = ()

    def read(self) -> None:
        """Read the file anew; a last line without its end is still being written."""
        text = self._path.read_bytes() if self._path.exists() else b""
        self._servings = parse_served_file(self.name, text)

    def servings(self) -> tuple[Serving, ...]:
        """Return what the file told when it was last read."""
        return self._servings

    def blind(self) -> tuple[Blind, ...]:
        """Return nothing: each line was on disk before its answer left."""
        return ()

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""


def parse_served_file(server: str, text: bytes) -> tuple[Serving, ...]:
    """Return the servings in a file; each life of the server counts from 1."""
    lives = 0
    found: list[Serving] = []
    for line in text.split(b"\n")[:-1]:
        one = _serving(server, lives, line)
        if one.number == 1:
            lives += 1
            one = replace(one, incarnation=lives)
        elif not found or one.number != found[-1].number + 1:
            raise BookBroken(f"{server!r} writes line {one.number} out of its turn")
        found.append(one)
    return tuple(found)
