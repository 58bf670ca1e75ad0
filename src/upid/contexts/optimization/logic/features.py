"""Reads panels into the few numbers per workload and container that advice is made from.

One pass over CPU and memory by the hour (levels, gaps, shifts, leaks), one into histograms; both
in chunks, so that ten thousand pods need no more memory than their panels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from upid.core.changes import Shifts, leaks, level_shifts
from upid.core.histogram import (
    CPU_BUCKETS,
    MEMORY_BUCKETS,
    Buckets,
    Chunk,
    chunks,
    decay,
    fill,
    merged,
    quantiles,
)
from upid.core.panel import Floats, Ints, Panel, highest, sums
from upid.core.snapshot import Pod, WorkloadKey

_HOUR = timedelta(hours=1)
_DAY_HOURS = 24
_LONG_STARTUPS = 12  # a series of fewer start-ups is all start-up: nothing is left out of it
Rows = Floats | Ints | NDArray[np.bool_]
_SAID = (0.5, 0.95, 0.99)  # quantiles that evidence names

RUNS = ("Job", "CronJob")  # sized from the peaks of their runs


@dataclass(frozen=True, slots=True)
class Question:
    """How panels are read; see the settings of the same names."""

    quantile: float
    half_life: timedelta
    startup: timedelta


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Panels of a cluster's containers, all with the rows of one catalogue.

    A panel is None where the metric is not measured at all.
    """

    labels: Mapping[str, NDArray[np.object_]]
    cpu: Panel | None
    memory: Panel | None
    throttled: Panel | None
    restarts: Panel | None
    oom_kills: Panel | None


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Which series belong to which container of which workload.

    keys  (workload, container name), sorted
    of    (s,)  place in `keys`; -1 for series of no known container
    pods  (s,)  the pod of each series, None where it is not known
    """

    keys: tuple[tuple[WorkloadKey, str], ...]
    of: Ints
    pods: tuple[Pod | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One resource, by group: (g,) each, NaN where it was not measured.

    need  the wanted quantile: that of all samples together, or of the neediest pod with a day of
          its own if that is higher
    said  (g, 3)  P50, P95, P99 of all samples together
    """

    need: Floats
    said: Floats
    mean: Floats
    peak: Floats
    samples: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What was seen of each group; `begin` and `end` in hours since the window's start."""

    groups: Groups
    cpu: Level
    memory: Level
    pods: Ints
    covered: Floats  # hours with samples of at least one pod
    begin: Floats  # of the first sample
    end: Floats  # of the last sample
    shifts: Shifts
    leaking: NDArray[np.bool_]
    throttled: Floats
    restarts: Floats
    oom_kills: Floats
    oom_level: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Hours:
    """A panel by the hour: (s, hours) sums and counts of samples."""

    added: Floats
    counts: Ints
    per: int  # steps an hour

    def means(self) -> Floats:
        found = np.full(self.added.shape, np.nan)
        np.divide(self.added, self.counts, out=found, where=self.counts > 0)
        return found


def group(labels: Mapping[str, NDArray[np.object_]], pods: Sequence[Pod]) -> Groups:
    """Return which series belongs to which container; init containers are left out."""
    by_uid = {pod.uid: pod for pod in pods}
    known: dict[str, frozenset[str]] = {}
    owners: list[tuple[WorkloadKey, str] | None] = []
    found: list[Pod | None] = []
    for uid, name in zip(labels["pod_uid"].tolist(), labels["container"].tolist(), strict=True):
        pod = by_uid.get(uid)
        if pod is not None and uid not in known:
            known[uid] = frozenset(c.name for d in pod.declared for c in d.containers if not c.init)
        belongs = pod is not None and name in known[uid]
        found.append(pod if belongs else None)
        owners.append((pod.workload, name) if pod is not None and belongs else None)
    keys = tuple(sorted({owner for owner in owners if owner is not None}))
    place = {key: i for i, key in enumerate(keys)}
    of = np.array([-1 if owner is None else place[owner] for owner in owners], np.int64)
    return Groups(keys, of, tuple(found))


