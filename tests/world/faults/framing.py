"""Where one message of a TCP protocol ends, so that "the n-th operation" means something.

A `Session` follows one connection. It takes the client's bytes apart into messages and watches what
upstream answers, to know when everything that was sent has been acted upon.
"""

from dataclasses import dataclass
from typing import Protocol

from tests.world.faults.errors import FramingBroken

MOST = 64 * 1024 * 1024  # bytes of one message, which is kept whole; Redis' own bound is 512 MiB
SUBJECT = 200  # characters of a key or statement that a record keeps


@dataclass(frozen=True, slots=True)
class Message:
    """One message from client to server.

    verb     the operation: a Redis command, a PostgreSQL message's name, a NATS verb
    subject  its first argument, shortened
    content  all its bytes, as they came
    nudge    bytes that make upstream answer now what it would answer later; they are sent only
             when the reply is withheld, so the client never sees their answer
    """

    verb: str
    subject: str
    content: bytes
    nudge: bytes = b""


class Session(Protocol):
    """One connection's protocol."""

    def messages(self, received: bytes) -> list[Message]:
        """Return the messages that these bytes complete. Raises `FramingBroken`."""

    def sent(self, message: Message, *, nudged: bool) -> None:
        """Note that a message, and with it its nudge or not, goes to upstream."""

    def answered(self, received: bytes) -> None:
        """Follow what upstream says."""

    def settled(self) -> bool:
        """Whether upstream answered everything that it answers."""


class Framing(Protocol):
    """A protocol: makes a session for each connection."""

    def __call__(self) -> Session:
        """Return the session of a connection that was just opened."""


class Buffer:
    """Bytes that came and are not taken yet."""

    def __init__(self) -> None:
        self.held = bytearray()

    def add(self, received: bytes) -> None:
        """Keep bytes. Raises `FramingBroken` over the bound."""
        self.held += received
        if len(self.held) > MOST:
            raise FramingBroken(f"a message of more than {MOST} bytes")

    def take(self, length: int) -> bytes:
        """Return the first bytes and forget them."""
        taken = bytes(self.held[:length])
        del self.held[:length]
        return taken

    def line(self) -> bytes | None:
        """Return the first line without its end, or None while it has none; it stays."""
        end = self.held.find(b"\n")
        return None if end < 0 else bytes(self.held[:end]).removesuffix(b"\r")


def text(content: bytes) -> str:
    """Return bytes as a record keeps them."""
    return content[: SUBJECT * 4].decode("utf-8", "replace")[:SUBJECT]


class OpaqueSession:
    """A protocol that is not known: what arrives together is one message.

    It counts as acted upon when upstream has said anything after it.
    """

    def __init__(self) -> None:
        self._settled = True

    def messages(self, received: bytes) -> list[Message]:
        return [Message("BYTES", "", received)]

    def sent(self, message: Message, *, nudged: bool) -> None:
        self._settled = False

    def answered(self, received: bytes) -> None:
        self._settled = True

    def settled(self) -> bool:
        return self._settled


class LineSession:
    """A protocol of lines, each of which is answered: the first word is the verb.

    Lines that upstream says before it is asked are no answers.
    """

    def __init__(self) -> None:
        self._buffer = Buffer()
        self._owed = 0

    def messages(self, received: bytes) -> list[Message]:
        self._buffer.add(received)
        found = []
        while (line := self._buffer.line()) is not None:
            verb, _, rest = line.partition(b" ")
            content = self._buffer.take(self._buffer.held.find(b"\n") + 1)
            found.append(Message(text(verb), text(rest), content))
        return found

    def sent(self, message: Message, *, nudged: bool) -> None:
        self._owed += 1

    def answered(self, received: bytes) -> None:
        self._owed = max(0, self._owed - received.count(b"\n"))

    def settled(self) -> bool:
        return self._owed == 0
