"""Finds the workload or pod that a name means."""

from collections.abc import Sequence
from difflib import get_close_matches

from upid.contexts.optimization.analysis.errors import (
    PodNotFound,
    WorkloadNotFound,
    WorkloadUnclear,
)
from upid.core.snapshot import Pod, Snapshot, Workload

KINDS = {
    "deployment": "Deployment",
    "deployments": "Deployment",
    "deploy": "Deployment",
    "statefulset": "StatefulSet",
    "statefulsets": "StatefulSet",
    "sts": "StatefulSet",
    "daemonset": "DaemonSet",
    "daemonsets": "DaemonSet",
    "ds": "DaemonSet",
    "job": "Job",
    "jobs": "Job",
    "cronjob": "CronJob",
    "cronjobs": "CronJob",
    "cj": "CronJob",
    "replicaset": "ReplicaSet",
    "rs": "ReplicaSet",
    "pod": "Pod",
    "po": "Pod",
}
"""kubectl's names and short names of kinds."""

_NEAR = 3  # suggestions


def workload(inventory: Snapshot, namespace: str | None, kind: str | None, name: str) -> Workload:
    """Return the workload that is meant; without namespace or kind it has to be the only one."""
    wanted = KINDS.get(kind.lower(), kind) if kind else None
    found = [
        w
        for w in inventory.workloads
        if w.key.name == name
        and (namespace is None or w.key.namespace == namespace)
        and (wanted is None or w.key.kind == wanted)
    ]
    living = [w for w in found if w.ended is None] or found
    if len(living) == 1:
        return living[0]
    asked = "/".join(part for part in (namespace, wanted, name) if part)
    if living:
        raise WorkloadUnclear(asked, [str(w.key) for w in living[: _NEAR + 2]])
    elsewhere = [str(w.key) for w in inventory.workloads if w.key.name == name]
    raise WorkloadNotFound(asked, elsewhere[:_NEAR] or _like(name, inventory))


def pod(inventory: Snapshot, namespace: str | None, name: str) -> Pod:
    """Return the newest pod with a name."""
    found = [
        p
        for p in inventory.pods
        if p.name == name and (namespace is None or p.namespace == namespace)
    ]
    if not found:
        asked = f"{namespace}/{name}" if namespace else name
        raise PodNotFound(asked, _near(name, [p.name for p in inventory.pods if p.ended is None]))
    return max(found, key=lambda p: (p.created, p.uid))


def _like(name: str, inventory: Snapshot) -> list[str]:
    by_name = {w.key.name: str(w.key) for w in inventory.workloads}
    return [by_name[near] for near in _near(name, sorted(by_name))]


def _near(name: str, known: Sequence[str]) -> list[str]:
    inside = [other for other in known if name in other]
    return inside[:_NEAR] or get_close_matches(name, known, n=_NEAR)
