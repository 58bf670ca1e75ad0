"""Roll-ups: what a series did in each step of a coarser grid, mergeable into coarser ones yet.

A cell keeps count, sum, lowest, highest and a log-histogram of its samples. Every power of two is
cut into 64 parts (`upid.core.histogram`); a quantile is answered with the middle of its bucket,
held between the cell's lowest and highest: at most 1/128 (0.8 %) off, and the maximum is exact.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from upid.core.fixedpoint import to_fixed
from upid.core.histogram import Buckets
from upid.core.panel import Floats, Ints
from upid.core.samples import MILLI, Samples

BUCKETS = Buckets(2.0**-20, 2.0**63)
"""From under a microcore to the largest sample there is; what is smaller counts as zero."""

_ROUNDING = 1e-9  # 0.95 × a count is a little off in floating point


class Level(StrEnum):
    """How long the steps of a roll-up are (COL-5)."""

    MINUTE = "1m"
    FIVE_MINUTES = "5m"
    HOUR = "1h"
    DAY = "1d"

    @property
    def cadence(self) -> timedelta:
        """The length of a step."""
        return _LENGTHS[self]

    @property
    def milliseconds(self) -> int:
        """The length of a step."""
        return _LENGTHS[self] // MILLI


_LENGTHS = {
    Level.MINUTE: timedelta(minutes=1),
    Level.FIVE_MINUTES: timedelta(minutes=5),
    Level.HOUR: timedelta(hours=1),
    Level.DAY: timedelta(days=1),
}


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """The histograms of many cells, end to end; only buckets that hold something.

    begins   (c+1,)  cell i has buckets [begins[i]:begins[i + 1]]
    buckets  (b,)    as `BUCKETS` numbers them, rising within a cell
    weights  (b,)    samples in the bucket, at least 1
    """

    begins: Ints
    buckets: Ints
    weights: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Rollup:
    """Cells of one metric for many series; steps without a sample have no cell.

    ids      (s,)    rising
    offsets  (s+1,)  series i has cells [offsets[i]:offsets[i + 1]]
    times    (c,)    when the step starts, Unix milliseconds, rising within a series
    counts   (c,)    samples in the step, at least 1
    sums, lowest, highest  (c,) of their values, in the metric's unit
    """

    ids: Ints
    offsets: Ints
    times: Ints
    counts: Ints
    sums: Floats
    lowest: Floats
    highest: Floats
    sketch: Sketch

    def __len__(self) -> int:
        return int(self.times.size)

    def series(self) -> Ints:
        """(c,) the id of the series that each cell belongs to."""
        return np.repeat(self.ids, np.diff(self.offsets))

    def within(self, low: int, high: int) -> "Rollup":
        """Return the cells with low ≤ time < high."""
        inside = (self.times >= low) & (self.times < high)
        return self if inside.all() else _picked(self, np.flatnonzero(inside))

    def means(self) -> Floats:
        """(c,) the mean of each cell."""
        return np.asarray(self.sums / self.counts)

    def quantiles(self, q: float) -> Floats:
        """(c,) a nearest-rank quantile of each cell, 0 < q ≤ 1, within 0.8 % of the exact one."""
        if q >= 1 or not len(self):
            return self.highest
        ends = np.cumsum(self.sketch.weights)
        before = (ends - self.sketch.weights)[self.sketch.begins[:-1]]
        rank = np.maximum(np.ceil(self.counts * q - _ROUNDING).astype(np.int64), 1)
        found = _middles()[self.sketch.buckets[np.searchsorted(ends, before + rank)]]
        return np.asarray(np.clip(found, self.lowest, self.highest))


def roll(samples: Samples, level: Level, scale: float) -> Rollup:
    """Return what each series did in each step of a level; steps are counted from 1970.

    scale  of the metric: sums of samples in fixed point are exact, whatever their order. O(n)
    """
    step = level.milliseconds
    cell = samples.times // step
    begins = _begins(cell, samples.offsets)
    if not len(samples):
        return _EMPTY
    values = samples.values
    buckets = BUCKETS.index(values)
    return Rollup(
        ids=samples.ids,
        offsets=np.searchsorted(begins, samples.offsets),
        times=cell[begins] * step,
        counts=np.diff(begins, append=len(samples)),
        sums=_sums(values, begins, scale),
        lowest=np.minimum.reduceat(values, begins),
        highest=np.maximum.reduceat(values, begins),
        sketch=_sketch(np.append(begins, len(samples)), buckets, np.ones(len(samples), np.int64)),
    )


def coarser(rollup: Rollup, level: Level, scale: float) -> Rollup:
    """Return a roll-up with the longer steps of another level; nothing is lost in between."""
    if not len(rollup):
        return rollup
    step = level.milliseconds
    cell = rollup.times // step
    begins = _begins(cell, rollup.offsets)
    edges = np.append(begins, len(rollup))
    sketch = rollup.sketch
    return Rollup(
        ids=rollup.ids,
        offsets=np.searchsorted(begins, rollup.offsets),
        times=cell[begins] * step,
        counts=np.add.reduceat(rollup.counts, begins),
        sums=_sums(rollup.sums, begins, scale),
        lowest=np.minimum.reduceat(rollup.lowest, begins),
        highest=np.maximum.reduceat(rollup.highest, begins),
        sketch=_sketch(sketch.begins[edges], sketch.buckets, sketch.weights),
    )


def chained(parts: list[Rollup]) -> Rollup:
    """Return roll-ups of one level as one. No cell is in two of them."""
    parts = [part for part in parts if len(part)]
    if len(parts) < 2:  # noqa: PLR2004
        return parts[0] if parts else _EMPTY
    series = np.concatenate([part.series() for part in parts])
    times = np.concatenate([part.times for part in parts])
    order = np.lexsort((times, series))
    sizes = np.concatenate([np.diff(part.sketch.begins) for part in parts])
    end_to_end = Rollup(
        ids=series,  # a row a cell, until they are put in order
        offsets=np.arange(series.size + 1),
        times=times,
        counts=np.concatenate([part.counts for part in parts]),
        sums=np.concatenate([part.sums for part in parts]),
        lowest=np.concatenate([part.lowest for part in parts]),
        highest=np.concatenate([part.highest for part in parts]),
        sketch=Sketch(
            np.concatenate(([0], np.cumsum(sizes))),
            np.concatenate([part.sketch.buckets for part in parts]),
            np.concatenate([part.sketch.weights for part in parts]),
        ),
    )
    return _picked(end_to_end, order)


def _picked(rollup: Rollup, cells: Ints) -> Rollup:
    """Return some cells, sorted by series and time."""
    sketch = rollup.sketch
    sizes = np.diff(sketch.begins)[cells]
    edges = np.concatenate(([0], np.cumsum(sizes)))
    taken = np.arange(edges[-1]) + np.repeat(sketch.begins[:-1][cells] - edges[:-1], sizes)
    ids, begins = np.unique(rollup.series()[cells], return_index=True)
    return Rollup(
        ids=ids,
        offsets=np.append(begins, cells.size),
        times=rollup.times[cells],
        counts=rollup.counts[cells],
        sums=rollup.sums[cells],
        lowest=rollup.lowest[cells],
        highest=rollup.highest[cells],
        sketch=Sketch(edges, sketch.buckets[taken], sketch.weights[taken]),
    )


def _begins(cell: Ints, offsets: Ints) -> Ints:
    """Return where cells begin, given the cell of each sample."""
    opens = np.ones(cell.size, np.bool_)
    opens[1:] = cell[1:] != cell[:-1]
    opens[offsets[:-1][np.diff(offsets) > 0]] = True
    return np.flatnonzero(opens)


def _sums(values: Floats, begins: Ints, scale: float) -> Floats:
    whole, held = to_fixed(values, scale)
    if held.all() and float(np.abs(whole).max()) * values.size < float(1 << 62):
        return np.asarray(np.add.reduceat(whole, begins) / scale)
    return np.asarray(np.add.reduceat(values, begins))


def _sketch(edges: Ints, buckets: Ints, weights: Ints) -> Sketch:
    """Return buckets that lie between edges, each once for each cell."""
    cells = np.repeat(np.arange(edges.size - 1), np.diff(edges))
    keys = cells * BUCKETS.count + buckets
    if not bool((np.diff(keys) > 0).all()):
        order = np.argsort(keys, kind="stable")
        keys, weights = keys[order], weights[order]
        opens = np.flatnonzero(np.diff(keys, prepend=-1))
        keys, weights = keys[opens], np.add.reduceat(weights, opens)
    cells, buckets = np.divmod(keys, BUCKETS.count)
    return Sketch(np.searchsorted(cells, np.arange(edges.size)), buckets, weights)


def _middles() -> NDArray[np.float64]:
    edges = BUCKETS.upper_edges()
    middles = np.empty_like(edges)
    middles[0] = 0.0
    middles[1:] = (edges[:-1] + np.append(edges[1:-1], edges[-2])) / 2
    return middles


_NO_INTS, _NO_FLOATS = np.empty(0, np.int64), np.empty(0)
_EMPTY = Rollup(
    _NO_INTS, np.zeros(1, np.int64), _NO_INTS, _NO_INTS, _NO_FLOATS, _NO_FLOATS, _NO_FLOATS,
    Sketch(np.zeros(1, np.int64), _NO_INTS, _NO_INTS),
)  # fmt: skip
