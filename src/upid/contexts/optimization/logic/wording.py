"""Plain sentences: one that names the numbers, one that says what to do."""

from collections.abc import Sequence

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
    return f"uses {cores(usage.cpu_p95)} {asked} and at most {size(usage.memory_max)} {held}"


def _more(change: ContainerChange, part: str) -> str:
    """Return what else decided, each only where it did."""
    usage, ask, fresh = change.usage, change.current, change.proposed
    said = ""
    if usage.cpu_need > _NEEDIER * usage.cpu_p95 and ask.cpu_request != fresh.cpu_request:
        said += f"; {cores(usage.cpu_need)} in its neediest {part}"
    if not isinstance(usage.oom_kills, Unknown) and usage.oom_kills > 0:
        said += f"; OOM-killed {_times(usage.oom_kills)}"
    if (fresh.cpu_request or 0.0) > _WELL_ABOVE * usage.cpu_p95 < usage.cpu_busy:
        said += f"; {cores(usage.cpu_busy)} CPU in its busy hours"
    raised_limit = (fresh.cpu_limit or 0.0) > (ask.cpu_limit or 0.0)
    if raised_limit and not isinstance(usage.throttled, Unknown) and usage.throttled > 0:
        said += f"; throttled in {usage.throttled:.0%} of periods"
    return said


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def content(name: str, usage: Usage, ask: Ask, least: float) -> str:
    """Return why nothing of a container can shrink by the share that is worth a rollout."""
    if ask.cpu_limit is not None and ask.cpu_limit == ask.cpu_request:
        cpu = f"peaks at {cores(usage.cpu_max)} of {cores(ask.cpu_limit)} CPU, its limit as well"
    elif ask.cpu_request is not None:
        cpu = f"needs {cores(usage.cpu_need)} of {cores(ask.cpu_request)} CPU"
    else:
        cpu = f"needs {cores(usage.cpu_need)} CPU"
    held = "" if ask.memory_request is None else f" of {format_bytes(ask.memory_request)}"
    return (
        f"{name} {cpu}, and holds up to {size(usage.memory_max)}{held}: with headroom no request "
        f"can shrink by {least:.0%}"
    )


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
