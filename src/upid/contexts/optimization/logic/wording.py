"""Plain sentences: one that names the numbers, one that says what to do."""

from collections.abc import Sequence
from math import nan

from upid.contexts.optimization.types import ContainerChange, Usage
from upid.core.explain import Unknown
from upid.core.quantity import GIB, MIB, format_bytes, format_cpu
from upid.core.rightsizing import Ask

_NEEDIER = 1.1  # times its P95 the neediest pod or run is worth a word
_WELL_ABOVE = 1.5  # times its P95 a request needs another word
REALISED = (
    "pods shrink when the change is rolled out; the money returns when nodes can go away "
    "(by an autoscaler or by hand)"
)
REALISED_GROWTH = "it costs more from the moment it is rolled out, in room that others cannot take"
REALISED_AT_ONCE = "the money returns with the next bill"


def size(amount: float) -> str:
    """Return bytes for people: whole MiB below 10 GiB, then GiB with one decimal."""
    if amount < 10 * GIB:
        return f"{-int(-amount // MIB)}Mi"
    return f"{amount / GIB:.1f}Gi"


def cores(amount: float) -> str:
    """Return cores for people, to the millicore."""
    return format_cpu(round(amount, 3))


def reason(changes: Sequence[ContainerChange], *, part: str, leaking: Sequence[str] = ()) -> str:
    """Return why, for the container that changes most, with its numbers.

    part     what a series is of: `pod` or `run`
    leaking  containers whose memory looks like a leak
    """
    main = changes[0]
    said = use(main.usage, main.current) + _more(main, part)
    if len(changes) > 1:
        others = ", ".join(change.name for change in changes[1:])
        said = f"{main.name} {said}; likewise {others}"
    if leaking:
        said += f"; the memory of {', '.join(leaking)} looks like a leak and stays as it is"
    return said


def use(usage: Usage, ask: Ask) -> str:
    """Return what a container uses of what it asks for."""
    asked = "CPU at P95 (none requested)"
    if ask.cpu_request is not None:
        asked = f"of {cores(ask.cpu_request)} CPU at P95"
    held = "(none requested)"
    if ask.memory_request is not None:
        held = f"of {format_bytes(ask.memory_request)}"
    cpu, memory = usage.cpu_p95, usage.memory_max
    if isinstance(memory, Unknown):
        used = "" if isinstance(cpu, Unknown) else f"uses {cores(cpu)} {asked}; "
        return f"{used}memory was not measured"
    if isinstance(cpu, Unknown):
        return f"uses at most {size(memory)} {held}; CPU was not measured"
    return f"uses {cores(cpu)} {asked} and at most {size(memory)} {held}"


def _more(change: ContainerChange, part: str) -> str:
    """Return what else decided, each only where it did."""
    usage, ask, fresh = change.usage, change.current, change.proposed
    said = ""
    p95, need, busy = (_known(v) for v in (usage.cpu_p95, usage.cpu_need, usage.cpu_busy))
    if need > _NEEDIER * p95 and ask.cpu_request != fresh.cpu_request:
        said += f"; {cores(need)} in its neediest {part}"
    if not isinstance(usage.oom_kills, Unknown) and usage.oom_kills > 0:
        said += f"; OOM-killed {_times(usage.oom_kills)}"
    if (fresh.cpu_request or 0.0) > _WELL_ABOVE * p95 < busy:
        said += f"; {cores(busy)} CPU in its busy hours"
    raised_limit = (fresh.cpu_limit or 0.0) > (ask.cpu_limit or 0.0)
    if raised_limit and not isinstance(usage.throttled, Unknown) and usage.throttled > 0:
        said += f"; throttled in {usage.throttled:.0%} of periods"
    return said


def _known(amount: float | Unknown) -> float:
    """Return an amount to compare; NaN, which is neither more nor less, where it is Unknown."""
    return nan if isinstance(amount, Unknown) else amount


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def content(name: str, usage: Usage, ask: Ask, least: float) -> str:
    """Return why nothing of a container can shrink by the share that is worth a rollout."""
    peak, need, most = usage.cpu_max, usage.cpu_need, usage.memory_max
    if isinstance(peak, Unknown) or isinstance(need, Unknown):
        cpu = "uses CPU that was not measured"
    elif ask.cpu_limit is not None and ask.cpu_limit == ask.cpu_request:
        cpu = f"peaks at {cores(peak)} of {cores(ask.cpu_limit)} CPU, its limit as well"
    elif ask.cpu_request is not None:
        cpu = f"needs {cores(need)} of {cores(ask.cpu_request)} CPU"
    else:
        cpu = f"needs {cores(need)} CPU"
    held = "" if ask.memory_request is None else f" of {format_bytes(ask.memory_request)}"
    memory = f"up to {size(most)}{held}" if not isinstance(most, Unknown) else "unmeasured memory"
    return f"{name} {cpu}, and holds {memory}: with headroom no request can shrink by {least:.0%}"


def action(changes: Sequence[ContainerChange]) -> str:
    """Return what to do: each amount that changes, with what it was."""
    said = []
    for change in changes:
        parts = [
            f"{name} {before} → {after}"
            for name, before, after in _amounts(change)
            if before != after
        ]
        where = f"{change.name}: " if len(changes) > 1 else ""
        said.append(where + ", ".join(parts))
    return "; ".join(said)


def _amounts(change: ContainerChange) -> list[tuple[str, str, str]]:
    old, fresh = change.current, change.proposed
    return [
        ("CPU request", _written_cpu(old.cpu_request), _written_cpu(fresh.cpu_request)),
        ("CPU limit", _written_cpu(old.cpu_limit), _written_cpu(fresh.cpu_limit)),
        ("memory request", _written(old.memory_request), _written(fresh.memory_request)),
        ("memory limit", _written(old.memory_limit), _written(fresh.memory_limit)),
    ]


def _written_cpu(amount: float | None) -> str:
    return "none" if amount is None else format_cpu(amount)


def _written(amount: int | None) -> str:
    return "none" if amount is None else format_bytes(amount)
