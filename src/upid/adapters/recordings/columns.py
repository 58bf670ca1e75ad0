"""Parquet members: opened after their claims were checked, read after their bytes were.

Three guards, in this order. The footer is hashed (its SHA-256 is in the manifest) and its sizes
are compared with limits before Arrow parses it. Each column chunk is compared with its CRC-32 from
the `.crc32` member before it is decoded: Parquet's own page checksums do not cover page headers.
Each page header is walked: no dictionaries, nothing that unpacks to more than it may.
"""

import hashlib
import threading
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from upid.adapters.recordings.container import Members
from upid.adapters.recordings.errors import RecordingDamaged
from upid.adapters.recordings.layout import (
    CHECKS,
    MAX_CHECKS,
    MAX_COLUMNS,
    MAX_FOOTER,
    MAX_PAGE,
)
from upid.adapters.recordings.manifest import Manifest
from upid.adapters.recordings.thrift import BadThrift, Walker

_MAGIC = b"PAR1"
_TRAILER = 8  # the footer's length and the magic
_SCHEMA, _ROW_COUNT, _GROUPS = 2, 3, 4  # fields of FileMetaData
_LISTS = (9, 10)
_DATA_PAGE, _DATA_PAGE_V2 = 0, 3
_PAGE_KIND, _PAGE_SIZE, _PAGE_PACKED, _PAGE_HEAD, _PAGE_HEAD_V2 = 1, 2, 3, 5, 8
_PAGE_VALUES = 1
_ARROW_FAULTS = (pa.ArrowException, OSError, ValueError, OverflowError, RuntimeError, KeyError)


Expected = Callable[[pa.Schema], pa.Schema]  # the columns found → the columns there must be


