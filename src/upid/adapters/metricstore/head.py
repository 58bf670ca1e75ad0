"""The head: what is in no file yet, in memory, a matrix of whole numbers for each metric.

Most deliveries are ticks: one time, the same series as the time before. A tick is one row of a
block, int64 in fixed point, `GAP` where a series has no sample. What fits no block (other series,
a time for each sample, values that fixed point does not hold) lies loose, as columns. Rows and
columns are never changed, only replaced, so that readers need no lock once they have them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from upid.adapters.metricstore.records import Columns
from upid.core.fixedpoint import from_fixed
from upid.core.metrics import METRICS
from upid.core.panel import Ints
from upid.core.samples import NONE, Samples, joined, settled

GAP = np.iinfo(np.int64).min
_SMALLEST = 16  # series; fewer are no matrix
_MOST_LOOSE = 64  # columns are put together when there are more


@dataclass(slots=True)
class Block:
    """A matrix: one row a tick, one column a series.

    ids    (s,) rising
    ticks  Unix milliseconds → (s,) in fixed point, GAP where there is no sample
    """

    ids: Ints
    ticks: dict[int, Ints] = field(default_factory=dict)

    def put(self, time: int, places: Ints | slice, whole: Ints) -> None:
        """Put samples of one time in place; of two the larger stays."""
        found = self.ticks.get(time)
        row = np.full(self.ids.size, GAP) if found is None else found.copy()
        row[places] = np.maximum(row[places], whole)
        self.ticks[time] = row

    def samples(self, low: int, high: int, ids: Ints | None, scale: float) -> Samples:
        """Return the samples with low ≤ time < high, of all series or those with given ids."""
        times = sorted(time for time in self.ticks if low <= time < high)
        own = self.ids
        places: Ints | slice = slice(None)
        if ids is not None:
            places = np.flatnonzero(np.isin(own, ids))
            own = own[places]
        if not times or not own.size:
            return NONE
        cells = np.stack([self.ticks[time][places] for time in times], axis=1)
        there = cells != GAP
        counts = there.sum(axis=1)
        some = counts > 0
        return Samples(
            own[some],
            np.concatenate(([0], np.cumsum(counts[some]))),
            np.broadcast_to(np.array(times), cells.shape)[there],
            from_fixed(cells[there], scale),
        )


@dataclass(slots=True)
class MetricHead:
    """What the head has of one metric: blocks of ticks, and loose columns (ids, times, values)."""

    scale: float
    blocks: list[Block] = field(default_factory=list)
    loose: list[Samples] = field(default_factory=list)

    def add(self, columns: Columns) -> None:
        """Take accepted samples."""
        ids, held = columns.ids, columns.held
        if columns.times.size != 1 or ids.size < _SMALLEST or not bool((np.diff(ids) > 0).all()):
            self._lay(columns, None)
            return
        time = int(columns.times[0])
        if not held.all():
            self._lay(columns, ~held)
            ids = ids[held]
        self._place(time, ids, columns.whole[held], columns)

    def _place(self, time: int, ids: Ints, whole: Ints, columns: Columns) -> None:
        """Put a tick into the latest block, or begin another where most of it does not fit."""
        block = self.blocks[-1] if self.blocks else Block(ids)
        if np.array_equal(block.ids, ids):
            block.put(time, slice(None), whole)
        else:
            places = np.searchsorted(block.ids, ids).clip(0, block.ids.size - 1)
            fits = block.ids[places] == ids
            if 2 * np.count_nonzero(fits) < max(ids.size, block.ids.size // 2):
                block = Block(ids)
                block.put(time, slice(None), whole)
            else:
                block.put(time, places[fits], whole[fits])
                if not fits.all():
                    self._lay(columns, np.isin(columns.ids, ids[~fits]))
        if not self.blocks or block is not self.blocks[-1]:
            self.blocks.append(block)

    def _lay(self, columns: Columns, which: NDArray[np.bool_] | None) -> None:
        times = np.broadcast_to(columns.times, columns.ids.shape)
        ids, values = columns.ids, columns.values
        if which is not None:
            ids, times, values = ids[which], times[which], values[which]
        self._loosely(settled(ids, times, values))

    def _loosely(self, samples: Samples) -> None:
        self.loose.append(samples)
        if len(self.loose) > _MOST_LOOSE:
            self.loose = _fewer(self.loose)

    def copied(self) -> "MetricHead":
        """Return what can be read without a lock while this one goes on."""
        blocks = [Block(block.ids, dict(block.ticks)) for block in self.blocks]
        return MetricHead(self.scale, blocks, list(self.loose))

    def samples(self, low: int, high: int, ids: Ints | None = None) -> Samples:
        """Return the samples with low ≤ time < high, of all series or those with given ids."""
        parts = [block.samples(low, high, ids, self.scale) for block in self.blocks]
        loose = self.loose if ids is None else [one.only(ids) for one in self.loose]
        return joined(parts + [one.within(low, high) for one in loose])

    def cut(self, time: int) -> "MetricHead":
        """Take away and return what is before a time."""
        before = MetricHead(self.scale)
        for block in self.blocks:
            older = {at: row for at, row in block.ticks.items() if at < time}
            if older:
                before.blocks.append(Block(block.ids, older))
                block.ticks = {at: row for at, row in block.ticks.items() if at >= time}
        self.blocks = [block for block in self.blocks if block.ticks]
        before.loose = [one.kept(one.times < time) for one in self.loose]
        self.loose = [one.kept(one.times >= time) for one in self.loose]
        for each in (before, self):
            each.loose = [one for one in each.loose if len(one)]
        return before

    @property
    def nbytes(self) -> int:
        """What its arrays take in memory."""
        rows = sum(block.ids.nbytes * (1 + len(block.ticks)) for block in self.blocks)
        return rows + sum(one.times.nbytes * 2 + one.ids.nbytes * 2 for one in self.loose)


class Head:
    """The head of one cluster, by metric. Its caller sees to it that one thread at a time adds."""

    def __init__(self, metrics: Mapping[str, MetricHead] | None = None) -> None:
        self.metrics = dict(metrics or {})

    def add(self, columns: Columns) -> None:
        """Take accepted samples of a metric."""
        found = self.metrics.get(columns.metric)
        if found is None:
            found = self.metrics[columns.metric] = MetricHead(METRICS[columns.metric].scale)
        found.add(columns)

    def copied(self, metric: str) -> MetricHead | None:
        """Return a metric's part, to be read without a lock."""
        found = self.metrics.get(metric)
        return None if found is None else found.copied()

    def cut(self, time: int) -> "Head":
        """Take away and return what is before a time."""
        parts = {name: one.cut(time) for name, one in self.metrics.items()}
        self.metrics = {name: one for name, one in self.metrics.items() if one.blocks or one.loose}
        return Head({name: one for name, one in parts.items() if one.blocks or one.loose})

    def put_back(self, other: "Head") -> None:
        """Take what was cut away again."""
        for name, one in other.metrics.items():
            own = self.metrics.get(name)
            if own is None:
                self.metrics[name] = one
                continue
            own.blocks = one.blocks + own.blocks
            own.loose = one.loose + own.loose

    def columns(self) -> Iterator[tuple[str, Samples]]:
        """Yield all there is, metric by metric."""
        for name, one in sorted(self.metrics.items()):
            yield name, one.samples(0, np.iinfo(np.int64).max)

    @property
    def nbytes(self) -> int:
        """What its arrays take in memory."""
        return sum(one.nbytes for one in self.metrics.values())


def _fewer(loose: list[Samples]) -> list[Samples]:
    """Return loose samples in fewer parts: the small ones together, one twice as large alone.

    So each sample is put together with others a few times only, however many parts come.
    """
    loose = sorted(loose, key=len)
    total, count = 0, 0
    while count < len(loose) and (count < 2 or len(loose[count]) <= 2 * total):  # noqa: PLR2004
        total += len(loose[count])
        count += 1
    return [*loose[count:], joined(loose[:count])]
