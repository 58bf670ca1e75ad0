"""The members of a recording, found in a ZIP file or a folder, without unpacking or following.

The ZIP is read by hand and not by `zipfile`, which reads a central directory of any size into
memory, believes local headers, and takes the last of two members with one name.
"""

import hashlib
import mmap
import os
import re
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from upid.adapters.recordings.errors import NotARecording, RecordingDamaged, RecordingMissing
from upid.adapters.recordings.layout import MAX_DIRECTORY, MAX_MEMBERS, MAX_SMALL

_END = struct.Struct("<4s4H2IH")
_END64_PLACE = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_ENCRYPTED = 0x1
_DEEPEST = 2  # folders within each other
_FULL16 = 0xFFFF
_FULL32 = 0xFFFFFFFF
_FIELD = 4  # bytes of an extra field's head
_WIDE = 8  # bytes of a 64-bit number
_ZIP64 = 1  # id of the extra field with sizes that need 64 bits
_LINK = 0o120000
_SAFE = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_.-]*/){0,3}[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a member's bytes are."""

    file: Path
    offset: int
    size: int


class Members:
    """The named parts of one recording. Read-only and safe to share between threads."""

    def __init__(self, path: Path, extents: Mapping[str, Extent]) -> None:
        self.path = path
        self.extents = extents

    def small(self, name: str, limit: int = MAX_SMALL) -> bytes:
        """Return all of a member that may be read whole."""
        extent = self.extents.get(name)
        if extent is None:
            raise RecordingDamaged(self.path, name, "it is missing")
        if extent.size > limit:
            raise RecordingDamaged(
                self.path, name, f"it has {extent.size} bytes, more than the {limit} that it may"
            )
        with _opened(extent.file, follow=extent.file == self.path) as descriptor:
            raw = os.pread(descriptor.number, extent.size, extent.offset)
        if len(raw) != extent.size:
            raise RecordingDamaged(self.path, name, "it is cut short")
        return raw

    def checked(self, name: str, sha256: str, limit: int = MAX_SMALL) -> bytes:
        """Return all of a member after comparing it with its checksum."""
        raw = self.small(name, limit)
        if hashlib.sha256(raw).hexdigest() != sha256:
            raise RecordingDamaged(self.path, name, "its checksum does not match")
        return raw

    def mapped(self, name: str) -> tuple[mmap.mmap | None, memoryview]:
        """Return a member's bytes without reading them; they come in as they are touched."""
        extent = self.extents.get(name)
        if extent is None:
            raise RecordingDamaged(self.path, name, "it is missing")
        if extent.size == 0:
            return None, memoryview(b"")
        with _opened(extent.file, follow=extent.file == self.path) as descriptor:
            if os.fstat(descriptor.number).st_size < extent.offset + extent.size:
                raise RecordingDamaged(self.path, name, "it is cut short")
            before = extent.offset % mmap.ALLOCATIONGRANULARITY
            mapping = mmap.mmap(
                descriptor.number,
                before + extent.size,
                access=mmap.ACCESS_READ,
                offset=extent.offset - before,
            )
        return mapping, memoryview(mapping)[before : before + extent.size]


class _opened:  # noqa: N801 - reads as a verb where it is used
    """A file's descriptor; within a folder links are not followed, even new ones."""

    def __init__(self, path: Path, *, follow: bool = True) -> None:
        self._path = path
        self._flags = os.O_RDONLY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
        self.number = -1

    def __enter__(self) -> "_opened":
        try:
            self.number = os.open(self._path, self._flags)
        except FileNotFoundError as error:
            raise RecordingMissing(self._path) from error
        except OSError as error:
            raise NotARecording(self._path, error.strerror or str(error)) from error
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.number)


