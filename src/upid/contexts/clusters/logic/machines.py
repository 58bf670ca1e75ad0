"""Reads nodes."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from upid.contexts.clusters.logic import clouds
from upid.contexts.clusters.logic import manifests as m
from upid.contexts.clusters.logic.accelerators import accelerators
from upid.contexts.clusters.logic.pods import gpus
from upid.core.quantity import parse_bytes, parse_cpu
from upid.core.snapshot import Node
from upid.core.units import Resources


def node(body: m.NodeObject, until: datetime | None) -> Node:
    """Return one node, gone at `until`. Raises BadQuantity; ValueError for one without capacity."""
    meta, spec, status = body.metadata, body.spec, body.status
    labels = meta.labels or {}
    capacity = _resources(status.capacity)
    if capacity.cpu <= 0 or capacity.memory <= 0:
        raise ValueError("no capacity is stated")
    facts = status.node_info or m.NodeFacts()
    return Node(
        name=meta.name,
        uid=meta.uid,
        capacity=capacity,
        allocatable=_resources(status.allocatable) if status.allocatable else capacity,
        created=meta.creation_timestamp or datetime.fromisoformat("1970-01-01T00:00:00Z"),
        ended=until,
        provider=clouds.cloud_of(spec.provider_id),
        region=clouds.region(body),
        zone=clouds.zone(body),
        instance_type=clouds.instance_type(body),
        capacity_type=clouds.capacity_type(body) or clouds.ON_DEMAND,
        architecture=facts.architecture or labels.get("kubernetes.io/arch", ""),
        os=facts.operating_system or labels.get("kubernetes.io/os", "linux"),
        pool=clouds.pool(body),
        gpus=gpus(status.capacity or {}),
        accelerators=accelerators(body),
        kubelet=facts.kubelet_version or "",
        ready=any(c.type == "Ready" and c.status == "True" for c in status.conditions or ()),
        labels=labels,
        taints=tuple(f"{t.key}={t.value or ''}:{t.effect}" for t in spec.taints or ()),
    )


def kubelet(body: m.NodeObject) -> str:
    """Return the version of a node's kubelet, empty where it is not told."""
    return (body.status.node_info.kubelet_version or "") if body.status.node_info else ""


def version(kubelets: Iterable[str]) -> str:
    """Return the commonest kubelet version."""
    found = Counter(v for v in kubelets if v)
    return min(found, key=lambda v: (-found[v], v)) if found else ""


def _resources(amounts: m.Amounts) -> Resources:
    found = amounts or {}
    return Resources(parse_cpu(found.get("cpu", 0)), parse_bytes(found.get("memory", 0)))
