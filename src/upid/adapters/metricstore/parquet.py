"""Parquet files of the store: equal rows give equal bytes, and no byte is believed unchecked.

Written beside, synced, renamed to a name that ends with the checksum of the content. A file is
read after its CRC-32 was compared once in this process's life, its pages are compared with their
own checksums each time, and one that was replaced in the meantime is told apart from a missing one.
"""

import hashlib
import os
import threading
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from upid.adapters.metricstore.durable import make_folder, sync_folder
from upid.adapters.metricstore.errors import StoreDamaged
from upid.adapters.metricstore.layout import BESIDE, ROWS
from upid.adapters.metricstore.manifest import FileNote, Listed, Place, name_of
from upid.core.metrics import METRICS
from upid.core.panel import Ints

SERIES = "series"
_ZSTD = 3
_MOST_OPEN = 4096  # parsed footers that are kept
_BLOCK = 1 << 20
ARROW_FAULTS = (pa.ArrowException, OSError, ValueError, OverflowError, RuntimeError, KeyError)


class FileMoved(Exception):
    """A file went while it was about to be read: a newer one has its samples."""


class FileWriter:
    """Writes one file, row group by row group; it is not there before it is finished."""

    def __init__(self, root: Path, place: Place, columns: dict[str, pa.DataType]) -> None:
        self._root, self._place = root, place
        make_folder(root / place.folder)
        name = f"{place.family.name}.{place.part}{BESIDE}"
        self._beside = root / place.folder / name
        self.schema = pa.schema([(SERIES, pa.int32()), *columns.items()])
        self.rows = 0
        self._file = self._beside.open("wb")
        self._writer = pq.ParquetWriter(
            self._file,
            self.schema,
            compression="zstd",
            compression_level=_ZSTD,
            use_dictionary=False,
            column_encoding=_deltas(self.schema),
            write_statistics=[SERIES],
            write_page_checksum=True,
            store_schema=False,
            version="2.6",
        )
        self._writer.add_key_value_metadata(_notes(columns))

    def write(self, rows: Ints, columns: dict[str, pa.Array]) -> None:
        """Add rows: (r,) ids of series, and the columns of the schema."""
        arrays = [pa.array(rows).cast(pa.int32()), *(columns[n] for n in self.schema.names[1:])]
        table = pa.Table.from_arrays(arrays, schema=self.schema)
        self._writer.write_table(table, row_group_size=ROWS)
        self.rows += rows.size

    def finish(self, samples: int) -> Listed:
        """Put the file in place."""
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        sha256 = digest(self._beside)
        size, crc32 = checksum(self._beside)
        path = name_of(self._place, sha256)
        self._beside.replace(self._root / path)
        sync_folder((self._root / path).parent)
        return Listed(self._place, FileNote(path, size, crc32, sha256, self.rows, samples))

    def give_up(self) -> None:
        """Leave nothing behind."""
        with suppress(*ARROW_FAULTS):
            self._writer.close()
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._beside.unlink()


class Opened:
    """A file whose bytes were checked, and what its footer says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata = pq.read_metadata(path)
        groups = range(self.metadata.num_row_groups)
        found = [self.metadata.row_group(group).column(0).statistics for group in groups]
        self.lowest = np.array([one.min for one in found], np.int64)
        self.highest = np.array([one.max for one in found], np.int64)
        self.names = self.metadata.schema.to_arrow_schema().names

    def groups(self, ids: Ints | None) -> list[int]:
        """Return the row groups that may have series of (k,) rising ids."""
        if ids is None:
            return list(range(self.lowest.size))
        first = np.searchsorted(ids, self.lowest)
        some = first < np.searchsorted(ids, self.highest, side="right")
        found: list[int] = np.flatnonzero(some).tolist()
        return found

    def read(self, groups: Sequence[int], wanted: Sequence[str]) -> pa.Table:
        """Return some columns of some row groups, and the series of each row."""
        names = [SERIES, *(name for name in wanted if name in self.names)]
        with pq.ParquetFile(
            self.path,
            metadata=self.metadata,
            memory_map=True,
            page_checksum_verification=True,
        ) as file:
            return file.read_row_groups(list(groups), names, use_threads=False)


class Reader:
    """Reads the files of a store. Safe to share between threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[str, Opened] = {}
        self._lock = threading.Lock()

    def table(self, listed: Listed, wanted: Sequence[str], ids: Ints | None) -> pa.Table:
        """Return columns of a file, and the series of each row; a row group is read whole.

        Raises FileMoved where it is not there, StoreDamaged where it is not what was written.
        """
        path = self._root / listed.note.path
        try:
            file = self._opened(listed)
            return file.read(file.groups(ids), wanted)
        except FileNotFoundError as error:
            raise FileMoved(path) from error
        except ARROW_FAULTS as error:
            raise self.damaged(listed, str(error)) from error

    def series(self, listed: Listed) -> Ints:
        """(r,) the ids of the series that a file has rows of, rising."""
        return np.asarray(self.table(listed, (), None).column(SERIES).to_numpy(), np.int64)

    def damaged(self, listed: Listed, why: str) -> StoreDamaged:
        """Return the error that names a file."""
        return StoreDamaged(self._root / listed.note.path, why)

    def forget(self, listed: Listed) -> None:
        """Let go of a file that is about to be removed."""
        with self._lock:
            self._open.pop(listed.note.path, None)

    def _opened(self, listed: Listed) -> Opened:
        path = listed.note.path
        found = self._open.get(path)
        if found is None:
            if checksum(self._root / path) != (listed.note.size, listed.note.crc32):
                raise self.damaged(listed, "its checksum does not match")
            found = Opened(self._root / path)
            with self._lock:
                while len(self._open) >= _MOST_OPEN:
                    self._open.pop(next(iter(self._open)))
                self._open[path] = found
        return found


def checksum(path: Path) -> tuple[int, int]:
    """Return size and CRC-32 of a file: what reading checks, twice as fast as a SHA-256."""
    size = check = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            size, check = size + len(block), zlib.crc32(block, check)
    return size, check


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _notes(columns: Iterable[str]) -> dict[str, str]:
    """Return what the footer says of the metrics that have columns: scale and unit."""
    found: dict[str, str] = {}
    for name, metric in METRICS.items():
        if any(column == name or column.startswith(name + "_") for column in columns):
            found |= {f"{name}.scale": repr(metric.scale), f"{name}.unit": metric.unit}
    return found


def _deltas(schema: pa.Schema) -> dict[str, str]:
    """Return the encoding of each column of whole numbers."""
    found = {}
    for field in schema:
        if pa.types.is_list(field.type):
            if pa.types.is_integer(field.type.value_type):
                found[f"{field.name}.list.element"] = "DELTA_BINARY_PACKED"
        else:
            found[field.name] = "DELTA_BINARY_PACKED"
    return found
