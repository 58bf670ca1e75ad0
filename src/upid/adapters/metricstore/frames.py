"""Records in a log file: framed, checked, and found again after damage.

A frame is a header (magic, sizes, checksum of the payload, sequence number, checksum of the header
itself) and a payload packed with zstd. The header's own checksum tells a record that was cut short,
which nobody was promised, from one whose bytes changed, which is damage and is named.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

FILE_MAGIC = b"UPIDWAL1"
MAX_RECORD = 1 << 30  # bytes of a record, unpacked; a tick of 10,000 containers has 1 MB

_MAGIC = b"UPR\x01"
_HEAD = struct.Struct("<4sIIIQ")  # magic, size, unpacked size, checksum, sequence
_CHECK = struct.Struct("<I")
_ROOM = _HEAD.size + _CHECK.size
_CODEC = pa.Codec("zstd", compression_level=1)


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole record."""

    sequence: int
    payload: bytes


@dataclass(slots=True)
class Scan:
    """What is wrong with a log file, filled while its records are read.

    whole     bytes up to the end of the last whole record
    torn      bytes after it that were cut short
    damaged   what changed, a sentence each
    """

    whole: int = 0
    torn: int = 0
    damaged: list[str] = field(default_factory=list)


def framed(payload: bytes, sequence: int) -> bytes:
    """Return a record as it is written."""
    packed = _CODEC.compress(payload, asbytes=True)
    head = _HEAD.pack(_MAGIC, len(packed), len(payload), zlib.crc32(packed), sequence)
    return b"".join((head, _CHECK.pack(zlib.crc32(head)), packed))


def frames(raw: bytes, scan: Scan) -> Iterator[Frame]:
    """Yield the whole records of a log file; what is not whole is told in `scan`."""
    if raw[: len(FILE_MAGIC)] != FILE_MAGIC[: len(raw)]:
        scan.damaged.append("its first bytes are not those of a log")
    position = scan.whole = min(len(FILE_MAGIC), len(raw))
    while position < len(raw):
        head = _head(raw, position)
        if head is None:
            position = _after_damage(raw, position, scan)
            continue
        size, unpacked, check, sequence = head
        begin, position = position + _ROOM, position + _ROOM + size
        if position > len(raw):
            scan.torn = len(raw) - begin + _ROOM
            return
        packed = raw[begin:position]
        scan.whole = position
        payload = _unpacked(packed, unpacked) if zlib.crc32(packed) == check else None
        if payload is None:
            scan.damaged.append(f"record {sequence} at byte {begin - _ROOM} does not match")
            continue
        yield Frame(sequence, payload)


def _head(raw: bytes, position: int) -> tuple[int, int, int, int] | None:
    """Return what the header at a position says, None where there is no whole one."""
    head = raw[position : position + _HEAD.size]
    check = raw[position + _HEAD.size : position + _ROOM]
    if len(check) < _CHECK.size or _CHECK.unpack(check)[0] != zlib.crc32(head):
        return None
    magic, size, unpacked, payload_check, sequence = _HEAD.unpack(head)
    return (size, unpacked, payload_check, sequence) if magic == _MAGIC else None


def _after_damage(raw: bytes, position: int, scan: Scan) -> int:
    """Return where the next whole header is, or the end; tell what lies in between."""
    following = raw.find(_MAGIC, position + 1)
    while following >= 0 and _head(raw, following) is None:
        following = raw.find(_MAGIC, following + 1)
    stop = len(raw) if following < 0 else following
    rest = raw[position:stop]
    if following < 0 and (len(rest) < _ROOM or not rest.strip(b"\0")):
        scan.torn = len(rest)  # too short to have been acknowledged, or never written
    else:
        scan.damaged.append(f"bytes {position} to {stop} are no record")
        scan.whole = stop
    return stop


def _unpacked(packed: bytes, size: int) -> bytes | None:
    if size > MAX_RECORD:
        return None
    try:
        return bytes(_CODEC.decompress(packed, size, asbytes=True))
    except (pa.ArrowException, OSError, ValueError):
        return None
