"""Reads pods and containers."""

from collections.abc import Sequence
from datetime import datetime

from upid.contexts.clusters.logic import manifests as m
from upid.contexts.clusters.logic.owners import Owners
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.quantity import parse_bytes, parse_cpu, parse_quantity
from upid.core.snapshot import Container, Declared, Pod

_FINISHED = ("Succeeded", "Failed")
# Extended resources: whole, request and limit alike.
_GPUS = ("nvidia.com/gpu", "amd.com/gpu", "gpu.intel.com/i915", "gpu.intel.com/xe")


def pod(versions: Sequence[tuple[ObjectVersion, m.PodObject]], owners: Owners) -> Pod:
    """Return one pod from its versions, oldest first. Raises BadQuantity."""
    version, last = versions[-1]
    meta, spec, status = last.metadata, last.spec, last.status
    created = meta.creation_timestamp or versions[0][0].since
    statuses = status.container_statuses or []
    return Pod(
        uid=meta.uid or version.uid,
        namespace=meta.namespace or version.namespace,
        name=meta.name or version.name,
        workload=owners.of_pod(meta),
        declared=_declared(versions, created),
        created=created,
        node=spec.node_name or None,
        ended=_ended(version.until, last),
        phase=status.phase or "Unknown",
        ready=any(c.type == "Ready" and c.status == "True" for c in status.conditions or ()),
        qos=status.qos_class or "",
        priority_class=spec.priority_class_name or "",
        labels=meta.labels or {},
        annotations=meta.annotations or {},
        claims=tuple(
            v.persistent_volume_claim.claim_name
            for v in spec.volumes or ()
            if v.persistent_volume_claim
        ),
        waiting=tuple(
            s.state.waiting.reason
            for s in statuses
            if s.state and s.state.waiting and s.state.waiting.reason
        ),
        terminated=tuple(
            s.last_state.terminated.reason
            for s in statuses
            if s.last_state and s.last_state.terminated and s.last_state.terminated.reason
        ),
    )


def containers(spec: m.PodSpec | None) -> tuple[Container, ...]:
    """Return the containers of a pod or template; sidecars (init that restart) are not init."""
    if spec is None:
        return ()
    return tuple(container(c) for c in spec.containers or ()) + tuple(
        container(c, init=c.restart_policy != "Always", sidecar=c.restart_policy == "Always")
        for c in spec.init_containers or ()
    )


def container(spec: m.ContainerSpec, *, init: bool = False, sidecar: bool = False) -> Container:
    """Return one container as declared. Raises BadQuantity."""
    resources = spec.resources or m.Resources()
    requests, limits = resources.requests or {}, resources.limits or {}
    probes = (spec.liveness_probe, spec.readiness_probe, spec.startup_probe)
    paths = [p.http_get.path or "/" for p in probes if p and p.http_get]
    return Container(
        name=spec.name,
        image=spec.image or "",
        cpu_request=_cpu(requests, limits),
        cpu_limit=parse_cpu(limits["cpu"]) if "cpu" in limits else None,
        memory_request=_memory(requests, limits),
        memory_limit=parse_bytes(limits["memory"]) if "memory" in limits else None,
        gpus=gpus({**requests, **limits}),
        probe_paths=tuple(dict.fromkeys(paths)),
        ports=tuple(p.container_port for p in spec.ports or () if p.container_port),
        init=init,
        sidecar=sidecar,
    )


def gpus(amounts: dict[str, m.Amount]) -> int:
    """Return how many GPUs are named among the resources of a container or node."""
    return sum(int(parse_quantity(amounts[name])) for name in _GPUS if name in amounts)


def _cpu(requests: dict[str, m.Amount], limits: dict[str, m.Amount]) -> float | None:
    # the API server copies a limit into a request that is not given
    amount = requests.get("cpu", limits.get("cpu"))
    return None if amount is None else parse_cpu(amount)


def _memory(requests: dict[str, m.Amount], limits: dict[str, m.Amount]) -> int | None:
    amount = requests.get("memory", limits.get("memory"))
    return None if amount is None else parse_bytes(amount)


def _declared(
    versions: Sequence[tuple[ObjectVersion, m.PodObject]], created: datetime
) -> tuple[Declared, ...]:
    found: list[Declared] = []
    for version, body in versions:
        declared = containers(body.spec)
        if not found:
            found.append(Declared(created, declared))
        elif declared != found[-1].containers:
            found.append(Declared(version.since, declared))
    return tuple(found)


def _ended(until: datetime | None, last: m.PodObject) -> datetime | None:
    if last.status.phase in _FINISHED:
        finished = [
            s.state.terminated.finished_at
            for s in last.status.container_statuses or ()
            if s.state and s.state.terminated and s.state.terminated.finished_at
        ]
        if finished:
            return max(finished)
    return until or last.metadata.deletion_timestamp
