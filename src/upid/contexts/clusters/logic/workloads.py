"""Reads workloads."""

from collections.abc import Callable, Iterable

from upid.contexts.clusters.logic import manifests as m
from upid.contexts.clusters.logic import pods as reading_pods
from upid.contexts.clusters.logic.owners import KINDS, Versions, controller
from upid.contexts.clusters.logic.ownership import managed_by
from upid.core.errors import UpidError
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.snapshot import Pod, Workload, WorkloadKey

_ONE_BY_DEFAULT = ("Deployment", "StatefulSet", "ReplicaSet", "Rollout")  # the API server's default


def workloads(
    versions: Versions,
    pods: Iterable[Pod],
    skip: Callable[[ObjectVersion, str], None],
) -> tuple[Workload, ...]:
    """Return every workload that no other owns, and those known only by their pods."""
    found: dict[WorkloadKey, Workload] = {}
    for kind in KINDS:
        for history in versions.get(kind, {}).values():
            version, body = history[-1]
            if not isinstance(body, m.WorkloadObject) or controller(body.metadata) is not None:
                continue
            try:
                made = _workload(kind, body, version)
            except (UpidError, ValueError) as error:
                skip(version, str(error))
                continue
            found[made.key] = made
    for pod in pods:
        if pod.workload not in found:
            found[pod.workload] = _known_by_pod(pod)
    return tuple(found[key] for key in sorted(found))


def _workload(kind: str, body: m.WorkloadObject, version: ObjectVersion) -> Workload:
    meta, spec, status = body.metadata, body.spec, body.status
    template = spec.template
    if spec.job_template and spec.job_template.spec:
        template = spec.job_template.spec.template
    replicas = spec.replicas
    if kind == "DaemonSet":
        replicas = status.desired_number_scheduled
    elif replicas is None and kind in _ONE_BY_DEFAULT:
        replicas = 1
    return Workload(
        key=WorkloadKey(meta.namespace or "", kind, meta.name),
        created=meta.creation_timestamp or version.since,
        replicas=replicas,
        ready=status.ready_replicas or status.number_ready or status.ready or 0,
        containers=reading_pods.containers(template.spec if template else None),
        labels=meta.labels or {},
        annotations=meta.annotations or {},
        pod_labels=(template.metadata.labels or {}) if template and template.metadata else {},
        schedule=spec.schedule or "",
        suspended=bool(spec.suspend),
        managed_by=managed_by(kind, meta),
        ended=status.completion_time or version.until,
    )


def _known_by_pod(pod: Pod) -> Workload:
    bare = pod.workload.kind == "Pod"
    return Workload(
        key=pod.workload,
        created=pod.created,
        replicas=1 if bare else None,
        ready=int(pod.ready),
        containers=pod.declared[-1].containers,
        labels=pod.labels,
        annotations=pod.annotations if bare else {},
        pod_labels=pod.labels,
        ended=pod.ended if bare else None,
    )
