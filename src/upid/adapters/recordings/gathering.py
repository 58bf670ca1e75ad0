"""A recording of a cluster that is being watched: readings go to disk as they come, by columns.

Memory holds the names of what was measured, never its samples. Whose a sample is, is decided at
the end, when it is known which pods had a name and when.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import numpy as np

from upid.adapters.recordings.creation import Spool
from upid.adapters.recordings.errors import RecordingRefused, writing
from upid.adapters.recordings.lives import MILLI, Labels, Lives, stamp
from upid.adapters.recordings.manifest import Remark
from upid.adapters.recordings.writer import RecordingWriter
from upid.core.metrics import (
    CPU,
    LABELS,
    LARGEST_SAMPLE,
    MEMORY,
    NODE_CPU,
    NODE_MEMORY,
    Entity,
    Metric,
)
from upid.core.panel import Ints
from upid.core.ports.cluster_connection import ContainerReading, NodeReading, Usage
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.window import Window

_ROW = np.dtype(
    [
        ("key", "<i4"),
        ("step", "<i4"),
        ("since", "<i8"),
        ("until", "<i8"),
        ("cpu", "<f8"),
        ("memory", "<f8"),
    ]
)
_ROWS = 1 << 16  # rows read back at once
_RANGE = 1 << 21  # samples of a range of series: what is in memory at once
_LENGTH = 4  # bytes that say how long an object is
_NEVER = np.iinfo(np.int64).min

_Rows = np.ndarray[tuple[int], np.dtype[np.void]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a recording says of the cluster and of how it came about.

    start    when its first step begins, in whole seconds
    cadence  between two readings, in whole seconds
    """

    name: str
    version: str
    start: datetime
    cadence: timedelta
    created: datetime
    writer: str
    remarks: Sequence[Remark] = ()


@dataclass(frozen=True, slots=True)
class Gathered:
    """What became of it."""

    window: Window
    objects: int
    series: int
    samples: int
    quality: dict[str, int]


class Column:
    """The readings of containers, or of nodes: each sample once, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers: dict[Labels, int] = {}
        self._last = np.empty(0, dtype=np.int64)  # key → when its last sample was measured
        path.touch()

    @property
    def keys(self) -> list[Labels]:
        """Return what was measured, by number."""
        return list(self._numbers)

    def add(
        self,
        step: int,
        at: datetime,
        readings: Sequence[tuple[Labels, NodeReading | ContainerReading]],
    ) -> int:
        """Keep the samples that are measured since the last reading; return how many."""
        rows = np.empty(len(readings), dtype=_ROW)
        for number, (key, one) in enumerate(readings):
            until = stamp(one.measured or at)
            since = until - round(one.window * MILLI)
            known = self._numbers.setdefault(key, len(self._numbers))
            rows[number] = known, step, since, until, one.cores, one.memory
        self._reach(len(self._numbers))
        keys, ends = rows["key"].astype(np.int64), rows["until"]
        first = np.zeros(keys.size, np.bool_)  # of those with one name, which no cluster has twice
        first[np.unique(keys, return_index=True)[1]] = True
        fresh = first & (ends > self._last[keys])
        self._last[keys[fresh]] = ends[fresh]
        with self._path.open("ab") as file:
            file.write(rows[fresh].tobytes())
        return int(fresh.sum())

    def rows(self) -> Iterator[_Rows]:
        """Yield what was kept, some rows at a time."""
        with self._path.open("rb") as file:
            while raw := file.read(_ROWS * _ROW.itemsize):
                yield np.frombuffer(raw, dtype=_ROW)

    def _reach(self, size: int) -> None:
        if size > self._last.size:
            more = np.full(max(size, 2 * self._last.size) - self._last.size, _NEVER)
            self._last = np.concatenate([self._last, more])


class Gathering:
    """What is gathered for a recording; a context manager that leaves nothing of it behind.

    Everything lies in a folder beside the recording's path, that only its owner may read: 40 bytes
    for each container and reading, and the objects that went meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with writing(path):
            folder = path.absolute().parent
            self.folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=folder))
            self._containers = Column(self.folder / "containers")
            self._nodes = Column(self.folder / "nodes")
            self._objects = (self.folder / "objects").open("w+b")
        self.readings = self.samples = 0
        self._last_step = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._objects.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def series(self) -> int:
        """Return how many containers were measured."""
        return len(self._containers.keys)

    def add(self, step: int, usage: Usage) -> int:
        """Take a reading for a step; return how many of it were measured since the last.

        Steps rise. What was measured before, and is only told again, is not another sample.
        """
        containers = [((c.namespace, c.pod, c.container), c) for c in usage.containers]
        with writing(self.path):
            fresh = self._containers.add(step, usage.at, containers)
            fresh += self._nodes.add(step, usage.at, [((n.node,), n) for n in usage.nodes])
        self._last_step = step
        self.readings += 1
        self.samples += 2 * fresh  # CPU and memory
        return fresh

    def keep(self, version: ObjectVersion) -> None:
        """Keep an object as it was: one that went, or that became another."""
        raw = msgspec.msgpack.encode(version)
        with writing(self.path):
            self._objects.write(len(raw).to_bytes(_LENGTH, "little") + raw)

    def write(self, path: Path, facts: Facts, objects: Iterable[ObjectVersion]) -> Gathered:
        """Write the recording to a path, with `objects` as they are now. All of it, or nothing.

        Raises `RecordingUnwritable`.
        """
        span = self._last_step + 1
        window = Window(facts.start, facts.start + span * facts.cadence)
        counts: Counter[str] = Counter()
        with (
            writing(path),
            RecordingWriter(
                path,
                name=facts.name,
                window=window,
                cadence=facts.cadence,
                sources=("metrics-server",) if self.samples else (),
                currency="USD",
                created=facts.created,
                writer=facts.writer,
                version=facts.version,
                remarks=facts.remarks,
            ) as target,
        ):
            lives = Lives()
            number = _add_objects(target, lives.watched(self._all(objects)), counts)
            series, samples = self._lay_out(target, lives, counts)
            target.quality.update(counts)
        return Gathered(window, number, series, samples, dict(sorted(counts.items())))

    def _all(self, objects: Iterable[ObjectVersion]) -> Iterator[ObjectVersion]:
        self._objects.seek(0)
        while head := self._objects.read(_LENGTH):
            raw = self._objects.read(int.from_bytes(head, "little"))
            yield msgspec.msgpack.decode(raw, type=ObjectVersion)
        yield from objects

    def _lay_out(
        self, target: RecordingWriter, lives: Lives, counts: Counter[str]
    ) -> tuple[int, int]:
        owners = lives.owners(self._containers.keys)

        def owned(rows: _Rows) -> Ints:
            return owners.places(rows["key"].astype(np.int64), rows["since"], rows["until"])

        def as_named(rows: _Rows) -> Ints:
            return rows["key"].astype(np.int64)

        whole = [
            _Part(self._containers, (CPU, MEMORY), owned, owners.labels),
            _Part(self._nodes, (NODE_CPU, NODE_MEMORY), as_named, self._nodes.keys),
        ]
        done = [_lay_out(one, target, self.folder, counts) for one in whole]
        return sum(series for series, _ in done), sum(samples for _, samples in done)


