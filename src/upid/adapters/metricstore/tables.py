"""Samples of a place as files: the raw ones, and the roll-ups made of them.

What is written comes in chunks of a few row groups, twice: once to learn which columns there must
be, once to write them. So a day of a large fleet needs the memory of a chunk, and the bytes depend
on nothing but the samples. A file is read back before it counts.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from upid.adapters.metricstore import cells, columns
from upid.adapters.metricstore.durable import disk
from upid.adapters.metricstore.errors import StoreUnavailable
from upid.adapters.metricstore.layout import DAY, ROWS
from upid.adapters.metricstore.manifest import Listed, Place
from upid.adapters.metricstore.parquet import ARROW_FAULTS, SERIES, FileWriter, Opened, Reader
from upid.core.metrics import Metric
from upid.core.panel import Floats, Ints
from upid.core.rollup import Level, Rollup, roll
from upid.core.samples import Samples, joined

CHUNK = 2 * ROWS  # series worked on at once: 256 × 5,760 samples of 15 s are 24 MB a metric
_DENSE = 2  # samples a cell; a level with fewer would be no shorter than the samples

Chunk = tuple[Ints, Mapping[Metric, Samples]]  # (r,) series, and what they have
Source = Callable[[], Iterator[Chunk]]


class Table(Protocol):
    """One file to be: learns what it must hold, then gives its columns."""

    place: Place

    def note(self, chunk: Chunk) -> None:
        """Learn of a chunk that will have to be written."""

    def columns(self) -> dict[str, pa.DataType]:
        """Return the columns that there must be; none: no file is wanted."""

    def encode(self, chunk: Chunk) -> dict[str, pa.Array]:
        """Return the columns of a chunk."""

    def content(self, chunk: Chunk) -> bytes:
        """Return a digest of what a chunk says in this table."""

    def content_of(self, table: pa.Table) -> bytes:
        """Return the same digest, of rows that were read back."""


@dataclass(slots=True)
class RawTable:
    """The samples themselves."""

    place: Place
    kinds: dict[str, columns.Kind] = field(default_factory=dict)

    def note(self, chunk: Chunk) -> None:
        """Learn of a chunk that will have to be written."""
        for metric, samples in chunk[1].items():
            kind = self.kinds.setdefault(metric.name, columns.Kind())
            columns.note(kind, samples, metric)

    def columns(self) -> dict[str, pa.DataType]:
        """Return the columns that there must be."""
        return columns.columns_of(self.kinds)

    def encode(self, chunk: Chunk) -> dict[str, pa.Array]:
        """Return the columns of a chunk."""
        rows, parts = chunk
        found: dict[str, pa.Array] = {}
        for metric in self.place.family.metrics:
            kind = self.kinds.get(metric.name)
            if kind is not None:
                found |= columns.encode(parts[metric], metric, rows, self._midnight, kind)
        return found

    def content(self, chunk: Chunk) -> bytes:
        """Return a digest of what a chunk says in this table."""
        return _digest(chunk[1][metric] for metric in self._metrics())

    def content_of(self, table: pa.Table) -> bytes:
        """Return the same digest, of rows that were read back."""
        return _digest(columns.decode(table, one, self._midnight) for one in self._metrics())

    def _metrics(self) -> Iterator[Metric]:
        return (one for one in self.place.family.metrics if one.name in self.kinds)

    @property
    def _midnight(self) -> int:
        return self.place.day * DAY


@dataclass(slots=True)
class LevelTable:
    """A roll-up of them. `always`: also where it is no shorter than the samples."""

    place: Place
    level: Level
    always: bool = False
    samples: int = 0
    kinds: dict[str, cells.CellKind] = field(default_factory=dict)

    def note(self, chunk: Chunk) -> None:
        """Learn of a chunk that will have to be written."""
        for metric, rollup in self._rolled(chunk):
            cells.note(self.kinds.setdefault(metric.name, cells.CellKind()), rollup, metric)
            self.samples += int(rollup.counts.sum())

    def columns(self) -> dict[str, pa.DataType]:
        """Return the columns that there must be; none where the samples answer as quickly."""
        total = sum(kind.cells for kind in self.kinds.values())
        if not self.always and self.samples < _DENSE * total:
            return {}
        return cells.columns_of(self.kinds)

    def encode(self, chunk: Chunk) -> dict[str, pa.Array]:
        """Return the columns of a chunk."""
        found: dict[str, pa.Array] = {}
        for metric, rollup in self._rolled(chunk):
            kind = self.kinds[metric.name]
            if kind.cells:
                found |= cells.encode(rollup, metric, self.level, chunk[0], kind)
        return found

    def content(self, chunk: Chunk) -> bytes:
        """Return a digest of what a chunk says in this table."""
        return _digest(rollup for metric, rollup in self._rolled(chunk) if self._has(metric))

    def content_of(self, table: pa.Table) -> bytes:
        """Return the same digest, of rows that were read back."""
        midnight = self.place.day * DAY
        return _digest(
            cells.decode(table, metric, self.level, midnight)
            for metric in self.place.family.metrics
            if self._has(metric)
        )

    def _has(self, metric: Metric) -> bool:
        return metric.name in self.kinds and self.kinds[metric.name].cells > 0

    def _rolled(self, chunk: Chunk) -> Iterator[tuple[Metric, Rollup]]:
        for metric in self.place.family.metrics:
            if metric in chunk[1]:
                yield metric, roll(chunk[1][metric], self.level, metric.scale)


def level_tables(place: Place, levels: Sequence[Level], *, always: bool = False) -> list[Table]:
    """Return the tables of roll-ups of a place."""
    return [LevelTable(replace(place, resolution=one), one, always) for one in levels]


def write(root: Path, tables: Sequence[Table], source: Source) -> list[Listed]:
    """Write tables of one source as files, read them back, and return what to list of them.

    Raises StoreUnavailable, and leaves nothing behind then.
    """
    samples = 0
    for chunk in source():
        samples += sum(map(len, chunk[1].values()))
        for table in tables:
            table.note(chunk)
    wanted = [(table, found) for table in tables if (found := table.columns())]
    if not wanted:
        return []
    writers: list[FileWriter] = []
    written: list[Listed] = []
    digests: list[list[bytes]] = [[] for _ in wanted]
    folder = root / wanted[0][0].place.folder
    try:
        with disk(folder):
            writers += [FileWriter(root, table.place, found) for table, found in wanted]
            for chunk in source():
                for (table, _), writer, seen in zip(wanted, writers, digests, strict=True):
                    writer.write(chunk[0], table.encode(chunk))
                    seen.append(table.content(chunk))
            written += [writer.finish(samples) for writer in writers]
    except BaseException:
        for writer in writers:
            writer.give_up()
        raise
    for (table, _), listed, seen in zip(wanted, written, digests, strict=True):
        _read_back(root, table, listed, seen)
    return written


def _read_back(root: Path, table: Table, listed: Listed, digests: Sequence[bytes]) -> None:
    """Raise StoreUnavailable where a file does not give back what was put into it."""
    path = root / listed.note.path
    try:
        opened = Opened(path)
        per = CHUNK // ROWS
        for number, digest in enumerate(digests):
            groups = range(number * per, min((number + 1) * per, opened.lowest.size))
            if table.content_of(opened.read(groups, opened.names[1:])) != digest:
                raise StoreUnavailable(path, "what was written was read back differently")
    except ARROW_FAULTS as error:
        raise StoreUnavailable(path, f"what was written cannot be read: {error}") from error


# ── sources ──────────────────────────────────────────────────────────────────────────────────────


def from_memory(parts: Mapping[Metric, Samples]) -> Source:
    """Return samples in memory as a source."""
    every = [part.ids for part in parts.values()]
    ids = np.unique(np.concatenate(every)) if every else np.empty(0, np.int64)

    def source() -> Iterator[Chunk]:
        for rows in _chunks(ids):
            yield rows, {metric: _between(part, rows) for metric, part in parts.items()}

    return source


def from_files(reader: Reader, files: Sequence[Listed]) -> Source:
    """Return the raw samples of files as a source. Its iteration raises as `Reader.table` does."""
    metrics = files[0].place.family.metrics
    names = [name for metric in metrics for name in columns.names_of(metric)]

    def source() -> Iterator[Chunk]:
        ids = np.unique(np.concatenate([reader.series(listed) for listed in files]))
        for rows in _chunks(ids):
            tables = [reader.table(listed, names, rows) for listed in files]
            yield (
                rows,
                {
                    metric: joined(
                        [
                            _decoded(reader, listed, table, metric).only(rows)
                            for listed, table in zip(files, tables, strict=True)
                        ]
                    )
                    for metric in metrics
                },
            )

    return source


def raw_samples(reader: Reader, listed: Listed, metric: Metric, ids: Ints | None) -> Samples:
    """Return a metric's samples in a file. Raises StoreDamaged, FileMoved."""
    table = reader.table(listed, columns.names_of(metric), ids)
    found = _decoded(reader, listed, table, metric)
    return found if ids is None else found.only(ids)


