"""Reads panels into the few numbers per workload and container that advice is made from.

One pass over CPU and memory by the hour (levels, gaps, shifts, leaks), one into histograms; both
in chunks, so that ten thousand pods need no more memory than their panels.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from upid.contexts.optimization.logic.grouping import (
    RUNS,
    Groups,
    Hours,
    Question,
    Samples,
    by_hour,
    events,
    grouped,
)
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
from upid.core.snapshot import Pod

_HOUR = timedelta(hours=1)
_DAY_HOURS = 24
_LONG_STARTUPS = 12  # a series of fewer start-ups is all start-up: nothing is left out of it
_SAID = (0.5, 0.95, 0.99)  # quantiles that evidence names


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One resource, by group: (g,) each, NaN where it was not measured.

    need  the wanted quantile: that of all samples together, or of the neediest pod with a day of
          its own (of a Job's: the neediest run) if that is higher
    busy  mean of the hours of each pod, weighed by themselves: Σx² ÷ Σx
    said  (g, 3)  P50, P95, P99 of all samples together
    """

    need: Floats
    said: Floats
    mean: Floats
    peak: Floats
    samples: Ints
    busy: Floats


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


def read(samples: Samples, groups: Groups, question: Question) -> Features:
    """Return what was seen of each container of each workload."""
    cpu, memory = by_hour(samples.cpu), by_hour(samples.memory)
    shifts = level_shifts(_daily(cpu, groups))
    covered, begin, end = _cover(cpu if cpu is not None else memory, groups)
    return Features(
        groups=groups,
        cpu=_cpu_level(samples, groups, shifts, question, cpu),
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


def _daily(hours: Hours | None, groups: Groups) -> Floats:
    """(g, days) mean of each day over all pods."""
    if hours is None:
        return np.full((len(groups.keys), 0), np.nan)
    edges = np.arange(0, hours.added.shape[1], _DAY_HOURS)
    added = grouped(np.add.reduceat(hours.added, edges, axis=1), groups, np.add, 0.0)
    counts = grouped(np.add.reduceat(hours.counts, edges, axis=1), groups, np.add, 0.0)
    means: Floats = np.full(added.shape, np.nan)
    np.divide(added, counts, out=means, where=counts > 0)
    return means


def _cover(hours: Hours | None, groups: Groups) -> tuple[Floats, Floats, Floats]:
    """Return hours covered by samples, and first and last hour with one; (g,) each."""
    size = len(groups.keys)
    if hours is None:
        return np.zeros(size), np.full(size, np.nan), np.full(size, np.nan)
    best = grouped(hours.counts, groups, np.maximum, 0.0)
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
    return grouped(seen, groups, np.add, 0.0).astype(np.int64)


def _cpu_level(
    samples: Samples, groups: Groups, shifts: Shifts, question: Question, hours: Hours | None
) -> Level:
    """Return CPU: decayed, start-up left out of quantiles, only since a level shift."""
    panel = samples.cpu
    if panel is None or hours is None:
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
        late = np.flatnonzero(since[chunk.first : chunk.last] > 0)
        begins = chunk.panel.places(late, np.ceil(since[chunk.first + late]).astype(np.int64))
        for row, place in zip(late.tolist(), begins.tolist(), strict=True):
            weight[chunk.panel.offsets[row] : place] = 0.0
        begin, end = np.searchsorted(left_out, (chunk.begin, chunk.begin + weight.size))
        weight[left_out[begin:end] - chunk.begin] = 0.0
        return weight

    need, said = _quantiles(panel, groups, CPU_BUCKETS, weigh, question.quantile)
    level = _measured(panel, groups, need, said)
    return replace(level, busy=_busy(hours, day * _DAY_HOURS, groups))


def _busy(hours: Hours, since: Ints, groups: Groups) -> Floats:
    """(g,) mean of the hours since `since` (s,), each weighed by itself; NaN without any use."""
    means = np.nan_to_num(hours.means())
    means[np.arange(means.shape[1]) < since[:, None]] = 0.0
    whole = grouped(means.sum(axis=1), groups, np.add, 0.0)
    squares = grouped(np.einsum("sh,sh->s", means, means), groups, np.add, 0.0)
    busy: Floats = np.full(whole.size, np.nan)
    np.divide(squares, whole, out=busy, where=whole > 0)
    return busy


def _memory_level(panel: Panel | None, groups: Groups) -> Level:
    """Return memory: every sample weighs the same, and the peak is what is needed."""
    if panel is None:
        return _nothing(groups)
    _, said = _quantiles(panel, groups, MEMORY_BUCKETS, lambda _: None, 1.0)
    level = _measured(panel, groups, np.zeros(0), said)
    return replace(level, need=level.peak)


def _quantiles(
    panel: Panel,
    groups: Groups,
    buckets: Buckets,
    weigh: Callable[[Chunk], Floats | None],
    q: float,
) -> tuple[Floats, Floats]:
    """Return (g,) the need and (g, 3) the quantiles that are said, not above the maximum."""
    together = np.zeros((len(groups.keys), buckets.count))
    alone = np.full(len(panel), -np.inf)
    a_day = round(_DAY_HOURS * (_HOUR / panel.cadence))
    for chunk in chunks(panel):
        histogram = fill(chunk, weigh(chunk), buckets)
        merged(histogram, groups.of[chunk.first : chunk.last], together)
        if q < 1:  # the peak is asked for by itself
            alone[chunk.first : chunk.last] = quantiles(histogram, (q,), buckets)[:, 0]
    runs = np.array([key.kind in RUNS for key, _ in groups.keys] + [False], bool)[groups.of]
    alone[((panel.counts < a_day) & ~runs) | np.isnan(alone)] = -np.inf
    alone = np.minimum(alone, np.nan_to_num(highest(panel.values, panel.offsets), nan=-np.inf))
    found = quantiles(together, (q, *_SAID), buckets)
    most = grouped(
        np.nan_to_num(highest(panel.values, panel.offsets), nan=-np.inf),
        groups,
        np.maximum,
        -np.inf,
    )
    found = np.minimum(found, np.where(np.isfinite(most), most, np.nan)[:, None])
    need = np.fmax(found[:, 0], grouped(alone, groups, np.maximum, -np.inf))
    return np.where(np.isfinite(need), need, np.nan), found[:, 1:]


def _measured(panel: Panel, groups: Groups, need: Floats, said: Floats) -> Level:
    counts = grouped(panel.counts, groups, np.add, 0.0)
    added = grouped(sums(panel.values, panel.offsets), groups, np.add, 0.0)
    top = np.nan_to_num(highest(panel.values, panel.offsets), nan=-np.inf)
    peak = grouped(top, groups, np.maximum, -np.inf)
    return Level(
        need,
        said,
        np.divide(added, counts, out=np.full(counts.shape, np.nan), where=counts > 0),
        np.where(counts > 0, peak, np.nan),
        counts.astype(np.int64),
        np.full(counts.shape, np.nan),
    )


def _nothing(groups: Groups) -> Level:
    empty = np.full(len(groups.keys), np.nan)
    said = np.full((empty.size, len(_SAID)), np.nan)
    return Level(empty, said, empty, empty, np.zeros(empty.size, np.int64), empty)


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
    rows, steps = samples.restarts.at(np.flatnonzero(samples.restarts.values > 0))
    known = groups.of[rows] >= 0
    rows, steps = rows[known], steps[known]
    first, last = panel.places(rows, steps), panel.places(rows, steps + span)
    first[1:] = np.maximum(first[1:], last[:-1])  # both rise: start-ups overlap, places may not
    lengths = np.maximum(last - first, 0)
    before = np.cumsum(lengths) - lengths
    return np.asarray(np.arange(int(lengths.sum())) + np.repeat(first - before, lengths))


def _leaking(hours: Hours | None, samples: Samples, groups: Groups) -> NDArray[np.bool_]:
    if hours is None:
        return np.zeros(len(groups.keys), bool)
    breaks = np.zeros(hours.added.shape, bool)
    for panel in (samples.restarts, samples.oom_kills):
        for row, step, _ in events(panel) if panel is not None else ():
            breaks[row, hours.of_steps[step]] = True
    return grouped(leaks(hours.means(), breaks), groups, np.logical_or, 0.0).astype(bool)


def _mean(panel: Panel | None, groups: Groups) -> Floats:
    if panel is None:
        return np.full(len(groups.keys), np.nan)
    return _measured(panel, groups, np.zeros(0), np.zeros(0)).mean


def _total(panel: Panel | None, groups: Groups) -> Floats:
    if panel is None:
        return np.full(len(groups.keys), np.nan)
    counts = grouped(panel.counts, groups, np.add, 0.0)
    added = grouped(sums(panel.values, panel.offsets), groups, np.add, 0.0)
    return np.where(counts > 0, added, np.nan)


def _oom_level(samples: Samples, groups: Groups) -> Floats:
    """(g,) the highest memory at which a kill happened: the limit then in force, or the peak."""
    level = np.full(len(groups.keys), np.nan)
    panel, memory = samples.oom_kills, samples.memory
    if panel is None:
        return level
    top = highest(memory.values, memory.offsets) if memory else np.full(len(panel), np.nan)
    for row, step, _ in events(panel):
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