def open_members(path: Path) -> Members:
    """Return the members of the recording at `path`; costs one small read."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise RecordingMissing(path) from error
    if stat.S_ISDIR(mode):
        return Members(path, _in_folder(path))
    if not stat.S_ISREG(mode):
        raise NotARecording(path, "it is neither a file nor a folder")
    return Members(path, _in_zip(path))


def _in_folder(path: Path) -> dict[str, Extent]:
    found: dict[str, Extent] = {}
    pending = [""]
    while pending:
        prefix = pending.pop()
        with os.scandir(path / prefix) as entries:
            for entry in entries:
                name = prefix + entry.name
                if entry.is_symlink():
                    raise RecordingDamaged(path, name, "it is a link, and links are not followed")
                if entry.is_dir() and name.count("/") < _DEEPEST:
                    pending.append(f"{name}/")
                elif _SAFE.fullmatch(name) and entry.is_file():
                    found[name] = Extent(path / name, 0, entry.stat().st_size)
                if len(found) + len(pending) > MAX_MEMBERS:
                    raise NotARecording(path, f"it has more than {MAX_MEMBERS} members")
    return dict(sorted(found.items()))


def _in_zip(path: Path) -> dict[str, Extent]:
    with _opened(path) as descriptor:
        size = os.fstat(descriptor.number).st_size
        count, length, start = _directory(path, descriptor.number, size)
        raw = os.pread(descriptor.number, length, start)
        if len(raw) != length:
            raise NotARecording(path, "its central directory is cut short")
        found: dict[str, Extent] = {}
        position = 0
        for _ in range(count):
            name, offset, stored, position = _entry(path, raw, position)
            if name in found:
                raise NotARecording(path, f"it has two members called '{name}'")
            found[name] = _located(path, descriptor.number, name, offset, stored, start)
        if position != length:
            raise NotARecording(path, "its central directory does not end where it should")
    _apart(path, found)
    return dict(sorted(found.items()))


def _directory(path: Path, file: int, size: int) -> tuple[int, int, int]:
    """Return members, length and start of the central directory."""
    tail = os.pread(file, _END.size, max(0, size - _END.size))
    if len(tail) != _END.size or not tail.startswith(b"PK\5\6"):
        raise NotARecording(path, "it does not end as a ZIP file without a comment does")
    _, disk, first, here, count, length, start, comment = _END.unpack(tail)
    end = size - _END.size
    if _FULL32 in (length, start) or count == _FULL16:
        place = os.pread(file, _END64_PLACE.size, max(0, end - _END64_PLACE.size))
        if len(place) != _END64_PLACE.size or not place.startswith(b"PK\6\7"):
            raise NotARecording(path, "its 64-bit directory is missing")
        end = _END64_PLACE.unpack(place)[2]
        record = os.pread(file, _END64.size, end) if end < size else b""
        if len(record) != _END64.size or not record.startswith(b"PK\6\6"):
            raise NotARecording(path, "its 64-bit directory is missing")
        _, _, _, _, disk, first, here, count, length, start = _END64.unpack(record)
    if disk or first or here != count or comment:
        raise NotARecording(path, "its directory speaks of several files or a comment")
    if count > MAX_MEMBERS or length > MAX_DIRECTORY:
        raise NotARecording(path, f"it has more than {MAX_MEMBERS} members or long names")
    if start + length != end:
        raise NotARecording(path, "its central directory is not where it should be")
    return count, length, start


def _entry(path: Path, raw: bytes, position: int) -> tuple[str, int, int, int]:
    """Return name, offset, size of the member at `position`, and the position after it."""
    if position + _ENTRY.size > len(raw):
        raise NotARecording(path, "its central directory is cut short")
    entry = _ENTRY.unpack_from(raw, position)
    flags, method = entry[3], entry[4]
    packed, size, name_length, extra_length, comment = entry[8:13]
    attributes, offset = entry[15], entry[16]
    names = position + _ENTRY.size
    end = names + name_length + extra_length + comment
    name = raw[names : names + name_length].decode("utf-8", "replace")
    if entry[0] != b"PK\1\2" or end > len(raw):
        raise NotARecording(path, "its central directory is not one")
    if not _SAFE.fullmatch(name):
        raise NotARecording(path, f"no recording has a member called {name[:80]!r}")
    if method != 0 or flags & _ENCRYPTED:
        raise RecordingDamaged(path, name, "it is compressed or encrypted; members are stored")
    if (attributes >> 16) & 0o170000 == _LINK:
        raise RecordingDamaged(path, name, "it is a link, and links are not followed")
    extra = raw[names + name_length : names + name_length + extra_length]
    size, packed, offset = _widened(extra, size, packed, offset)
    if size != packed:
        raise RecordingDamaged(path, name, "it is compressed; members are stored")
    return name, offset, size, end


def _widened(extra: bytes, *narrow: int) -> tuple[int, int, int]:
    """Return size, packed size and offset, from the ZIP64 field where 32 bits are too few."""
    wide = b""
    while len(extra) >= _FIELD:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == _ZIP64:
            wide = extra[4 : 4 + length]
        extra = extra[4 + length :]
    found = []
    for value in narrow:
        if value == _FULL32 and len(wide) >= _WIDE:
            found.append(int.from_bytes(wide[:8], "little"))
            wide = wide[8:]
        else:
            found.append(value)
    return found[0], found[1], found[2]


def _located(path: Path, file: int, name: str, offset: int, size: int, limit: int) -> Extent:
    """Return where the bytes of a member are, after its local header agreed."""
    raw = os.pread(file, _LOCAL.size, offset) if offset < limit else b""
    if len(raw) != _LOCAL.size or not raw.startswith(b"PK\3\4"):
        raise RecordingDamaged(path, name, "it is not where the directory says")
    local = _LOCAL.unpack(raw)
    names, extra = local[9], local[10]
    same = os.pread(file, names, offset + _LOCAL.size).decode("utf-8", "replace") == name
    if not same or local[3] != 0 or local[2] & _ENCRYPTED:
        raise RecordingDamaged(path, name, "its local header disagrees with the directory")
    begin = offset + _LOCAL.size + names + extra
    if begin + size > limit:
        raise RecordingDamaged(path, name, f"it claims {size} bytes, more than the file has")
    return Extent(path, begin, size)


def _apart(path: Path, found: Mapping[str, Extent]) -> None:
    """Raise where two members share bytes: how a small file pretends to be a large one."""
    end = 0
    for name, extent in sorted(found.items(), key=lambda item: item[1].offset):
        if extent.offset < end:
            raise RecordingDamaged(path, name, "it overlaps another member")
        end = extent.offset + extent.size
