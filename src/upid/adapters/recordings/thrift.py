"""A walker over Thrift's compact protocol: enough to see what a Parquet file claims of itself.

Parquet libraries allocate what a header declares before they look at what is there. This walker
builds nothing: it is asked for numbers on the way past and skips the rest.
"""

from collections.abc import Mapping

_BOOLEANS = (1, 2)
_BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 3, 7, 8, 9, 10, 11, 12
_VARINTS = (4, 5, 6)
_DEEPEST = 16
_WIDEST = 70  # bits in ten bytes of seven: a 64-bit number
_MORE = 0x80  # a byte of a number that another follows
_LONG = 15  # a list whose length does not fit its head


class BadThrift(ValueError):
    """Bytes that are not what Thrift's compact protocol writes."""


class Walker:
    """A position in bytes that hold Thrift structures."""

    def __init__(self, raw: memoryview, position: int = 0) -> None:
        self._raw = raw
        self.position = position

    def varint(self) -> int:
        """Return the unsigned number here."""
        found = shift = 0
        while True:
            if self.position >= len(self._raw) or shift >= _WIDEST:
                raise BadThrift("a number does not end")
            byte = self._raw[self.position]
            self.position += 1
            found |= (byte & 0x7F) << shift
            if byte < _MORE:
                return found
            shift += 7

    def zigzag(self) -> int:
        """Return the signed number here."""
        found = self.varint()
        return (found >> 1) ^ -(found & 1)

    def numbers(self, depth: int = 0) -> dict[int, int | Mapping[int, object]]:
        """Return the whole numbers of the structure here, by field id; structures are nested.

        Lists are given as their length and skipped, so a long list costs a walk but no memory.
        """
        found: dict[int, int | Mapping[int, object]] = {}
        field = 0
        while True:
            kind, field = self.field(field)
            if kind == 0:
                return found
            if kind in _VARINTS:
                found[field] = self.zigzag()
            elif kind in _BOOLEANS:
                found[field] = int(kind == 1)
            elif kind == _STRUCT and depth < _DEEPEST:
                found[field] = self.numbers(depth + 1)
            else:
                self.skip(kind, depth + 1)

    def field(self, previous: int) -> tuple[int, int]:
        """Return kind and id of the field here; kind 0 ends the structure."""
        head = self._byte()
        if head == 0:
            return 0, 0
        delta = head >> 4
        return head & 0x0F, previous + delta if delta else self.zigzag()

    def length(self) -> tuple[int, int]:
        """Return how many elements the list here has, and their kind."""
        head = self._byte()
        count = head >> 4
        return (self.varint() if count == _LONG else count), head & 0x0F

    def skip(self, kind: int, depth: int) -> None:
        """Move past a value."""
        if depth > _DEEPEST:
            raise BadThrift("structures are nested too deeply")
        if kind in _VARINTS:
            self.varint()
        elif kind == _DOUBLE:
            self._forward(8)
        elif kind == _BYTE:
            self._forward(1)
        elif kind == _BINARY:
            self._forward(self.varint())
        elif kind in (_LIST, _SET):
            count, element = self.length()
            for _ in range(self._believable(count)):
                self.skip_element(element, depth + 1)
        elif kind == _STRUCT:
            self._skip_struct(depth)
        else:
            raise BadThrift(f"there is no kind {kind} in Parquet")

    def _skip_struct(self, depth: int) -> None:
        previous = 0
        while True:
            kind, previous = self.field(previous)
            if kind == 0:
                return
            if kind not in _BOOLEANS:
                self.skip(kind, depth + 1)

    def skip_element(self, kind: int, depth: int) -> None:
        """Move past a list's element; a boolean has a byte of its own there."""
        if kind in _BOOLEANS:
            self._forward(1)
        else:
            self.skip(kind, depth)

    def _believable(self, count: int) -> int:
        """Return a list's length unless the bytes cannot hold as many elements."""
        if count > len(self._raw) - self.position:
            raise BadThrift("a list claims more elements than there are bytes")
        return count

    def _byte(self) -> int:
        self._forward(1)
        return self._raw[self.position - 1]

    def _forward(self, count: int) -> None:
        self.position += count
        if self.position > len(self._raw):
            raise BadThrift("it ends too early")