class Columns:
    """One Parquet member: rows in groups, read column by column. Safe to share between threads."""

    def __init__(self, members: Members, manifest: Manifest, name: str, expected: Expected) -> None:
        note = manifest.members.get(name)
        checks = manifest.members.get(name + CHECKS)
        if note is None or checks is None or note.rows is None or note.footer is None:
            raise RecordingDamaged(members.path, name, "the manifest does not describe it")
        self.path, self.name, self.rows = members.path, name, note.rows
        self._mapping, self._bytes = members.mapped(name)
        if len(self._bytes) != note.size:
            raise self.damaged(f"it has {len(self._bytes)} bytes and should have {note.size}")
        self._footer(note.footer)
        self._buffer = pa.py_buffer(self._bytes)
        try:
            self.metadata = pq.read_metadata(pa.BufferReader(self._buffer))
            found = self.metadata.schema.to_arrow_schema()
        except _ARROW_FAULTS as error:
            raise self.damaged(str(error)) from error
        self._agree(found, expected(found))
        self.schema = found
        raw = members.checked(name + CHECKS, checks.sha256, MAX_CHECKS)
        self._crc = np.frombuffer(raw[: len(raw) // 4 * 4], dtype="<u4")
        self.width = self.metadata.num_columns
        if self._crc.size != self.groups * self.width or len(raw) % 4:
            raise RecordingDamaged(self.path, name + CHECKS, "it does not have one for each column")
        self._walked = np.zeros(self._crc.size, dtype=bool)
        self._local = threading.local()

    @property
    def groups(self) -> int:
        """How many row groups there are."""
        return int(self.metadata.num_row_groups)

    def damaged(self, why: str) -> RecordingDamaged:
        """Return the error that names this member."""
        return RecordingDamaged(self.path, self.name, why)

    def read(self, groups: Sequence[int], names: Sequence[str]) -> pa.Table:
        """Return columns of row groups, all their bytes checked. Uses the caller's thread only."""
        leaves = [i for i, top in enumerate(self._tops) if top in set(names)]
        for group in groups:
            for leaf in leaves:
                self._check(group, leaf)
        try:
            table = self._file().read_row_groups(list(groups), list(names), use_threads=False)
            table.validate()
        except _ARROW_FAULTS as error:
            raise self.damaged(str(error)) from error
        expected = sum(self.metadata.row_group(group).num_rows for group in groups)
        if table.num_rows != expected:
            raise self.damaged(f"it has {table.num_rows} rows where {expected} were promised")
        return table

    def values(self, group: int, name: str) -> int:
        """Return how many values (elements, or rows without any) a row group has in a column."""
        return int(self.metadata.row_group(group).column(self._tops.index(name)).num_values)

    def rows_of(self, group: int) -> int:
        """Return how many rows a row group has."""
        return int(self.metadata.row_group(group).num_rows)

    def bounds(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the lowest and highest value of a number column in each row group."""
        leaf = self._tops.index(name)
        pairs = np.zeros((self.groups, 2), dtype=np.int64)
        for group in range(self.groups):
            found = self.metadata.row_group(group).column(leaf).statistics
            if found is None or not found.has_min_max:
                raise self.damaged(f"row group {group} does not say which {name} it has")
            pairs[group] = found.min, found.max
        return pairs[:, 0], pairs[:, 1]

    def close(self) -> None:
        """Let go of the file."""
        self._local = threading.local()

    def _file(self) -> pq.ParquetFile:
        """Return this thread's reader; they share the parsed footer and the bytes."""
        found: pq.ParquetFile | None = getattr(self._local, "file", None)
        if found is None:
            found = pq.ParquetFile(pa.BufferReader(self._buffer), metadata=self.metadata)
            self._local.file = found
        return found

    def _footer(self, sha256: str) -> None:
        """Check the footer's hash and claims before Arrow believes them."""
        raw = self._bytes
        if len(raw) < _TRAILER + len(_MAGIC) or raw[:4] != _MAGIC or raw[-4:] != _MAGIC:
            raise self.damaged("it is not a Parquet file")
        size = int.from_bytes(raw[-_TRAILER:-4], "little")
        if size > min(MAX_FOOTER, len(raw) - _TRAILER - len(_MAGIC)):
            raise self.damaged(f"its footer claims {size} bytes")
        self._body = len(raw) - _TRAILER - size
        footer = raw[self._body : -_TRAILER]
        if hashlib.sha256(footer).hexdigest() != sha256:
            raise self.damaged("the checksum of its footer does not match")
        try:
            columns, rows, groups = _claims(footer)
        except BadThrift as error:
            raise self.damaged(f"its footer cannot be read: {error}") from error
        if columns > MAX_COLUMNS:
            raise self.damaged(f"it claims {columns} columns")
        if rows != self.rows or groups > max(rows, 1):
            raise self.damaged(f"it claims {rows} rows in {groups} groups, not {self.rows} rows")

    def _agree(self, found: pa.Schema, schema: pa.Schema) -> None:
        """Check that the columns are those of the format: names, order, types."""
        if self.metadata.num_rows != self.rows:
            raise self.damaged(f"it has {self.metadata.num_rows} rows, not {self.rows}")
        if self.metadata.metadata:
            raise self.damaged("it has metadata that no recording has")
        if not found.remove_metadata().equals(schema):
            raise self.damaged(
                f"its columns are not those of version 1: {found.names[:MAX_COLUMNS]}"
            )
        self._tops = [
            self.metadata.schema.column(i).path.partition(".")[0]
            for i in range(self.metadata.num_columns)
        ]

    def _check(self, group: int, leaf: int) -> None:
        """Check the bytes of one column chunk, once."""
        index = group * self.width + leaf
        if self._walked[index]:
            return
        chunk = self.metadata.row_group(group).column(leaf)
        start, size = chunk.data_page_offset, chunk.total_compressed_size
        if chunk.has_dictionary_page or chunk.dictionary_page_offset is not None:
            raise self.damaged(f"row group {group} has a dictionary, which no recording has")
        if start < len(_MAGIC) or size < 0 or start + size > self._body:
            raise self.damaged(f"row group {group} lies outside it")
        raw = self._bytes[start : start + size]
        if zlib.crc32(raw) != self._crc[index]:
            raise self.damaged(f"the checksum of row group {group}, column {leaf}, does not match")
        try:
            values = _walk(raw)
        except (BadThrift, TypeError) as error:
            raise self.damaged(f"the pages of row group {group} cannot be read: {error}") from error
        if values != chunk.num_values:
            raise self.damaged(f"row group {group} has {values} values, not {chunk.num_values}")
        self._walked[index] = True


def _claims(footer: memoryview) -> tuple[int, int, int]:
    """Return how many schema elements, rows and row groups a footer claims to have."""
    walker = Walker(footer)
    found = {_SCHEMA: 0, _ROW_COUNT: 0, _GROUPS: 0}
    field = 0
    while field < _GROUPS:
        kind, field = walker.field(field)
        if kind == 0:
            break
        if field == _ROW_COUNT:
            found[field] = walker.zigzag()
        elif field in found and kind in _LISTS:
            found[field], element = walker.length()
            if found[_SCHEMA] > MAX_COLUMNS or field == _GROUPS:
                break
            for _ in range(found[field]):
                walker.skip_element(element, 0)
        else:
            walker.skip(kind, 0)
    return found[_SCHEMA], found[_ROW_COUNT], found[_GROUPS]


def _walk(raw: memoryview) -> int:
    """Return how many values the pages of a column chunk hold; raise for what may not be there."""
    walker = Walker(raw)
    values = 0
    while walker.position < len(raw):
        page = walker.numbers()
        head = page.get(_PAGE_HEAD if page.get(_PAGE_KIND) == _DATA_PAGE else _PAGE_HEAD_V2)
        if page.get(_PAGE_KIND) not in (_DATA_PAGE, _DATA_PAGE_V2) or not isinstance(head, dict):
            raise BadThrift("there is a page that holds no values")
        size, packed = page.get(_PAGE_SIZE), page.get(_PAGE_PACKED)
        if not isinstance(size, int) or not 0 <= size <= MAX_PAGE:
            raise BadThrift(f"a page claims to unpack to {size} bytes")
        if not isinstance(packed, int) or packed < 0:
            raise BadThrift("a page has no size")
        if not 0 <= head[_PAGE_VALUES] <= MAX_PAGE:
            raise BadThrift(f"a page claims {head[_PAGE_VALUES]} values")
        values += head[_PAGE_VALUES]
        walker.position += packed
    if walker.position != len(raw):
        raise BadThrift("the last page is cut short")
    return values
