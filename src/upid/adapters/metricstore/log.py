"""The write-ahead log: one record a delivery, durable before the delivery is acknowledged.

The log is a few segments, the last of which is written. A segment goes when all its samples are in
files that were read back. After a failed fsync nobody knows what of the file is on the disk (the
kernel forgets the pages), so the segment is given up: what was acknowledged is read back from the
disk, written anew from memory where it is not there, and only then is anything acknowledged again.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from upid.adapters.metricstore.durable import disk, make_folder, sync_folder
from upid.adapters.metricstore.frames import FILE_MAGIC, Frame, Scan, framed, frames
from upid.adapters.metricstore.layout import QUARANTINE

ENDING = ".wal"
_DIGITS = 12
_NEVER = -1


@dataclass(slots=True)
class Segment:
    """A log file that is written no more.

    latest   the newest sample in it, Unix milliseconds
    damaged  it is set aside, not removed, when it is not needed any more
    """

    path: Path
    latest: int
    damaged: bool = False


@dataclass(slots=True)
class Recovery:
    """What was found in a log when it was opened.

    records   whole ones, all of them replayed
    torn      bytes at the end that were cut short; nobody was promised them
    damaged   what changed since it was written, a sentence each; the file is set aside, and
              every whole record in it was replayed
    """

    records: int = 0
    torn: int = 0
    damaged: list[str] = field(default_factory=list)


class Log:
    """The log in one folder. Its caller sees to it that one thread at a time uses it.

    memory  yields records with all that is in no file yet, for when the disk is not to be trusted
    """

    def __init__(
        self, folder: Path, segment_bytes: int, memory: Callable[[], Iterable[bytes]]
    ) -> None:
        self.folder = folder
        self._segment_bytes = segment_bytes
        self._memory = memory
        self._closed: list[Segment] = []
        self._number = 0  # of the latest segment
        self._sequence = 0  # of the next record
        self._file = _NEVER
        self._path = folder
        self._good = 0  # bytes that were acknowledged
        self._latest = 0
        self._doubtful = False  # whether the disk has what was written last
        self._lost = False  # it has not what was acknowledged
        with disk(folder):
            make_folder(folder)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    def replay(self, take: Callable[[bytes], int], recovery: Recovery) -> None:
        """Hand every record that is whole to `take`, which returns the time of its newest sample.

        Raises ValueError where `take` does.
        """
        for path in segments(self.folder):
            self._number = int(path.stem)
            scan = Scan()
            latest = 0
            for frame in frames(path.read_bytes(), scan):
                self._follow(frame, path, recovery)
                latest = max(latest, take(frame.payload))
            recovery.torn += scan.torn
            recovery.damaged += [f"'{path.name}': {why}" for why in scan.damaged]
            self._closed.append(Segment(path, latest, damaged=bool(scan.damaged)))
            if scan.torn:
                with disk(path):
                    os.truncate(path, scan.whole)

    def _follow(self, frame: Frame, path: Path, recovery: Recovery) -> None:
        if recovery.records and frame.sequence > self._sequence:
            recovery.damaged.append(
                f"'{path.name}': records {self._sequence} to {frame.sequence - 1} are missing"
            )
        self._sequence = max(self._sequence, frame.sequence + 1)
        recovery.records += 1

    # ── writing ──────────────────────────────────────────────────────────────────────────────────

    def append(self, payload: bytes, latest: int) -> None:
        """Make a record durable; raise StoreUnavailable where it is not."""
        with disk(self.folder):
            if self._doubtful:
                self._mend()
            if self._file == _NEVER:
                self._open_next()
            self._write(framed(payload, self._sequence))
        self._sequence += 1
        self._latest = max(self._latest, latest)
        if self._good >= self._segment_bytes:
            self.close_segment()

    def close_segment(self) -> None:
        """Close the segment that is written; the next record opens another."""
        if self._file == _NEVER:
            return
        os.close(self._file)
        self._file = _NEVER
        self._closed.append(Segment(self._path, self._latest))

    def closed(self) -> list[Segment]:
        """Return the segments that are written no more."""
        return list(self._closed)

    def drop(self, gone: Iterable[Segment]) -> None:
        """Remove segments whose samples are all in files."""
        gone = list(gone)
        with disk(self.folder):
            for segment in gone:
                if segment.damaged:
                    set_aside(self.folder.parent, segment.path)
                else:
                    segment.path.unlink(missing_ok=True)
                self._closed.remove(segment)
            if gone:
                sync_folder(self.folder)

    def write_anew(self) -> None:
        """Write all that is in memory into new segments, and remove the old ones."""
        self.close_segment()
        old = self.closed()
        with disk(self.folder):
            self._remember()
        self.drop(old)

    # ── the file ─────────────────────────────────────────────────────────────────────────────────

    def _open_next(self) -> None:
        self._number += 1
        path = self.folder / f"{self._number:0{_DIGITS}}{ENDING}"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _write_all(file, FILE_MAGIC)
            os.fsync(file)
            sync_folder(self.folder)
        except OSError:
            os.close(file)
            with suppress(OSError):
                path.unlink()
            raise
        self._file, self._path = file, path
        self._good, self._latest = len(FILE_MAGIC), 0

    def _write(self, record: bytes) -> None:
        try:
            _write_all(self._file, record)
        except OSError:
            self._cut_back()
            raise
        try:
            os.fsync(self._file)
        except OSError:
            self._doubtful = True
            raise
        self._good += len(record)

    def _cut_back(self) -> None:
        """Take back a record that was written in part: a full disk still lets files shrink."""
        try:
            os.ftruncate(self._file, self._good)
            os.lseek(self._file, self._good, os.SEEK_SET)
        except OSError:
            self._doubtful = True

    def _mend(self) -> None:
        """Give up the doubtful segment: read it back from the disk, or write memory anew."""
        path, good, latest = self._path, self._good, self._latest
        if self._file != _NEVER:
            with suppress(OSError):
                os.ftruncate(self._file, good)
            self.close_segment()
        self._lost |= not read_back(path, good)
        if self._lost:
            self._remember()
        else:
            self._open_next()
            self._latest = latest
        self._doubtful = self._lost = False

    def _remember(self) -> None:
        newest = max((segment.latest for segment in self._closed), default=0)
        for payload in self._memory():
            if self._file == _NEVER:
                self._open_next()
                self._latest = newest
            self._write(framed(payload, self._sequence))
            self._sequence += 1


def segments(folder: Path) -> Iterator[Path]:
    """Yield the log files of a folder, oldest first."""
    yield from sorted(path for path in folder.glob("*" + ENDING) if path.stem.isdigit())


def read_back(path: Path, good: int) -> bool:
    """Return whether the first `good` bytes of a log are on the disk, whole."""
    try:
        with path.open("rb") as file:
            if hasattr(os, "posix_fadvise"):  # not from the kernel's memory
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            raw = file.read(good)
    except OSError:
        return False
    scan = Scan()
    for _ in frames(raw, scan):
        pass
    return scan.whole == good and not scan.damaged


def set_aside(root: Path, path: Path, name: str = "") -> Path:
    """Move a damaged file into quarantine, where nothing reads it."""
    folder = root / QUARANTINE
    make_folder(folder)
    target = folder / (name or path.name)
    path.replace(target)
    sync_folder(folder)
    sync_folder(path.parent)
    return target


def _write_all(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]
