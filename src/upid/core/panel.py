"""Panels: many series in one set of arrays, and the statistics that read them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil

import numpy as np
from numpy.typing import NDArray

from upid.core.window import HOUR

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_HOUR = timedelta(seconds=HOUR)
_ROUNDING = 1e-9  # keeps 0.07 * 100, which is a little above 7, from asking for the 8th sample


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Stretches of a panel without a gap, series by series: nearly all series are one run.

    steps   (r,)    the step of each run's first sample
    begins  (r+1,)  run i is values[begins[i]:begins[i + 1]], at least one sample of one series
    """

    steps: Ints
    begins: Ints

    def expanded(self) -> Ints:
        """(n,) the step of each sample."""
        found: Ints = np.arange(self.begins[0], self.begins[-1], dtype=np.int64)
        found += np.repeat(self.steps - self.begins[:-1], np.diff(self.begins))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Samples of one metric for many series, end to end; no NaN, gaps are simply absent.

    values   (n,)    samples, in `unit`
    steps    (n,)    whole cadences since `start`, rising within a series; None when every series
                     has a sample at every step from 0, or when `runs` say it
    offsets  (s+1,)  series i is values[offsets[i]:offsets[i + 1]]
    ids      (s,)    the series' ids in their catalogue
    span             steps in the window, so that coverage is known
    runs             the steps, run by run: a thousandth of the memory where gaps are rare
    """

    values: Floats
    steps: Ints | None
    offsets: Ints
    ids: Ints
    start: datetime
    cadence: timedelta
    span: int
    unit: str
    runs: Runs | None = None

    def __len__(self) -> int:
        return int(self.ids.size)

    @property
    def dense(self) -> bool:
        """Whether every series has a sample at every step."""
        return self.steps is None and self.runs is None

    @property
    def counts(self) -> Ints:
        """(s,) samples per series."""
        return np.diff(self.offsets)

    @property
    def nbytes(self) -> int:
        """What its arrays take in memory."""
        parts = [self.values, self.offsets, self.ids]
        parts += [] if self.steps is None else [self.steps]
        parts += [] if self.runs is None else [self.runs.steps, self.runs.begins]
        return sum(part.nbytes for part in parts)

    def row_of_sample(self) -> Ints:
        """(n,) the index of the series that each sample belongs to."""
        return np.repeat(np.arange(len(self)), self.counts)

    def steps_of_samples(self) -> Ints:
        """(n,) the step of each sample, also for a dense panel."""
        if self.steps is not None:
            return self.steps
        if self.runs is not None:
            return self.runs.expanded()
        return np.tile(np.arange(self.span), len(self))

    @property
    def hours(self) -> int:
        """Hours that have steps, counted from the start; the last may be short."""
        return -(-(self.span * self.cadence) // _HOUR)

    def hours_of_steps(self) -> Ints:
        """(span,) the hour since `start` in which each step begins; none drifts."""
        tick = timedelta(microseconds=1)
        return np.arange(self.span) * (self.cadence // tick) // (_HOUR // tick)

    def in_runs(self) -> Runs:
        """Return the steps as runs, however they are kept."""
        if self.runs is not None:
            return self.runs
        if self.steps is None:
            return Runs(np.zeros(len(self) if self.span else 0, np.int64), self.offsets)
        broken = np.ones(self.values.size, np.bool_)
        broken[1:] = np.diff(self.steps) != 1
        broken[self.offsets[:-1][self.counts > 0]] = True
        places = np.flatnonzero(broken)
        return Runs(self.steps[places], np.append(places, self.values.size))

    def at(self, places: Ints) -> tuple[Ints, Ints]:
        """Return row and step of the samples at some places in `values`; (k,) each."""
        runs = self.in_runs()
        run = np.searchsorted(runs.begins, places, side="right") - 1
        rows = np.searchsorted(self.offsets, places, side="right") - 1
        return rows, runs.steps[run] + places - runs.begins[run]

    def places(self, rows: Ints, steps: Ints) -> Ints:
        """(k,) where in `values` the samples of a row at or after a step begin.

        rows, steps  (k,); the row's end where it has no such sample
        """
        runs = self.in_runs()
        if runs.steps.size == 0:
            return self.offsets[rows]
        stride = self.span + 1  # so that the end of a row comes before the next one's begin
        owner = np.searchsorted(self.offsets, runs.begins[:-1], side="right") - 1
        order = owner * stride + runs.steps
        asked = rows * stride + np.clip(steps, 0, self.span)
        run = np.maximum(np.searchsorted(order, asked, side="right") - 1, 0)
        inside = np.minimum(runs.begins[run] + asked - order[run], runs.begins[run + 1])
        return np.where((owner[run] == rows) & (asked >= order[run]), inside, self.offsets[rows])

    def part(self, first: int, stop: int) -> "Panel":
        """Return the rows `first` up to `stop`, as views where they can be."""
        low, high = int(self.offsets[first]), int(self.offsets[stop])
        runs = self.runs
        if runs is not None:
            one, other = np.searchsorted(runs.begins, (low, high)).tolist()
            runs = Runs(runs.steps[one:other], runs.begins[one : other + 1] - low)
        return replace(
            self,
            values=self.values[low:high],
            steps=None if self.steps is None else self.steps[low:high],
            offsets=self.offsets[first : stop + 1] - low,
            ids=self.ids[first:stop],
            runs=runs,
        )

    def matrix(self) -> Floats:
        """(s, span) one row a series, NaN where there is no sample; a view when dense."""
        if self.dense:
            return self.values.reshape(len(self), self.span)
        dense = np.full((len(self), self.span), np.nan)
        dense[self.row_of_sample(), self.steps_of_samples()] = self.values
        return dense


def quantile(values: Floats, offsets: Ints, q: float) -> Floats:
    """Return the nearest-rank quantile of each series in a panel.

    values   (n,)    samples of all series end to end; any unit; no NaN
    offsets  (s+1,)  series i is values[offsets[i]:offsets[i + 1]]
    q        (0, 1]  0.95: the smallest sample with 95 % of samples at or below it
    returns  (s,)    unit of `values`; NaN for an empty series

    Nearest rank, not interpolation: the answer is a value that was really seen.
    One partition a series is O(n); one sort of the whole panel is 150 times slower.
    """
    found = np.full(offsets.size - 1, np.nan)
    for i, (start, stop) in enumerate(pairwise(offsets.tolist())):
        if stop > start:
            rank = max(1, ceil(q * (stop - start) - _ROUNDING)) - 1
            found[i] = np.partition(values[start:stop], rank)[rank]
    return found


def sums(values: Floats, offsets: Ints) -> Floats:
    """(s,) the sum of each series; 0 for an empty one."""
    return _reduced(np.add.reduceat, values, offsets, 0.0)


def highest(values: Floats, offsets: Ints) -> Floats:
    """(s,) the largest sample of each series; NaN for an empty one."""
    return _reduced(np.maximum.reduceat, values, offsets, np.nan)


def lowest(values: Floats, offsets: Ints) -> Floats:
    """(s,) the smallest sample of each series; NaN for an empty one."""
    return _reduced(np.minimum.reduceat, values, offsets, np.nan)


def means(values: Floats, offsets: Ints) -> Floats:
    """(s,) the mean of each series; NaN for an empty one."""
    counts = np.diff(offsets)
    found = np.full(counts.size, np.nan)
    np.divide(sums(values, offsets), counts, out=found, where=counts > 0)
    return found


def hour_sums(panel: Panel) -> tuple[Floats, Ints]:
    """Return what the samples of each hour add up to, and how many they are.

    returns  (s, hours) in the panel's unit, 0 in an hour without samples, and (s, hours)

    Hours are counted from the panel's start; a step belongs to the hour in which it begins, also
    where cadences do not divide hours. O(n), one pass; a dense panel is mostly a reshape.
    """
    shape = len(panel), panel.hours
    per, rest = divmod(_HOUR, panel.cadence)  # steps an hour
    if panel.dense and not rest and panel.span % per == 0:
        grouped = panel.values.reshape(*shape, per)
        return np.asarray(grouped.sum(axis=2)), np.full(shape, per)
    runs = panel.in_runs()
    if runs.steps.size == 0:
        return np.zeros(shape), np.zeros(shape, np.int64)
    hours = panel.hours_of_steps()
    turns = np.flatnonzero(np.diff(hours, prepend=-1))  # steps with which an hour begins
    first = np.searchsorted(turns, runs.steps, side="right") - 1
    last = np.searchsorted(turns, runs.steps + np.diff(runs.begins) - 1, side="right") - 1
    pieces = last - first + 1  # hours that each run has steps of
    at = np.cumsum(pieces) - pieces
    turn = turns[np.arange(int(pieces.sum())) + np.repeat(first - at, pieces)]
    begin = turn + np.repeat(runs.begins[:-1] - runs.steps, pieces)
    begin[at] = runs.begins[:-1]
    owner = np.searchsorted(panel.offsets, runs.begins[:-1], side="right") - 1
    cell = hours[turn] + np.repeat(owner * panel.hours, pieces)
    size = shape[0] * shape[1]
    added = np.bincount(cell, np.add.reduceat(panel.values, begin), size).astype(float, copy=False)
    counts = np.bincount(cell, np.diff(begin, append=panel.values.size), size).astype(np.int64)
    return added.reshape(shape), counts.reshape(shape)


def per_hour(panel: Panel, *, total: bool = False) -> tuple[Floats, Ints]:
    """Return what each series did in each hour of the panel.

    total    sum the samples of the hour (count metrics) instead of taking their mean
    returns  (s, hours) in the panel's unit, NaN in an hour without samples, and
             (s, hours) how many samples each hour had

    Hours are those of `hour_sums`.
    """
    added, counts = hour_sums(panel)
    some = counts > 0
    if not total:
        np.divide(added, counts, out=added, where=some)
    added[~some] = np.nan
    return added, counts


def _reduced(
    reduceat: Callable[[Floats, Ints], Floats], values: Floats, offsets: Ints, empty: float
) -> Floats:
    counts = np.diff(offsets)
    found = np.full(counts.size, empty)
    some = counts > 0
    if some.any():
        found[some] = reduceat(values, offsets[:-1][some])
    return found