@dataclass(frozen=True, slots=True)
class _Part:
    """One entity's samples on their way into a recording; `places` says which series each is of."""

    column: Column
    metrics: tuple[Metric, Metric]
    places: Callable[[_Rows], Ints]
    labels: list[Labels]


def _lay_out(
    part: _Part, target: RecordingWriter, folder: Path, counts: Counter[str]
) -> tuple[int, int]:
    """Write the samples of one entity; return how many series and samples there are."""
    width = _RANGE // target.grid.span or 1
    spools = [Spool(folder, metric, width) for metric in part.metrics]
    for rows in part.column.rows():
        places = part.places(rows)
        _count(counts, "samples of pods that are not known for certain", places < 0)
        time = (target.grid.start + rows["step"].astype(np.int64) * target.grid.cadence) * MILLI
        for spool, values in zip(spools, (rows["cpu"], rows["memory"]), strict=True):
            usable = (values >= 0) & (values <= LARGEST_SAMPLE)
            _count(counts, "negative or infinite values", ~usable)
            keep = usable & (places >= 0)
            spool.add(places[keep], time[keep], values[keep], counts)
    used = np.union1d(spools[0].used, spools[1].used)
    ids = _series(target, part.metrics[0].entity, part.labels, used)
    return used.size, sum(spool.lay_out(target, ids, counts) for spool in spools)


def _series(target: RecordingWriter, entity: Entity, labels: list[Labels], used: Ints) -> Ints:
    rows = [labels[place] for place in used.tolist()]
    columns = {name: [row[i] for row in rows] for i, name in enumerate(LABELS[entity])}
    ids = np.full(len(labels), -1, dtype=np.int64)
    ids[used] = target.add_series(entity, columns)
    return ids


def _add_objects(
    target: RecordingWriter, versions: Iterable[ObjectVersion], counts: Counter[str]
) -> int:
    """Add objects one by one, so that one that no recording can hold does not end it."""
    number = 0
    for version in versions:
        try:
            target.add_objects([version])
            number += 1
        except RecordingRefused:
            counts["unreadable objects"] += 1
    return number


def _count(
    counts: Counter[str], what: str, where: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
) -> None:
    if number := int(where.sum()):
        counts[what] += number
