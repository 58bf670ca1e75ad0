"""Plain sentences: one that names the numbers, one that says what to do."""

from collections.abc import Sequence

from upid.contexts.optimization.types import ContainerChange
from upid.core.explain import Unknown
from upid.core.quantity import GIB, MIB, format_bytes, format_cpu
from upid.core.rightsizing import Ask

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


def reason(changes: Sequence[ContainerChange]) -> str:
    """Return why, for the container that changes most, with its numbers."""
    main = changes[0]
    said = _used(main)
    if len(changes) > 1:
        others = ", ".join(change.name for change in changes[1:])
        said = f"{main.name} {said}; likewise {others}"
    return said


def _used(change: ContainerChange) -> str:
    usage, ask = change.usage, change.current
    killed = not isinstance(usage.oom_kills, Unknown) and usage.oom_kills > 0
    cpu = f"uses {cores(usage.cpu_p95)} of {_cpu(ask)} CPU at P95"
    memory = f"at most {size(usage.memory_max)} of {_memory(ask)}"
    said = f"{cpu} and {memory}"
    if killed:
        said += f"; OOM-killed {usage.oom_kills} times"
    if (change.proposed.cpu_request or 0.0) > _WELL_ABOVE * usage.cpu_p95 < usage.cpu_busy:
        said += f"; {cores(usage.cpu_busy)} CPU in its busy hours"
    raised_limit = (change.proposed.cpu_limit or 0.0) > (ask.cpu_limit or 0.0)
    if raised_limit and not isinstance(usage.throttled, Unknown) and usage.throttled > 0:
        said += f"; throttled in {usage.throttled:.0%} of periods"
    return said


def _cpu(ask: Ask) -> str:
    return "unrequested" if ask.cpu_request is None else cores(ask.cpu_request)


def _memory(ask: Ask) -> str:
    if ask.memory_request is None:
        return "unrequested memory"
    return format_bytes(ask.memory_request)


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
