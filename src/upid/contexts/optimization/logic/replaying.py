"""Proposals held against the recorded past, as a whole and week by week."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from upid.contexts.optimization.logic.grouping import Groups, Samples
from upid.core.explain import Unknown
from upid.core.histogram import chunks
from upid.core.panel import Floats, Ints, Panel
from upid.core.rightsizing import Ask
from upid.core.simulation import Exceeded, Replay, replay

_WEEK = timedelta(days=7)
_TO_COMPARE = 2  # weeks
_BOUNDED = ("cpu_request", "cpu_limit", "memory_request", "memory_limit")
_UNMEASURED = Unknown("not measured")


@dataclass(frozen=True, slots=True)
class Past:
    """One container's proposal in the recorded past.

    over_request   0 to 1: share of CPU samples above the proposed request in the worst week
    memory_growth  highest ÷ lowest peak of memory of the whole weeks; 1 with fewer than two
    """

    replay: Replay
    over_request: float
    memory_growth: float


def replayed(asks: Mapping[int, Ask], groups: Groups, samples: Samples) -> dict[int, Past]:
    """Return the past replayed with each proposal, by group."""
    size = len(groups.keys)
    asked = np.zeros(size + 1, np.bool_)  # the last is what -1, no group, takes
    asked[sorted(asks)] = True
    of = np.where(asked[groups.of], groups.of, -1)
    bounds = {name: np.full(size, np.inf) for name in _BOUNDED}
    for place, ask in asks.items():
        for name in _BOUNDED:
            value = getattr(ask, name)
            if value is not None:
                bounds[name][place] = value
    cpu, memory = samples.cpu, samples.memory
    by_cpu = None if cpu is None else replay(cpu, of, bounds["cpu_request"], bounds["cpu_limit"])
    by_memory = None
    if memory is not None:
        by_memory = replay(memory, of, bounds["memory_request"], bounds["memory_limit"])
    over = np.zeros(size) if cpu is None else _worst_week(cpu, of, bounds["cpu_request"])
    growth = np.ones(size) if memory is None else _growth(memory, of, size)
    return {
        place: Past(
            _replay(place, by_cpu, by_memory), float(over[place]), round(float(growth[place]), 4)
        )
        for place in asks
    }


def _worst_week(panel: Panel, of: Ints, request: Floats) -> Floats:
    """(g,) share of samples above the request in the week where it is highest."""
    weeks = -(-panel.span // _steps(panel))
    bounds = np.append(request, np.inf)  # -1, no group, takes the infinite one
    seen, over = np.zeros((of.size, weeks)), np.zeros((of.size, weeks))
    for chunk in chunks(panel):
        row, week, begins, lengths = _weeks(chunk.panel)
        bound = bounds[of[chunk.first : chunk.last]]
        above = chunk.values > np.repeat(bound, chunk.panel.counts)
        seen[chunk.first + row, week] = lengths
        over[chunk.first + row, week] = np.add.reduceat(above, begins, dtype=np.int64)
    kept = of >= 0
    of_group = np.zeros((2, request.size, weeks))
    np.add.at(of_group[0], of[kept], seen[kept])
    np.add.at(of_group[1], of[kept], over[kept])
    share = np.divide(of_group[1], of_group[0], out=of_group[1], where=of_group[0] > 0)
    worst: Floats = share.max(axis=1)
    return worst


def _growth(panel: Panel, of: Ints, size: int) -> Floats:
    """(g,) highest ÷ lowest weekly peak of the whole weeks that have samples."""
    weeks = panel.span // _steps(panel)
    if weeks < _TO_COMPARE:
        return np.ones(size)
    peaks = np.full((size, weeks), -np.inf)
    for chunk in chunks(panel):
        row, week, begins, _ = _weeks(chunk.panel)
        group = of[chunk.first + row]
        kept = (group >= 0) & (week < weeks)
        highest = np.maximum.reduceat(chunk.values, begins)
        np.maximum.at(peaks, (group[kept], week[kept]), highest[kept])
    some = np.isfinite(peaks) & (peaks > 0)
    low = np.where(some, peaks, np.inf).min(axis=1)
    high = np.where(some, peaks, -np.inf).max(axis=1)
    found: Floats = np.where(
        some.sum(axis=1) >= _TO_COMPARE, high / np.where(np.isinf(low), 1.0, low), 1.0
    )
    return found


def _weeks(panel: Panel) -> tuple[Ints, Ints, Ints, Ints]:
    """Return row, week, place of the first sample and samples of every week of a row with any."""
    weeks, size = -(-panel.span // _steps(panel)), len(panel)
    rows, week = np.repeat(np.arange(size), weeks), np.tile(np.arange(weeks), size)
    begins = panel.places(rows, week * _steps(panel))
    lengths = np.diff(begins, append=panel.values.size)
    some = lengths > 0
    return rows[some], week[some], begins[some], lengths[some]


def _steps(panel: Panel) -> int:
    return max(1, round(_WEEK / panel.cadence))


def _replay(place: int, cpu: Exceeded | None, memory: Exceeded | None) -> Replay:
    def share(found: Exceeded | None, over: str) -> float | Unknown:
        if found is None or not found.samples[place]:
            return _UNMEASURED
        return round(float(getattr(found, over)[place] / found.samples[place]), 6)

    def worst(found: Exceeded | None) -> float | Unknown:
        if found is None or not found.samples[place]:
            return _UNMEASURED
        value = float(found.worst[place])
        return value if np.isfinite(value) else 0.0

    excess, hits = worst(memory), share(memory, "over_limit")
    known = memory is not None and not isinstance(hits, Unknown)
    return Replay(
        cpu_over_request=share(cpu, "over_request"),
        cpu_over_limit=share(cpu, "over_limit"),
        cpu_worst=worst(cpu),
        memory_over_request=share(memory, "over_request"),
        memory_over_limit=int(memory.over_limit[place]) if memory and known else _UNMEASURED,
        memory_worst=excess if isinstance(excess, Unknown) else round(excess),
    )
