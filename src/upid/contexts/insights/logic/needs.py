"""Who needs whom, as requests tell, and what of that is down (IDL-5)."""

from collections.abc import Iterable, Mapping, Sequence

from upid.core.noise import is_workload
from upid.core.snapshot import Pod, Workload, WorkloadKey

Needs = Mapping[WorkloadKey, tuple[WorkloadKey, ...]]


def needs(calls: Iterable[tuple[str, WorkloadKey]]) -> Needs:
    """Return what each workload used, from (source, serving workload) of business requests.

    Only business: a scraper does not need what it scrapes. A workload does not need itself.
    """
    found: dict[WorkloadKey, set[WorkloadKey]] = {}
    for source, callee in calls:
        if is_workload(source):
            caller = WorkloadKey(*source.split("/"))
            if caller != callee:
                found.setdefault(caller, set()).add(callee)
    return {caller: tuple(sorted(found[caller])) for caller in sorted(found)}


def down(workloads: Sequence[Workload], pods: Sequence[Pod]) -> Mapping[WorkloadKey, str]:
    """Return the living workloads that want replicas and have none ready, and how it looks."""
    living: dict[WorkloadKey, list[Pod]] = {}
    for pod in pods:
        if pod.ended is None:
            living.setdefault(pod.workload, []).append(pod)
    found: dict[WorkloadKey, str] = {}
    for workload in workloads:
        if workload.ended is not None:
            continue
        there = living.get(workload.key, [])
        wanted = len(there) if workload.replicas is None else workload.replicas
        ready = workload.ready
        if workload.replicas is None:
            ready = max(ready, sum(pod.ready for pod in there))
        if wanted > 0 and ready == 0:
            plural = "" if wanted == 1 else "s"
            found[workload.key] = (
                f"{workload.key} wants {wanted} replica{plural} and has none ready"
            )
    return found
