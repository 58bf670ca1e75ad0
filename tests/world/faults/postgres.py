"""PostgreSQL, protocol 3: one message is one frontend message, start-up and TLS request included.

Without TLS: a server that accepts it makes the rest of the connection unreadable, and opaque.
"""

import struct
from collections import deque

from tests.world.faults.errors import FramingBroken
from tests.world.faults.framing import MOST, Buffer, Message, text

_NAMES = {
    b"Q": "Query",
    b"P": "Parse",
    b"B": "Bind",
    b"E": "Execute",
    b"D": "Describe",
    b"C": "Close",
    b"S": "Sync",
    b"H": "Flush",
    b"X": "Terminate",
    b"p": "Password",
    b"F": "FunctionCall",
    b"d": "CopyData",
    b"c": "CopyDone",
    b"f": "CopyFail",
}
# Which backend message answers each; an error (E) answers all up to the next Sync
_ANSWERS = {
    "Query": b"ZGHW",
    "FunctionCall": b"Z",
    "Sync": b"Z",
    "Parse": b"1",
    "Bind": b"2",
    "Close": b"3",
    "Describe": b"Tn",
    "Execute": b"CIsGHW",
    "CopyDone": b"CZ",
    "CopyFail": b"EZ",
    "Password": b"RZE",
    "Startup": b"RZE",
}
_TILL_SYNC = {"Parse", "Bind", "Close", "Describe", "Execute"}
_FLUSH = b"H\x00\x00\x00\x04"
_REQUESTS = {80877103: "SSLRequest", 80877104: "GSSENCRequest", 80877102: "CancelRequest"}
_LENGTH = 4  # bytes; counts itself
_OK, _SASL_FINAL = 0, 12  # kinds of authentication message that another one follows at once


class PostgresSession:
    """One client's connection to PostgreSQL."""

    def __init__(self) -> None:
        self._said, self._heard = Buffer(), Buffer()
        self._started = self._opaque = False
        self._one_byte = False  # an encryption request is answered by one byte without a frame
        self._owed: deque[str] = deque()

    def settled(self) -> bool:
        return not self._owed

    def messages(self, received: bytes) -> list[Message]:
        if self._opaque:
            return [Message("TLS", "", received)]
        self._said.add(received)
        found = []
        while (message := self._message()) is not None:
            found.append(message)
        return found

    def _message(self) -> Message | None:
        head = _LENGTH + (1 if self._started else 0)
        held = self._said.held
        if len(held) < head:
            return None
        end = head - _LENGTH + _length(bytes(held[head - _LENGTH : head]))
        if len(held) < end:
            return None
        content = self._said.take(end)
        return self._typed(content) if self._started else self._untyped(content)

    def _untyped(self, content: bytes) -> Message:
        (code,) = struct.unpack("!i", content[_LENGTH : _LENGTH * 2])
        verb = _REQUESTS.get(code, "Startup")
        self._started = verb == "Startup"
        words = content[_LENGTH * 2 :].split(b"\0")
        return Message(verb, text(words[1]) if self._started and len(words) > 1 else "", content)

    def _typed(self, content: bytes) -> Message:
        verb = _NAMES.get(content[:1], text(content[:1]))
        subject = b""
        if verb == "Query":
            subject = content[5:].split(b"\0")[0]
        elif verb == "Parse":
            subject = content[5:].split(b"\0")[1]
        return Message(verb, text(subject), content, _FLUSH if verb in _TILL_SYNC else b"")

    def sent(self, message: Message, *, nudged: bool) -> None:
        if message.verb in ("SSLRequest", "GSSENCRequest"):
            self._one_byte = True
            self._owed.append(message.verb)
        elif message.verb in _ANSWERS:
            self._owed.append(message.verb)

    def answered(self, received: bytes) -> None:
        if self._one_byte and received:
            self._one_byte = False
            self._owed.clear()
            self._opaque = received[:1] in (b"S", b"G")
            received = received[1:]
        if self._opaque:
            return
        self._heard.add(received)
        while len(self._heard.held) > _LENGTH:
            end = 1 + _length(bytes(self._heard.held[1 : 1 + _LENGTH]))
            if len(self._heard.held) < end:
                return
            self._answer(self._heard.take(end))

    def _answer(self, content: bytes) -> None:
        kind = content[:1]
        if kind == b"R" and struct.unpack("!i", content[5:9])[0] in (_OK, _SASL_FINAL):
            return
        if kind == b"E":
            while self._owed and self._owed[0] in _TILL_SYNC:
                self._owed.popleft()
        if self._owed and kind in _ANSWERS[self._owed[0]]:
            self._owed.popleft()


def _length(four: bytes) -> int:
    (length,) = struct.unpack("!i", four)
    if not _LENGTH <= length <= MOST:
        raise FramingBroken(f"a PostgreSQL message of {length} bytes")
    return int(length)