def level_cells(reader: Reader, listed: Listed, metric: Metric, ids: Ints | None) -> Rollup | None:
    """Return a metric's cells in a file of a roll-up, None where it has none of the metric.

    Raises StoreDamaged, FileMoved.
    """
    table = reader.table(listed, cells.names_of(metric), ids)
    if metric.name + cells.COUNT not in table.column_names:
        return None
    if ids is not None:
        kept = np.isin(table.column(SERIES).to_numpy(), ids)
        table = table.filter(pa.array(kept))
    level = Level(listed.place.resolution)
    try:
        return cells.decode(table, metric, level, listed.place.day * DAY)
    except ARROW_FAULTS as error:
        raise reader.damaged(listed, str(error)) from error


def _chunks(ids: Ints) -> Iterator[Ints]:
    for first in range(0, ids.size, CHUNK):
        yield ids[first : first + CHUNK]


def _decoded(reader: Reader, listed: Listed, table: pa.Table, metric: Metric) -> Samples:
    try:
        return columns.decode(table, metric, listed.place.day * DAY)
    except ARROW_FAULTS as error:
        raise reader.damaged(listed, str(error)) from error


def _between(samples: Samples, rows: Ints) -> Samples:
    first, stop = np.searchsorted(samples.ids, (rows[0], rows[-1] + 1)).tolist()
    return samples.part(first, stop)


def _digest(parts: Iterator[Samples] | Iterator[Rollup]) -> bytes:
    """Return a digest of the arrays of samples or cells."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        arrays: list[Ints | Floats] = [part.ids, part.offsets, part.times]
        if isinstance(part, Samples):
            arrays.append(part.values)
        else:
            sketch = part.sketch
            arrays += [part.counts, part.sums, part.lowest, part.highest]
            arrays += [sketch.begins, sketch.buckets, sketch.weights]
        for array in arrays:
            found.update(np.ascontiguousarray(array).data)
    return found.digest()
