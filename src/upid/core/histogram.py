"""Decayed usage histograms: quantiles of many series at once, where the recent past weighs more.

Buckets grow with the value: every power of two is cut into 64 equal parts, so a bucket's upper
edge is at most 1/64 (1.6 %) above any value in it. The index of a value is read from its bits,
without a logarithm: exact, the same on every machine, and as fast as memory. The idea of a
decaying exponential histogram is the Vertical Pod Autoscaler's (5 % buckets there); histograms of
the same buckets are merged by adding them, and a quantile is always answered with the upper
edge: never below the exact one, at most 1.6 % above it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log2

import numpy as np
from numpy.typing import NDArray

from upid.core.panel import Floats, Ints, Panel

_PARTS_BITS = 6  # 64 parts an octave: the 2 % bound with something to spare
_SHIFT = 52 - _PARTS_BITS  # a float64 has 52 bits of mantissa
_CHUNK = 1 << 19  # samples worked on at once: 4 MB arrays stay in the cache
_ROUNDING = 1e-9  # 0.95 of a sum of weights is a little off in floating point

HALF_LIFE_HOURS = 168.0
"""Default half-life of a sample's weight: one week.

Windows are 7 to 21 days. With the 24 h of the Vertical Pod Autoscaler a Monday weighs 1/64 on the
next Sunday, so advice would follow the weekend; at a week each weekday keeps at least half its
weight until it comes round again, while three weeks ago counts an eighth. Sudden changes are not
left to decay: a level shift cuts off what was before it.
"""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Which values are told apart: from `lowest` to `highest`, both powers of two.

    What is below `lowest` shares the first bucket, what is above `highest` the last.
    """

    lowest: float
    highest: float

    @property
    def count(self) -> int:
        """Buckets in all, the first (below `lowest`) and the last (above `highest`) included."""
        return round(log2(self.highest / self.lowest)) * (1 << _PARTS_BITS) + 2

    def index(self, values: Floats) -> Ints:
        """(n,) the bucket of each value; values are finite and not negative. O(n)."""
        bits = np.ascontiguousarray(values, np.float64).view(np.int64)
        # One less: a value that is exactly on an edge belongs below it, so that the edge is exact.
        found: Ints = ((bits - 1) >> _SHIFT) - self._origin + 1
        np.clip(found, 0, self.count - 1, out=found)
        return found

    def upper_edges(self) -> Floats:
        """(count,) the upper edge of each bucket; the last one's is infinite."""
        bits = (np.arange(self.count, dtype=np.int64) + self._origin) << _SHIFT
        edges = bits.view(np.float64).copy()
        edges[-1] = np.inf
        return edges

    @property
    def _origin(self) -> int:
        return int(np.array([self.lowest]).view(np.int64)[0] >> _SHIFT)


CPU_BUCKETS = Buckets(2.0**-10, 2.0**9)  # 1 millicore to 512 cores
MEMORY_BUCKETS = Buckets(2.0**20, 2.0**43)  # 1 MiB to 8 TiB


def decay(span: int, cadence_hours: float, half_life_hours: float = HALF_LIFE_HOURS) -> Floats:
    """(span,) the weight of each step: 1 for the last one, half of it a half-life earlier."""
    ages = np.arange(span - 1, -1, -1) * cadence_hours
    return np.asarray(np.exp2(-ages / half_life_hours))


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some whole series of a panel: rows `first` up to `last`, their samples end to end."""

    first: int
    last: int
    panel: Panel  # these rows only
    begin: int  # of its samples, in the panel

    @property
    def values(self) -> Floats:
        """(n,) the samples, end to end."""
        return self.panel.values

    @property
    def steps(self) -> Ints:
        """(n,) the step of each sample."""
        return self.panel.steps_of_samples()

    @property
    def rows(self) -> Ints:
        """(n,) the row of each sample, from 0 at `first`."""
        return self.panel.row_of_sample()


def chunks(panel: Panel, samples: int = _CHUNK) -> Iterator[Chunk]:
    """Yield the panel in runs of whole series of about `samples` samples each, in order."""
    first = 0
    while first < len(panel):
        begin = int(panel.offsets[first])
        last = int(np.searchsorted(panel.offsets, begin + samples, side="right")) - 1
        last = min(max(last, first + 1), len(panel))
        yield Chunk(first, last, panel.part(first, last), begin)
        first = last


def fill(chunk: Chunk, weights: Floats | None, buckets: Buckets) -> Floats:
    """Return the histogram of every series of a chunk.

    weights  (n,) of each sample, not negative; 0 leaves it out; None: 1 each
    returns  (rows, buckets.count) sums of weights
    """
    height = chunk.last - chunk.first
    cells = buckets.index(chunk.values)
    cells += np.repeat(np.arange(height) * buckets.count, chunk.panel.counts)
    found: Floats = np.bincount(cells, weights, height * buckets.count).astype(float, copy=False)
    return found.reshape(height, buckets.count)


def quantiles(histogram: Floats, qs: tuple[float, ...], buckets: Buckets) -> Floats:
    """Return quantiles of each row of a histogram, nearest rank, by upper edge.

    histogram  (s, buckets.count) sums of weights
    qs         each in (0, 1]
    returns    (s, len(qs)), NaN for an empty row; at least the exact weighted quantile and at
               most 1/64 above it, or `buckets.lowest` where the exact one is below that
    """
    below = np.cumsum(histogram, axis=1)
    total = below[:, -1:]
    edges = buckets.upper_edges()
    found = np.full((histogram.shape[0], len(qs)), np.nan)
    some = total[:, 0] > 0
    for column, q in enumerate(qs):
        reached = below >= total * (q * (1 - _ROUNDING))
        found[some, column] = edges[np.argmax(reached[some], axis=1)]
    return found


def merged(histogram: Floats, groups: NDArray[np.int64], into: Floats) -> None:
    """Add the rows of a histogram to the rows of `into` that `groups` (s,) names; -1 for none."""
    kept = np.flatnonzero(groups >= 0)
    if kept.size == 0:
        return
    order = kept[np.argsort(groups[kept], kind="stable")]
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    into[groups[order][starts]] += np.add.reduceat(histogram[order], starts, axis=0)