def read(samples: Samples, groups: Groups, question: Question) -> Features:
    """Return what was seen of each container of each workload."""
    cpu, memory = _by_hour(samples.cpu), _by_hour(samples.memory)
    shifts = level_shifts(_daily(cpu, groups))
    covered, begin, end = _cover(cpu if cpu is not None else memory, groups)
    return Features(
        groups=groups,
        cpu=_cpu_level(samples, groups, shifts, question),
        memory=_memory_level(samples.memory, groups),
        pods=_pods(samples, groups),
        covered=covered,
        begin=begin,
        end=end,
        shifts=shifts,
        leaking=_leaking(memory, samples, groups),
        throttled=_mean(samples.throttled, groups),
        restarts=_total(samples.restarts, groups),
        oom_kills=_total(samples.oom_kills, groups),
        oom_level=_oom_level(samples, groups),
    )


def _by_hour(panel: Panel | None) -> _Hours | None:
    if panel is None:
        return None
    per = max(1, round(_HOUR / panel.cadence))
    hours = -(-panel.span // per)
    added = np.zeros((len(panel), hours))
    counts = np.zeros((len(panel), hours), np.int64)
    for chunk in chunks(panel):
        height = chunk.last - chunk.first
        if panel.steps is None and panel.span % per == 0:
            added[chunk.first : chunk.last] = chunk.values.reshape(height, hours, per).sum(axis=2)
            counts[chunk.first : chunk.last] = per
            continue
        cells = chunk.rows * hours + chunk.steps // per
        size = height * hours
        added[chunk.first : chunk.last] = np.bincount(cells, chunk.values, size).reshape(-1, hours)
        counts[chunk.first : chunk.last] = np.bincount(cells, minlength=size).reshape(-1, hours)
    return _Hours(added, counts, per)


def _grouped(rows: Rows, groups: Groups, ufunc: np.ufunc, empty: float) -> Floats:
    """(g, …) rows of each group put together; `empty` for a group without rows."""
    found = np.full((len(groups.keys), *rows.shape[1:]), empty)
    kept = np.flatnonzero(groups.of >= 0)
    if kept.size:
        order = kept[np.argsort(groups.of[kept], kind="stable")]
        starts = np.flatnonzero(np.diff(groups.of[order], prepend=-1))
        found[groups.of[order][starts]] = ufunc.reduceat(rows[order], starts, axis=0)
    return found


def _daily(hours: _Hours | None, groups: Groups) -> Floats:
    """(g, days) mean of each day over all pods."""
    if hours is None:
        return np.full((len(groups.keys), 0), np.nan)
    edges = np.arange(0, hours.added.shape[1], _DAY_HOURS)
    added = _grouped(np.add.reduceat(hours.added, edges, axis=1), groups, np.add, 0.0)
    counts = _grouped(np.add.reduceat(hours.counts, edges, axis=1), groups, np.add, 0.0)
    means: Floats = np.full(added.shape, np.nan)
    np.divide(added, counts, out=means, where=counts > 0)
    return means


def _cover(hours: _Hours | None, groups: Groups) -> tuple[Floats, Floats, Floats]:
    """Return hours covered by samples, and first and last hour with one; (g,) each."""
    size = len(groups.keys)
    if hours is None:
        return np.zeros(size), np.full(size, np.nan), np.full(size, np.nan)
    best = _grouped(hours.counts, groups, np.maximum, 0.0)
    seen = best > 0
    some = seen.any(axis=1)
    begin = np.where(some, seen.argmax(axis=1), np.nan)
    end = np.where(some, seen.shape[1] - seen[:, ::-1].argmax(axis=1), np.nan)
    return best.sum(axis=1) / hours.per, begin, end


def _pods(samples: Samples, groups: Groups) -> Ints:
    seen = np.zeros(groups.of.size, bool)
    for panel in (samples.cpu, samples.memory):
        if panel is not None:
            seen |= panel.counts > 0
    return _grouped(seen, groups, np.add, 0.0).astype(np.int64)


def _cpu_level(samples: Samples, groups: Groups, shifts: Shifts, question: Question) -> Level:
    """Return CPU: decayed, start-up left out of quantiles, only since a level shift."""
    panel = samples.cpu
    if panel is None:
        return _nothing(groups)
    hour_steps = _HOUR / panel.cadence
    weights = decay(panel.span, 1 / hour_steps, question.half_life / _HOUR)
    day = np.append(shifts.day, 0)[groups.of]  # -1 takes the 0 at the end
    since = np.maximum(day * _DAY_HOURS * hour_steps, 0)
    left_out = _startups(samples, groups, panel, question.startup)
    starts = np.array([_started(pod, panel, question.startup) for pod in groups.pods])
    long = panel.counts >= _LONG_STARTUPS * (question.startup / panel.cadence)
    since = np.maximum(since, np.where(long, starts, 0))

    def weigh(chunk: Chunk) -> Floats:
        weight = weights[chunk.steps]
        weight[chunk.steps < since[chunk.first : chunk.last][chunk.rows]] = 0.0
        begin, end = np.searchsorted(left_out, (chunk.begin, chunk.begin + weight.size))
        weight[left_out[begin:end] - chunk.begin] = 0.0
        return weight

    need, said = _quantiles(panel, groups, CPU_BUCKETS, weigh, question.quantile)
    level = _measured(panel, groups, need, said)
    runs = np.array([key.kind in RUNS for key, _ in groups.keys], bool)
    return Level(
        np.where(runs, level.peak, level.need), said, level.mean, level.peak, level.samples
    )


def _memory_level(panel: Panel | None, groups: Groups) -> Level:
    """Return memory: every sample weighs the same, and the peak is what is needed."""
    if panel is None:
        return _nothing(groups)
    _, said = _quantiles(panel, groups, MEMORY_BUCKETS, lambda c: np.ones(c.values.size), 1.0)
    level = _measured(panel, groups, np.zeros(0), said)
    return Level(level.peak, said, level.mean, level.peak, level.samples)


def _quantiles(
    panel: Panel, groups: Groups, buckets: Buckets, weigh: Callable[[Chunk], Floats], q: float
) -> tuple[Floats, Floats]:
    """Return (g,) the need and (g, 3) the quantiles that are said, not above the maximum."""
    together = np.zeros((len(groups.keys), buckets.count))
    alone = np.full(len(panel), -np.inf)
    a_day = round(_DAY_HOURS * (_HOUR / panel.cadence))
    for chunk in chunks(panel):
        histogram = fill(chunk, weigh(chunk), buckets)
        merged(histogram, groups.of[chunk.first : chunk.last], together)
        alone[chunk.first : chunk.last] = quantiles(histogram, (q,), buckets)[:, 0]
    alone[(panel.counts < a_day) | np.isnan(alone)] = -np.inf
    alone = np.minimum(alone, np.nan_to_num(highest(panel.values, panel.offsets), nan=-np.inf))
    found = quantiles(together, (q, *_SAID), buckets)
    most = _grouped(
        np.nan_to_num(highest(panel.values, panel.offsets), nan=-np.inf),
        groups,
        np.maximum,
        -np.inf,
    )
    found = np.minimum(found, np.where(np.isfinite(most), most, np.nan)[:, None])
    need = np.fmax(found[:, 0], _grouped(alone, groups, np.maximum, -np.inf))
    return np.where(np.isfinite(need), need, np.nan), found[:, 1:]


def _measured(panel: Panel, groups: Groups, need: Floats, said: Floats) -> Level:
    counts = _grouped(panel.counts, groups, np.add, 0.0)
    added = _grouped(sums(panel.values, panel.offsets), groups, np.add, 0.0)
    top = np.nan_to_num(highest(panel.values, panel.offsets), nan=-np.inf)
    peak = _grouped(top, groups, np.maximum, -np.inf)
    return Level(
        need,
        said,
        np.divide(added, counts, out=np.full(counts.shape, np.nan), where=counts > 0),
        np.where(counts > 0, peak, np.nan),
        counts.astype(np.int64),
    )


def _nothing(groups: Groups) -> Level:
    empty = np.full(len(groups.keys), np.nan)
    said = np.full((empty.size, len(_SAID)), np.nan)
    return Level(empty, said, empty, empty, np.zeros(empty.size, np.int64))


def _started(pod: Pod | None, panel: Panel, startup: timedelta) -> float:
    """Return the first step after a pod's start-up; 0 where it began before the panel."""
    if pod is None or pod.created <= panel.start:
        return 0.0
    return (pod.created - panel.start + startup) / panel.cadence


def _startups(samples: Samples, groups: Groups, panel: Panel, startup: timedelta) -> Ints:
    """Return, rising, the places in the panel of samples within a start-up after a restart."""
    if samples.restarts is None:
        return np.zeros(0, np.int64)
    span = -(-startup // panel.cadence)
    places: list[int] = []
    for row, step, _ in _events(samples.restarts):
        if groups.of[row] < 0:
            continue
        begin, end = int(panel.offsets[row]), int(panel.offsets[row + 1])
        if panel.steps is None:
            first, last = begin + step, min(begin + step + span, end)
        else:
            inside = np.searchsorted(panel.steps[begin:end], (step, step + span))
            first, last = begin + int(inside[0]), begin + int(inside[1])
        places.extend(range(first, last))
    return np.unique(np.array(places, np.int64))


def _events(panel: Panel) -> list[tuple[int, int, float]]:
    """Return row, step and count of every sample of a count metric that is above zero."""
    at = np.flatnonzero(panel.values > 0)
    rows = np.searchsorted(panel.offsets, at, side="right") - 1
    steps = at - panel.offsets[rows] if panel.steps is None else panel.steps[at]
    return list(zip(rows.tolist(), steps.tolist(), panel.values[at].tolist(), strict=True))


def _leaking(hours: _Hours | None, samples: Samples, groups: Groups) -> NDArray[np.bool_]:
    if hours is None:
        return np.zeros(len(groups.keys), bool)
    breaks = np.zeros(hours.added.shape, bool)
    for panel in (samples.restarts, samples.oom_kills):
        for row, step, _ in _events(panel) if panel is not None else ():
            breaks[row, step // hours.per] = True
    return _grouped(leaks(hours.means(), breaks), groups, np.logical_or, 0.0).astype(bool)


def _mean(panel: Panel | None, groups: Groups) -> Floats:
    if panel is None:
        return np.full(len(groups.keys), np.nan)
    return _measured(panel, groups, np.zeros(0), np.zeros(0)).mean


def _total(panel: Panel | None, groups: Groups) -> Floats:
    if panel is None:
        return np.full(len(groups.keys), np.nan)
    counts = _grouped(panel.counts, groups, np.add, 0.0)
    added = _grouped(sums(panel.values, panel.offsets), groups, np.add, 0.0)
    return np.where(counts > 0, added, np.nan)


def _oom_level(samples: Samples, groups: Groups) -> Floats:
    """(g,) the highest memory at which a kill happened: the limit then in force, or the peak."""
    level = np.full(len(groups.keys), np.nan)
    panel, memory = samples.oom_kills, samples.memory
    if panel is None:
        return level
    top = highest(memory.values, memory.offsets) if memory else np.full(len(panel), np.nan)
    for row, step, _ in _events(panel):
        place, pod = int(groups.of[row]), groups.pods[row]
        if place < 0 or pod is None:
            continue
        limit = _limit_at(pod, groups.keys[place][1], panel.start + step * panel.cadence)
        level[place] = np.fmax(level[place], np.fmax(top[row], np.nan if limit is None else limit))
    return level


def _limit_at(pod: Pod, name: str, at: datetime) -> int | None:
    """Return the memory limit that a container had at an instant."""
    found = pod.declared[0]
    for declared in pod.declared:
        if declared.since <= at:
            found = declared
    return next((c.memory_limit for c in found.containers if c.name == name), None)
