"""Panels: many series in one set of arrays, and the statistics that read them."""

from collections.abc import Callable
from dataclasses import dataclass
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
class Panel:
    """Samples of one metric for many series, end to end; no NaN, gaps are simply absent.

    values   (n,)    samples, in `unit`
    steps    (n,)    whole cadences since `start`, rising within a series; None when every series
                     has a sample at every step from 0
    offsets  (s+1,)  series i is values[offsets[i]:offsets[i + 1]]
    ids      (s,)    the series' ids in their catalogue
    span             steps in the window, so that coverage is known
    """

    values: Floats
    steps: Ints | None
    offsets: Ints
    ids: Ints
    start: datetime
    cadence: timedelta
    span: int
    unit: str

    def __len__(self) -> int:
        return int(self.ids.size)

    @property
    def counts(self) -> Ints:
        """(s,) samples per series."""
        return np.diff(self.offsets)

    def row_of_sample(self) -> Ints:
        """(n,) the index of the series that each sample belongs to."""
        return np.repeat(np.arange(len(self)), self.counts)

    @property
    def hours(self) -> int:
        """Hours that have steps, counted from the start; the last may be short."""
        return -(-(self.span * self.cadence) // _HOUR)

    def hours_of_steps(self) -> Ints:
        """(span,) the hour since `start` in which each step begins; none drifts."""
        tick = timedelta(microseconds=1)
        return np.arange(self.span) * (self.cadence // tick) // (_HOUR // tick)

    def hours_of_samples(self) -> Ints:
        """(n,) the hour of the step of each sample."""
        hours = self.hours_of_steps()
        return np.tile(hours, len(self)) if self.steps is None else hours[self.steps]

    def matrix(self) -> Floats:
        """(s, span) one row a series, NaN where there is no sample; a view when dense."""
        if self.steps is None:
            return self.values.reshape(len(self), self.span)
        dense = np.full((len(self), self.span), np.nan)
        dense[self.row_of_sample(), self.steps] = self.values
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


def per_hour(panel: Panel, *, total: bool = False) -> tuple[Floats, Ints]:
    """Return what each series did in each hour of the panel.

    total    sum the samples of the hour (count metrics) instead of taking their mean
    returns  (s, hours) in the panel's unit, NaN in an hour without samples, and
             (s, hours) how many samples each hour had

    Hours are counted from the panel's start; a step belongs to the hour in which it begins, also
    where cadences do not divide hours. O(n), one pass; a dense panel is mostly a reshape.
    """
    hours = panel.hours
    per, rest = divmod(_HOUR, panel.cadence)  # steps an hour
    if panel.steps is None and not rest and panel.span % per == 0:
        grouped = panel.values.reshape(len(panel), hours, per)
        counts = np.full((len(panel), hours), per)
        return np.asarray(grouped.sum(axis=2) if total else grouped.mean(axis=2)), counts
    cell = panel.row_of_sample() * hours + panel.hours_of_samples()
    size = len(panel) * hours
    counts = np.bincount(cell, minlength=size)
    added = np.bincount(cell, weights=panel.values, minlength=size)
    found = np.full(size, np.nan)
    np.divide(added, 1 if total else counts, out=found, where=counts > 0)
    return found.reshape(len(panel), hours), counts.reshape(len(panel), hours)


def _reduced(
    reduceat: Callable[[Floats, Ints], Floats], values: Floats, offsets: Ints, empty: float
) -> Floats:
    counts = np.diff(offsets)
    found = np.full(counts.size, empty)
    some = counts > 0
    if some.any():
        found[some] = reduceat(values, offsets[:-1][some])
    return found
