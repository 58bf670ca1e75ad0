"""NATS: one message is one protocol line, with the payload of a PUB or HPUB.

Without TLS. A server answers few of them, so PING is what shows that it acted on the rest.
"""

import json

from tests.world.faults.errors import FramingBroken
from tests.world.faults.framing import Buffer, Message, text

_PAYLOADS = {b"PUB", b"HPUB", b"MSG", b"HMSG"}
_NUDGE = b"PING\r\n"
_END = 2  # bytes of the \r\n after a payload


def _frame_end(buffer: Buffer) -> tuple[bytes, int] | None:
    """Return the first line and where its message ends, or None while it is incomplete."""
    line = buffer.line()
    if line is None:
        return None
    end = buffer.held.find(b"\n") + 1
    words = line.split()
    if words and words[0].upper() in _PAYLOADS:
        try:
            end += int(words[-1]) + _END
        except ValueError as error:
            raise FramingBroken(f"no size at the end of {line!r}") from error
    return (line, end) if end <= len(buffer.held) else None


class NatsSession:
    """One client's connection to NATS."""

    def __init__(self) -> None:
        self._said, self._heard = Buffer(), Buffer()
        self._pongs = 0
        self._agreements = 0  # +OK, which only a verbose client gets
        self._verbose = False

    def settled(self) -> bool:
        return self._pongs <= 0 and self._agreements <= 0

    def messages(self, received: bytes) -> list[Message]:
        self._said.add(received)
        found = []
        while (frame := _frame_end(self._said)) is not None:
            line, end = frame
            verb, _, rest = line.partition(b" ")
            subject = rest if verb.upper() == b"CONNECT" else rest.split(b" ")[0]
            content = self._said.take(end)
            nudge = b"" if verb.upper() == b"PING" else _NUDGE
            found.append(Message(text(verb).upper(), text(subject), content, nudge))
        return found

    def sent(self, message: Message, *, nudged: bool) -> None:
        if message.verb == "CONNECT":
            wanted = json.loads(message.content.partition(b" ")[2])
            self._verbose = bool(wanted.get("verbose", False))
        if message.verb == "PING" or (nudged and message.nudge):
            self._pongs += 1
        if self._verbose and message.verb not in ("PING", "PONG"):
            self._agreements += 1

    def answered(self, received: bytes) -> None:
        self._heard.add(received)
        while (frame := _frame_end(self._heard)) is not None:
            line, end = frame
            self._heard.take(end)
            if line.startswith(b"PONG"):
                self._pongs -= 1
            elif line.startswith(b"+OK"):
                self._agreements -= 1
            elif line.startswith(b"-ERR"):  # most of these end the connection
                self._pongs = self._agreements = 0
