"""From what a container needs to what it should ask for: requests, limits, ratios and bounds.

What is kept: the ratio of limit to request where it shrinks, the limit where the request only
grows towards it, equality where they were equal (Guaranteed stays
Guaranteed), and the absence of a limit. What is never given up: the observed peak of memory, with
its margin, and the observed peak of CPU in a limit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isnan

from upid.core.quantity import MIB, format_bytes, format_cpu
from upid.core.rightsizing import (
    CPU_REQUEST,
    MEMORY_REQUEST,
    Ask,
    Policy,
    Seen,
    estimate,
    is_throttled,
    round_cpu,
    round_memory,
)
from upid.core.snapshot import Bounds

_ALMOST = 1e-9  # relative; amounts in cores are floating point
_A_LITTLE = 0.001  # cores: one millicore more, rounded up, is the next step


_Bound = tuple[float | None, float | None, float | None]  # minimum, maximum, limit ÷ request


@dataclass(frozen=True, slots=True)
class Guards:
    """What the surroundings of a container allow.

    keep_cpu, keep_memory  why that resource must stay as it is; empty where it may change
    may_shrink             requests may become smaller: the workload is inefficient enough
    bounds                 LimitRanges of the namespace
    """

    keep_cpu: str = ""
    keep_memory: str = ""
    may_shrink: bool = True
    bounds: tuple[Bounds, ...] = ()


@dataclass(frozen=True, slots=True)
class Sized:
    """What a container should ask for, and how that was arrived at.

    wanted_*  the request that the estimators arrive at, before asking whether a change is worth
              it or allowed; None where that resource was not measured
    """

    ask: Ask
    wanted_cpu: float | None
    wanted_memory: int | None
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Pair:
    """A request and a limit of one resource on their way."""

    request: float | None
    limit: float | None
    notes: tuple[str, ...] = ()


def resize(current: Ask, seen: Seen, guards: Guards, policy: Policy) -> Sized:
    """Return what a container should ask for instead of `current`; equal to it if nothing else.

    A request grows only when the need exceeds it (usage over the request, throttling, OOM kills)
    and shrinks only when the workload may shrink and the change is worth a rollout. A request
    that is missing is added.
    """
    cpu, memory = estimate(CPU_REQUEST, seen, policy), estimate(MEMORY_REQUEST, seen, policy)
    measured_cpu, measured_memory = not isnan(seen.cpu_need), not isnan(seen.memory_peak)
    ask, notes = current, list[str]()
    if measured_cpu:
        pair = _cpu(current, seen, guards, policy, cpu.value)
        ask = replace(ask, cpu_request=pair.request, cpu_limit=pair.limit)
        notes += pair.notes
    else:
        notes.append("CPU was not measured and stays as it is")
    if measured_memory:
        pair = _memory(current, seen, guards, policy, memory.value)
        ask = replace(ask, memory_request=_whole(pair.request), memory_limit=_whole(pair.limit))
        notes += pair.notes
    else:
        notes.append("memory was not measured and stays as it is")
    return Sized(
        ask,
        cpu.value if measured_cpu else None,
        round(memory.value) if measured_memory else None,
        (cpu.steps if measured_cpu else ()) + (memory.steps if measured_memory else ()),
        tuple(notes),
    )


def _cpu(current: Ask, seen: Seen, guards: Guards, policy: Policy, wanted: float) -> _Pair:
    """Return the CPU request and limit."""
    request, limit = current.cpu_request, current.cpu_limit
    throttled = is_throttled(seen, policy) and limit is not None
    least = round_cpu(max(seen.cpu_peak, (limit or 0.0) * policy.throttle_bump * throttled))
    equal = _equal(request, limit)
    if guards.keep_cpu:
        raised = max(limit, least) if limit is not None and throttled and not equal else limit
        return _Pair(request, raised, (guards.keep_cpu,))
    if equal:
        wanted = max(wanted, least)
    grow = throttled or request is None or seen.cpu_need > request
    asked = _gated(request, wanted, policy, grow=grow, shrink=guards.may_shrink)
    if limit is None or equal:
        offered = asked if equal else None
    elif request is None or _equal(asked, request):
        offered = max(limit, least) if throttled else limit
    else:
        kept = limit if asked > request else round_cpu(asked * limit / request)
        offered = max(kept, least)
        if offered <= asked * (1 + _ALMOST):
            offered = round_cpu(asked + _A_LITTLE)
    bounds = [(b.cpu_minimum, b.cpu_maximum, b.cpu_ratio) for b in guards.bounds]
    return _bounded(_Pair(request, limit), _Pair(asked, offered), bounds, seen.cpu_need, format_cpu)


def _memory(current: Ask, seen: Seen, guards: Guards, policy: Policy, wanted: float) -> _Pair:
    """Return the memory request and limit, in whole bytes."""
    request, limit = current.memory_request, current.memory_limit
    if guards.keep_memory:
        return _Pair(request, limit, (guards.keep_memory,))
    killed = not isnan(seen.oom_level)
    if seen.leaking and request is not None:
        said = "memory grows from restart to restart: it looks like a leak and is not made smaller"
        return _Pair(request, limit, (said,))
    equal = _equal(request, limit)
    grow = killed or request is None or seen.memory_peak > request
    asked = _gated(request, wanted, policy, grow=grow, shrink=guards.may_shrink)
    if limit is None or equal:
        offered = asked if equal else None
    elif request is None or _equal(asked, request):
        offered = max(limit, wanted) if killed else limit
    else:
        kept = limit if asked > request else round_memory(asked * limit / request)
        offered = max(kept, wanted)
        if offered <= asked:
            offered = round_memory(asked + MIB)
    bounds = [(b.memory_minimum, b.memory_maximum, b.memory_ratio) for b in guards.bounds]
    need = seen.memory_peak
    return _bounded(_Pair(request, limit), _Pair(asked, offered), bounds, need, _bytes)


def _gated(
    current: float | None, wanted: float, policy: Policy, *, grow: bool, shrink: bool
) -> float:
    """Return `wanted` where a change in that direction is due and worth it, else `current`."""
    if current is None:
        return wanted
    if wanted > current:
        return wanted if grow else current
    worth = current - wanted >= policy.least_change * current * (1 - _ALMOST)
    return wanted if shrink and worth else current


def _bounded(
    before: _Pair,
    after: _Pair,
    bounds: Sequence[_Bound],
    need: float,
    written: Callable[[float], str],
) -> _Pair:
    """Return the pair held within the LimitRanges; unchanged where the need does not fit."""
    asked, offered, notes = after.request, after.limit, list[str]()
    for low, high, ratio in bounds:
        if asked is not None and ratio is not None and offered is not None:
            asked = max(asked, offered / ratio)
        if asked is not None and low is not None and asked < low:
            asked, offered = low, None if offered is None else max(offered, low)
            notes.append(f"raised to the LimitRange's minimum of {written(low)}")
        top = max(asked or 0.0, offered or 0.0)
        if high is not None and top > high:
            if high < need:
                said = f"needs {written(need)}, but the LimitRange allows {written(high)} at most"
                return _Pair(before.request, before.limit, (said,))
            asked = None if asked is None else min(asked, high)
            offered = None if offered is None else min(offered, high)
            notes.append(f"held to the LimitRange's maximum of {written(high)}")
    return _Pair(asked, offered, tuple(notes))


def _equal(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= _ALMOST * one


def _whole(size: float | None) -> int | None:
    return None if size is None else round(size)


def _bytes(size: float) -> str:
    return format_bytes(round(size))
