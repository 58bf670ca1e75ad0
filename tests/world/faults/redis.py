"""Redis: one message is one command, and one reply answers it (RESP2 and RESP3)."""

from tests.world.faults.errors import FramingBroken
from tests.world.faults.framing import Buffer, Message, text

_LINES = b"+-:,#_("
_BULKS = b"$=!"
_LISTS = b"*~>%|"
_PAIRED = b"%|"  # a map of n has 2 n values in it
_SUBSCRIBING = {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"}
_LEAVING = {"UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"}
_PUSHED = {b"message", b"pmessage", b"smessage"} | {
    verb.lower().encode() for verb in _SUBSCRIBING | _LEAVING
}
_DEEPEST = 32  # values within values; Redis' own replies go to 4


def value_end(held: bytearray, start: int = 0, depth: int = 0) -> int | None:
    """Return where the RESP value that begins at `start` ends, or None while it is incomplete.

    Raises `FramingBroken` for bytes that begin no value.
    """
    if start >= len(held):
        return None
    line_end = held.find(b"\r\n", start)
    if line_end < 0:
        return None
    kind, after = held[start : start + 1], line_end + 2
    if kind in _LINES:
        return after
    if kind not in _BULKS + _LISTS or depth > _DEEPEST:
        raise FramingBroken(f"no RESP value begins with {bytes(held[start : start + 20])!r}")
    count = _number(held[start + 1 : line_end])
    if kind in _BULKS:
        end = after + max(count, -2) + 2 if count >= 0 else after
        return end if end <= len(held) else None
    values = count * 2 if kind in _PAIRED else count
    for _ in range(values):
        found = value_end(held, after, depth + 1)
        if found is None:
            return None
        after = found
    return after if kind != b"|" else value_end(held, after, depth + 1)


def _number(digits: bytearray) -> int:
    try:
        return int(digits)
    except ValueError as error:
        raise FramingBroken(f"{bytes(digits)!r} is no RESP length") from error


def _arguments(command: bytes) -> list[bytes]:
    """Return the first two words of a command, inline or as an array."""
    if not command.startswith(b"*"):
        return command.split()[:2]
    lines = command.split(b"\r\n", 3)
    words: list[bytes] = []
    rest = b"\r\n".join(lines[1:])
    while rest.startswith(b"$") and len(words) < 2:
        head, _, rest = rest.partition(b"\r\n")
        length = int(head[1:])
        words.append(rest[:length])
        rest = rest[length + 2 :]
    return words


class RedisSession:
    """One client's connection to Redis."""

    def __init__(self) -> None:
        self._commands, self._replies = Buffer(), Buffer()
        self._owed = 0
        self._subscribed = False

    def settled(self) -> bool:
        return self._owed <= 0

    def messages(self, received: bytes) -> list[Message]:
        self._commands.add(received)
        found = []
        while (end := self._command_end()) is not None:
            content = self._commands.take(end)
            words = [*_arguments(content), b"", b""]
            found.append(Message(text(words[0]).upper(), text(words[1]), content))
        return found

    def _command_end(self) -> int | None:
        held = self._commands.held
        if held.startswith(b"*"):
            return value_end(held)
        end = held.find(b"\n")
        return end + 1 if end >= 0 else None

    def sent(self, message: Message, *, nudged: bool) -> None:
        if message.verb in _SUBSCRIBING:
            self._subscribed = True
        elif message.verb not in _LEAVING and message.content.strip():
            self._owed += 1

    def answered(self, received: bytes) -> None:
        self._replies.add(received)
        while (end := value_end(self._replies.held)) is not None:
            if not self._is_pushed(self._replies.take(end)):
                self._owed -= 1

    def _is_pushed(self, reply: bytes) -> bool:
        if reply.startswith(b">"):
            return True
        if not self._subscribed or not reply.startswith(b"*"):
            return False
        first = reply.split(b"\r\n", 3)[2:3]
        return bool(first) and first[0] in _PUSHED
