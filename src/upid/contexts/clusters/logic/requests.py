"""What pods ask for, and what that makes on each node and in each namespace."""

from collections.abc import Callable, Iterable

from upid.core.snapshot import Container, Pod

FINISHED = ("Succeeded", "Failed")  # a pod that ended asks for nothing any more

_DIGITS = 9  # of a core: Kubernetes counts no finer, and 0.1 + 0.2 is 0.3

Asked = tuple[float, int]  # cores, bytes


def declared(
    containers: Iterable[Container], part: Callable[[Container], float | None]
) -> float | None:
    """Return the sum of an amount over containers that run; None where none declares it."""
    found = [part(one) for one in containers if not one.init]
    known = [amount for amount in found if amount is not None]
    return round(sum(known), _DIGITS) if known else None


def asked_by(pods: Iterable[Pod], place: Callable[[Pod], str | None]) -> dict[str, Asked]:
    """Return what running pods ask for at each place, such as their node."""
    found: dict[str, Asked] = {}
    for pod in pods:
        at = place(pod)
        if at is None or pod.phase in FINISHED:
            continue
        cpu, memory = found.get(at, (0.0, 0))
        own_cpu = declared(pod.containers, lambda one: one.cpu_request) or 0.0
        own_memory = declared(pod.containers, lambda one: one.memory_request) or 0
        found[at] = (round(cpu + own_cpu, _DIGITS), memory + int(own_memory))
    return found


def counted(pods: Iterable[Pod], place: Callable[[Pod], str | None]) -> dict[str, int]:
    """Return how many pods that have not ended there are at each place."""
    found: dict[str, int] = {}
    for pod in pods:
        at = place(pod)
        if at is not None and pod.phase not in FINISHED:
            found[at] = found.get(at, 0) + 1
    return found
