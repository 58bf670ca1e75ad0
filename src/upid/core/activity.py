"""What pods did, hour by hour, and how that compares with the same hours of earlier weeks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

WEEK = 168  # hours
DAY = 24


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """Hours of pods: first a history, then the evidence that is judged. p pods, h hours.

    first_hour  hour of the week of the first column, 0 = Monday 00:00 UTC
    history     columns before the evidence begins
    workload    (p,)   number of the workload that a pod belongs to
    alive       (p, h) whether the pod existed in the hour
    settled     (p, h) whether its last start is long enough ago for usage to mean work
    counted     (h,)   whether the request source reported anything of anybody
    covered     (p,)   whether the request source is shown to see the pod
    selected    (p,)   whether a Service selects the pod
    stateful    (p,)   whether it claims volumes
    business    (p, h) business requests; 0 where none were seen
    requests    (p,)   requests in the evidence, noise included
    cpu         (p, h) mean cores, NaN without a sample
    network     (p, h) mean bytes a second in and out, NaN without a sample
    samples     (p,)   samples in the evidence of its best covered series
    healthy     (p,)   share of its dependencies that are up, NaN without a known one
    blocked     (p,)   whether a dependency that it used is down
    age         (p,)   hours since it was created, at the end
    """

    first_hour: int
    history: int
    workload: Ints
    alive: Bools
    settled: Bools
    counted: Bools
    covered: Bools
    selected: Bools
    stateful: Bools
    business: Floats
    requests: Floats
    cpu: Floats
    network: Floats
    samples: Ints
    healthy: Floats
    blocked: Bools
    age: Floats

    @property
    def hours(self) -> Ints:
        """(h,) the hour of the week of each column."""
        return (self.first_hour + np.arange(self.alive.shape[1])) % WEEK

    @property
    def observed(self) -> Bools:
        """(p, h) hours in which the pod lived and requests were counted: no request is zero."""
        return np.asarray(self.alive & self.counted)


def by_hour_of_week(values: Floats | Bools, known: Bools, hours: Ints) -> tuple[Floats, Ints]:
    """Return each row's sum and number of known hours for each hour of the week.

    values   (p, h)    anything that adds up; unknown cells are left out
    hours    (h,)      hour of the week of each column, rising by one, 167 before 0
    returns  (p, 168) sums and (p, 168) counts; O(p × h), a slice a week
    """
    added = np.zeros((values.shape[0], WEEK))
    counts = np.zeros((values.shape[0], WEEK), np.int64)
    kept = np.where(known, values, 0)
    start = 0
    while start < hours.size:
        stop = min(hours.size, start + WEEK - int(hours[start]))
        there = slice(int(hours[start]), int(hours[start]) + stop - start)
        added[:, there] += kept[:, start:stop]
        counts[:, there] += known[:, start:stop]
        start = stop
    return added, counts


def span_of(known: Bools) -> Ints:
    """(p,) hours from the first known column to the last column; 0 where none is known.

    A history that is known in less than half of its span does not count as one.
    """
    hours = known.shape[1]
    if hours == 0:
        return np.zeros(known.shape[0], np.int64)
    span = np.where(known.any(axis=1), hours - known.argmax(axis=1), 0)
    return np.where(2 * known.sum(axis=1) >= span, span, 0)


def of_workload(values: Floats, known: Bools, workload: Ints) -> tuple[Floats, Bools]:
    """Return, for each row, the mean of its workload's known rows, hour by hour.

    What a pod's predecessors and siblings did stands in for a history that it is too young for.
    """
    order = np.argsort(workload, kind="stable")
    first = np.ones(order.size, np.bool_)  # of its workload
    first[1:] = np.diff(workload[order]) != 0
    starts = np.flatnonzero(first)
    row_of = np.empty_like(order)
    row_of[order] = np.cumsum(first) - 1
    added = np.add.reduceat(np.where(known, values, 0.0)[order], starts, axis=0)
    counts = np.add.reduceat(known[order].astype(np.int64), starts, axis=0)
    means = np.divide(added, counts, out=np.zeros_like(added), where=counts > 0)
    return means[row_of], (counts > 0)[row_of]


def consistency(active: Bools, known: Bools, activity: Activity) -> Floats:
    """(p,) how well the evidence repeats what its history did, 0 to 1 (IDL-6).

    The share of the evidence's known hours in which the pod was active, or quiet, as it was in
    most of the same hours of the week before; half a point for a tie. Hours without such a
    history are compared with the majority for their hour of the day within the evidence. NaN
    where no hour is known.
    """
    cut, hours = activity.history, activity.hours
    past, seen = by_hour_of_week(active[:, :cut], known[:, :cut], hours[:cut])
    share = np.divide(past, seen, out=np.full(past.shape, np.nan), where=seen > 0)
    expected = share[:, hours[cut:]]
    now, there = active[:, cut:], known[:, cut:]
    daily, days = by_hour_of_week(now, there, hours[cut:])
    daily, days = (x.reshape(-1, 7, DAY).sum(axis=1) for x in (daily, days))
    today = np.divide(daily, days, out=np.full(daily.shape, np.nan), where=days > 0)
    expected = np.where(np.isnan(expected), today[:, hours[cut:] % DAY], expected)
    alike = np.where(expected == 0.5, 0.5, (expected > 0.5) == now)  # noqa: PLR2004
    total = there.sum(axis=1)
    good = np.where(there, alike, 0.0).sum(axis=1)
    return np.asarray(np.divide(good, total, out=np.full(total.size, np.nan), where=total > 0))


def longest_gap(active: Bools) -> tuple[int, int]:
    """Return the longest quiet time between two active hours of a row, and that after the last."""
    at = np.flatnonzero(active)
    if at.size == 0:
        return 0, active.size
    between = int(np.diff(at).max(initial=1)) - 1
    return between, active.size - 1 - int(at[-1])
