"""Reads nodes, and from them who runs the cluster (CLU-3)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from upid.contexts.clusters.logic import manifests as m
from upid.contexts.clusters.logic.pods import gpus
from upid.core.quantity import parse_bytes, parse_cpu
from upid.core.snapshot import Node
from upid.core.units import Resources

_PROVIDERS = {"aws": "aws", "gce": "gcp", "azure": "azure", "digitalocean": "digitalocean"}
_POOL_LABELS = (
    "eks.amazonaws.com/nodegroup",
    "karpenter.sh/nodepool",
    "alpha.eksctl.io/nodegroup-name",
    "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "doks.digitalocean.com/node-pool",
)
_SPOT_LABELS = {
    "eks.amazonaws.com/capacityType": "SPOT",
    "karpenter.sh/capacity-type": "spot",
    "cloud.google.com/gke-spot": "true",
    "cloud.google.com/gke-preemptible": "true",
    "kubernetes.azure.com/scalesetpriority": "spot",
}
# What a label key or the kubelet's version says, the surest first.
_BY_LABEL = (
    ("node.openshift.io/os_id", "OpenShift"),
    ("eks.amazonaws.com/nodegroup", "EKS"),
    ("k8s.io/cloud-provider-aws", "EKS"),
    ("cloud.google.com/gke-nodepool", "GKE"),
    ("kubernetes.azure.com/cluster", "AKS"),
    ("doks.digitalocean.com/node-pool", "DOKS"),
    ("minikube.k8s.io/name", "minikube"),
)
_BY_VERSION = (("-eks-", "EKS"), ("-gke.", "GKE"), ("+rke2", "RKE2"), ("+k3s", "K3s"))


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
        provider=_provider(spec.provider_id or ""),
        region=_first(
            labels, ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
        ),
        zone=_first(
            labels, ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
        ),
        instance_type=_first(
            labels, ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
        ),
        capacity_type=_capacity_type(labels),
        architecture=facts.architecture or labels.get("kubernetes.io/arch", ""),
        os=facts.operating_system or labels.get("kubernetes.io/os", "linux"),
        pool=_first(labels, _POOL_LABELS),
        gpus=gpus(status.capacity or {}),
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


def distribution(nodes: Sequence[Node], kubelets: Sequence[str]) -> str:
    """Return who runs the cluster: EKS, GKE, AKS, OpenShift, RKE2, K3s, …, on-premises, unknown."""
    for key, name in _BY_LABEL:
        if any(key in n.labels for n in nodes):
            return name
    for part, name in _BY_VERSION:
        if any(part in v for v in kubelets):
            return name
    if not nodes:
        return "unknown"
    return "unknown" if any(n.provider != "unknown" for n in nodes) else "on-premises"


def _resources(amounts: m.Amounts) -> Resources:
    found = amounts or {}
    return Resources(parse_cpu(found.get("cpu", 0)), parse_bytes(found.get("memory", 0)))


def _provider(provider_id: str) -> str:
    return _PROVIDERS.get(provider_id.partition("://")[0], "unknown")


def _capacity_type(labels: Mapping[str, str]) -> str:
    spot = any(labels.get(key) == value for key, value in _SPOT_LABELS.items())
    return "spot" if spot else "on-demand"


def _first(labels: Mapping[str, str], keys: Sequence[str]) -> str:
    return next((labels[key] for key in keys if labels.get(key)), "")
