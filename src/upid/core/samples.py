"""Samples as a set: any order and any repetition of the same deliveries is the same set.

A sample has a series, a time and a value. Two with one series and one time are *settled*: the
larger value stays. That is commutative, associative and idempotent, so that late, doubled and
replayed deliveries all end in the same place; and where two sources disagree about what was used,
the higher reading never makes a container smaller than it needs to be.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from upid.core.fixedpoint import bits
from upid.core.metrics import MEMORY, NODE_MEMORY, VOLUME_USED, Metric, Shape
from upid.core.panel import Floats, Ints, Panel
from upid.core.window import Window

MILLI = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PEAKS = frozenset({MEMORY, NODE_MEMORY, VOLUME_USED})  # the highest in a step, not the mean


def unix_milli(instant: datetime) -> int:
    """Return an aware instant in Unix milliseconds, what is below one cut off."""
    return (instant - _EPOCH) // MILLI


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Samples of one metric, series by series.

    ids      (s,)    rising
    offsets  (s+1,)  series i has times and values [offsets[i]:offsets[i + 1]]
    times    (n,)    Unix milliseconds, rising within a series
    values   (n,)    in the metric's unit
    """

    ids: Ints
    offsets: Ints
    times: Ints
    values: Floats

    def __len__(self) -> int:
        return int(self.times.size)

    @property
    def counts(self) -> Ints:
        """(s,) samples per series."""
        return np.diff(self.offsets)

    def rows(self) -> Ints:
        """(n,) the index of the series that each sample belongs to."""
        return np.repeat(np.arange(self.ids.size), self.counts)

    def series(self) -> Ints:
        """(n,) the id of the series that each sample belongs to."""
        return np.repeat(self.ids, self.counts)

    def kept(self, which: NDArray[np.bool_]) -> "Samples":
        """Return the samples for which (n,) `which` is true; series without any are left out."""
        if which.all():
            return self
        before = np.concatenate(([0], np.cumsum(which)))
        counts = np.diff(before[self.offsets])
        some = counts > 0
        return Samples(
            self.ids[some], _offsets(counts[some]), self.times[which], self.values[which]
        )

    def within(self, low: int, high: int) -> "Samples":
        """Return the samples with low ≤ time < high."""
        return self.kept((self.times >= low) & (self.times < high))

    def only(self, ids: Ints) -> "Samples":
        """Return the samples of the series that (k,) rising `ids` name."""
        if ids.size == 0:
            return NONE
        place = np.searchsorted(ids, self.ids).clip(0, ids.size - 1)
        wanted = ids[place] == self.ids
        return self if wanted.all() else self.kept(np.repeat(wanted, self.counts))

    def part(self, first: int, stop: int) -> "Samples":
        """Return the series `first` up to `stop`, as views."""
        low, high = int(self.offsets[first]), int(self.offsets[stop])
        return Samples(
            self.ids[first:stop],
            self.offsets[first : stop + 1] - low,
            self.times[low:high],
            self.values[low:high],
        )


NONE = Samples(
    np.empty(0, np.int64), np.zeros(1, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)
)


def settled(ids: Ints, times: Ints, values: Floats) -> Samples:
    """Return samples in any order, repetitions included, as a set.

    ids, times, values  (n,) each; values are not negative and not NaN. O(n log n), O(n) in order
    """
    if ids.size == 0:
        return NONE
    after = (ids[1:] > ids[:-1]) | ((ids[1:] == ids[:-1]) & (times[1:] > times[:-1]))
    if not after.all():
        order = np.lexsort((bits(values), times, ids))
        ids, times, values = ids[order], times[order], values[order]
        last = np.append((ids[1:] != ids[:-1]) | (times[1:] != times[:-1]), np.True_)
        ids, times, values = ids[last], times[last], values[last]
    begins = np.flatnonzero(np.diff(ids, prepend=ids[0] - 1))
    return Samples(ids[begins], np.append(begins, ids.size), times, values)


