"""Reads the objects that bind pods: services, volumes, autoscalers, budgets, bounds."""

from collections.abc import Mapping

from upid.contexts.clusters.logic import manifests as m
from upid.core.quantity import parse_bytes, parse_cpu, parse_quantity
from upid.core.snapshot import (
    Autoscaler,
    Bounds,
    Claim,
    DisruptionBudget,
    Quota,
    Service,
    Volume,
    WorkloadKey,
)


def service(body: m.ServiceObject) -> Service:
    """Return one Service."""
    meta, spec = body.metadata, body.spec
    balancer = body.status.load_balancer
    return Service(
        namespace=meta.namespace or "",
        name=meta.name,
        kind=spec.type or "ClusterIP",
        selector=spec.selector or {},
        created=meta.creation_timestamp,
        annotations=meta.annotations or {},
        addresses=tuple(
            a.hostname or a.ip or "" for a in (balancer.ingress if balancer else None) or ()
        ),
        labels=meta.labels or {},
        ports={p.port: p.name or "" for p in spec.ports or () if p.port},
    )


def volume(body: m.VolumeObject) -> Volume:
    """Return one persistent volume. Raises BadQuantity."""
    claimed = body.spec.claim_ref
    return Volume(
        name=body.metadata.name,
        size=parse_bytes((body.spec.capacity or {}).get("storage", 0)),
        storage_class=body.spec.storage_class_name or "",
        phase=body.status.phase or "",
        claim=(claimed.namespace or "", claimed.name) if claimed else None,
        created=body.metadata.creation_timestamp,
        labels=body.metadata.labels or {},
    )


def claim(body: m.ClaimObject) -> Claim:
    """Return one claim. Raises BadQuantity."""
    wanted = (body.spec.resources.requests if body.spec.resources else None) or {}
    return Claim(
        namespace=body.metadata.namespace or "",
        name=body.metadata.name,
        size=parse_bytes(wanted.get("storage", 0)),
        storage_class=body.spec.storage_class_name or "",
        volume=body.spec.volume_name or "",
        phase=body.status.phase or "",
        created=body.metadata.creation_timestamp,
    )


def autoscaler(body: m.AutoscalerObject) -> Autoscaler:
    """Return one HorizontalPodAutoscaler or VerticalPodAutoscaler; the latter has a `targetRef`."""
    spec = body.spec
    target = spec.scale_target_ref or spec.target_ref or m.Reference()
    namespace = body.metadata.namespace or ""
    key = WorkloadKey(namespace, target.kind, target.name)
    if spec.target_ref:
        mode = (spec.update_policy.update_mode if spec.update_policy else None) or "Auto"
        return Autoscaler(namespace, body.metadata.name, key, vertical=True, mode=mode)
    return Autoscaler(
        namespace,
        body.metadata.name,
        key,
        minimum=spec.min_replicas if spec.min_replicas is not None else 1,
        maximum=spec.max_replicas,
        utilization=_utilization(spec),
    )


def budget(body: m.BudgetObject) -> DisruptionBudget:
    """Return one PodDisruptionBudget."""
    spec = body.spec
    return DisruptionBudget(
        namespace=body.metadata.namespace or "",
        name=body.metadata.name,
        selector=(spec.selector.match_labels if spec.selector else None) or {},
        minimum=_written(spec.min_available),
        maximum=_written(spec.max_unavailable),
        allowed=body.status.disruptions_allowed,
    )


def bounds(body: m.LimitRangeObject) -> Bounds:
    """Return what a LimitRange says of containers. Raises BadQuantity."""
    item = next((i for i in body.spec.limits or () if i.type == "Container"), m.LimitItem())
    low, high, ratio = item.min or {}, item.max or {}, item.max_limit_request_ratio or {}
    return Bounds(
        namespace=body.metadata.namespace or "",
        name=body.metadata.name,
        cpu_minimum=parse_cpu(low["cpu"]) if "cpu" in low else None,
        cpu_maximum=parse_cpu(high["cpu"]) if "cpu" in high else None,
        memory_minimum=parse_bytes(low["memory"]) if "memory" in low else None,
        memory_maximum=parse_bytes(high["memory"]) if "memory" in high else None,
        cpu_ratio=float(parse_quantity(ratio["cpu"])) if "cpu" in ratio else None,
        memory_ratio=float(parse_quantity(ratio["memory"])) if "memory" in ratio else None,
    )


def quota(body: m.QuotaObject) -> Quota:
    """Return one ResourceQuota, amounts as written."""
    return Quota(
        namespace=body.metadata.namespace or "",
        name=body.metadata.name,
        hard=_texts(body.status.hard or body.spec.hard),
        used=_texts(body.status.used),
    )


def namespace(body: m.NamespaceObject) -> tuple[str, Mapping[str, str]]:
    """Return a namespace's name and labels."""
    return body.metadata.name, body.metadata.labels or {}


def _utilization(spec: m.AutoscalerSpec) -> dict[str, float]:
    found = {
        metric.resource.name: metric.resource.target.average_utilization / 100
        for metric in spec.metrics or ()
        if metric.resource and metric.resource.target and metric.resource.target.average_utilization
    }
    if spec.target_cpu:  # autoscaling/v1
        found.setdefault("cpu", spec.target_cpu / 100)
    return found


def _written(amount: m.Amount | None) -> str:
    return "" if amount is None else str(amount)


def _texts(amounts: m.Amounts) -> dict[str, str]:
    return {name: str(amount) for name, amount in sorted((amounts or {}).items())}