def joined(parts: Sequence[Samples]) -> Samples:
    """Return the samples of several sets as one set.

    Parts that follow each other in time are put end to end, each series by itself; only the
    series in which they overlap are sorted. O(n)
    """
    parts = [part for part in parts if len(part)]
    if len(parts) < 2:  # noqa: PLR2004
        return parts[0] if parts else NONE
    parts.sort(key=lambda part: (int(part.times.min()), int(part.times.max())))
    ids = np.unique(np.concatenate([part.ids for part in parts]))
    places = [np.searchsorted(ids, part.ids) for part in parts]
    counts = np.zeros(ids.size, np.int64)
    for part, place in zip(parts, places, strict=True):
        counts[place] += part.counts
    offsets = _offsets(counts)
    times, values = np.empty(offsets[-1], np.int64), np.empty(offsets[-1])
    filled = offsets[:-1].copy()
    for part, place in zip(parts, places, strict=True):
        target = np.arange(len(part)) + np.repeat(filled[place] - part.offsets[:-1], part.counts)
        times[target], values[target] = part.times, part.values
        filled[place] += part.counts
    return _untangled(Samples(ids, offsets, times, values))


def _untangled(found: Samples) -> Samples:
    """Return samples whose times do not rise in every series as a set."""
    wrong = np.diff(found.times, prepend=found.times[0] - 1) <= 0
    wrong[found.offsets[:-1]] = False
    if not wrong.any():
        return found
    tangled = np.zeros(found.ids.size, np.bool_)
    tangled[np.searchsorted(found.offsets, np.flatnonzero(wrong), side="right") - 1] = True
    which = np.repeat(tangled, found.counts)
    untangled = settled(found.series()[which], found.times[which], found.values[which])
    if which.all():
        return untangled
    return joined([found.kept(~which), untangled])


def to_panel(
    samples: Samples, metric: Metric, window: Window, cadence: timedelta, ids: Ints | None
) -> Panel:
    """Return samples of a window as a panel with steps of one cadence from its start.

    Several samples in one step become one: the sum of counts, the highest of memory and volumes,
    the mean of other levels. With `ids` there is a row for each of them, without there is one for
    each series that has a sample.
    """
    step = max(cadence // MILLI, 1)
    start = unix_milli(window.start)
    span = -(-(unix_milli(window.end) - start) // step)
    if ids is not None:
        samples = _rows_for(samples, np.unique(ids))
    steps = (samples.times - start) // step
    panel = Panel(
        samples.values, steps, samples.offsets, samples.ids, window.start, cadence, span,
        metric.unit,
    )  # fmt: skip
    panel = _one_a_step(panel, metric)
    if bool((panel.counts == span).all()) and len(panel):
        return replace(panel, steps=None)
    return replace(panel, steps=None, runs=panel.in_runs())


def usual_cadence(samples: Samples) -> timedelta:
    """Return the distance in time that neighbours in a series usually keep: the median.

    A minute where no series has two samples.
    """
    gaps = np.diff(samples.times)
    inside = np.ones(gaps.size, np.bool_)
    inside[samples.offsets[1:-1] - 1] = False
    gaps = gaps[inside]
    if gaps.size == 0:
        return timedelta(minutes=1)
    middle = gaps.size // 2
    return int(np.partition(gaps, middle)[middle]) * MILLI


def _rows_for(samples: Samples, ids: Ints) -> Samples:
    samples = samples.only(ids)
    counts = np.zeros(ids.size, np.int64)
    counts[np.searchsorted(ids, samples.ids)] = samples.counts
    return replace(samples, ids=ids, offsets=_offsets(counts))


def _one_a_step(panel: Panel, metric: Metric) -> Panel:
    steps = panel.steps_of_samples()
    opens = np.ones(steps.size, np.bool_)
    opens[1:] = steps[1:] != steps[:-1]
    opens[panel.offsets[:-1][panel.counts > 0]] = True
    if opens.all():
        return panel
    begins = np.flatnonzero(opens)
    if metric in _PEAKS:
        values = np.maximum.reduceat(panel.values, begins)
    else:
        values = np.add.reduceat(panel.values, begins)
    if metric.shape is Shape.LEVEL and metric not in _PEAKS:
        values /= np.diff(begins, append=steps.size)
    offsets = np.searchsorted(begins, panel.offsets)
    return replace(panel, values=values, steps=steps[begins], offsets=offsets)


def _offsets(counts: Ints) -> Ints:
    return np.concatenate(([0], np.cumsum(counts)))
