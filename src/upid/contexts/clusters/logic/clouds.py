"""Whose machine a node is, where it stands and how it is paid, by what clouds write on it."""

import re
from collections.abc import Mapping, Sequence

from upid.contexts.clusters.logic import manifests as m

UNKNOWN = "unknown"
LOCAL = "local"  # a container or a virtual machine on somebody's desk, or no machine at all

# Scheme of spec.providerID, as each cloud's controller manager writes it.
_SCHEMES = {
    "aws": "aws",
    "eks-hybrid": "aws",
    "gce": "gcp",
    "azure": "azure",
    "digitalocean": "digitalocean",
    "alicloud": "alibaba",
    "baremetalhost": "metal3",
    "civo": "civo",
    "exoscale": "exoscale",
    "hcloud": "hetzner",
    "hrobot": "hetzner",
    "huaweicloud": "huawei",
    "ibm": "ibm",
    "ibmpowervs": "ibm",
    "ionos": "ionos",
    "linode": "linode",
    "metal3": "metal3",
    "nutanix": "nutanix",
    "oci": "oracle",
    "openstack": "openstack",
    "ovirt": "ovirt",
    "proxmox": "proxmox",
    "qcloud": "tencent",
    "scaleway": "scaleway",
    "stackit": "stackit",
    "upcloud": "upcloud",
    "vsphere": "vsphere",
    "vultr": "vultr",
    "yandex": "yandex",
    "docker": LOCAL,
    "kind": LOCAL,
    "kwok": LOCAL,
}
_BARE_IDS = (  # clouds that write no scheme
    (re.compile(r"ocid1\.instance\."), "oracle"),
    (re.compile(r"[a-z]{2,}(-[a-z]+)+(-\d+)?\.i-[0-9a-z]+$"), "alibaba"),
)
PRIVATE = frozenset({"metal3", "nutanix", "openstack", "ovirt", "proxmox", "vsphere"})

_REGIONS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region", "region")
_ZONES = (
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/zone",
    "topology.ebs.csi.aws.com/zone",
    "topology.gke.io/zone",
    "topology.disk.csi.azure.com/zone",
)
_TYPES = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
_NO_TYPES = frozenset({"k3s", "rke2"})  # their built-in cloud provider writes its own name there
_AWS_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")  # the head of a zone, a local zone included

_POOLS = (
    "eks.amazonaws.com/nodegroup",
    "karpenter.sh/nodepool",
    "karpenter.sh/provisioner-name",
    "alpha.eksctl.io/nodegroup-name",
    "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "doks.digitalocean.com/node-pool",
    "hypershift.openshift.io/nodePool",
    "ibm-cloud.kubernetes.io/worker-pool-name",
    "k8s.scaleway.com/pool-name",
    "kops.k8s.io/instancegroup",
    "kubernetes.civo.com/civo-node-pool",
    "kubernetes.civo.com/node-pool",
    "lke.linode.com/pool-id",
    "vke.vultr.com/node-pool",
    "alibabacloud.com/nodepool-id",
    "node.alibabacloud.com/nodepool-id",
    "node.exoscale.net/nodepool-id",
    "oci.oraclecloud.com/node-pool-id",
    "worker.gardener.cloud/pool",
    "yandex.cloud/node-group-id",
)

SPOT, RESERVED, ON_DEMAND = "spot", "reserved", "on-demand"
_ANY = "*"  # the label is there, whatever its value
_CAPACITY: dict[str, dict[str, str]] = {  # label → value in small letters → how it is paid
    "karpenter.sh/capacity-type": {"spot": SPOT, "reserved": RESERVED, "on-demand": ON_DEMAND},
    "eks.amazonaws.com/capacitytype": {
        "spot": SPOT,
        "capacity_block": RESERVED,
        "on_demand": ON_DEMAND,
    },
    "eks.amazonaws.com/compute-type": {"fargate": ON_DEMAND},
    "cloud.google.com/gke-spot": {"true": SPOT},
    "cloud.google.com/gke-preemptible": {"true": SPOT},
    "cloud.google.com/gke-provisioning": {
        "spot": SPOT,
        "preemptible": SPOT,
        "standard": ON_DEMAND,
    },
    "kubernetes.azure.com/scalesetpriority": {"spot": SPOT, "regular": ON_DEMAND},
    "oci.oraclecloud.com/oke-is-preemptible": {"true": SPOT, "present": SPOT},
    "machine.openshift.io/interruptible-instance": {_ANY: SPOT},
    "node-role.kubernetes.io/spot-worker": {_ANY: SPOT},  # kOps
    "node.kubernetes.io/lifecycle": {"spot": SPOT, "normal": ON_DEMAND, "on-demand": ON_DEMAND},
    "node-lifecycle": {"spot": SPOT, "on-demand": ON_DEMAND},
    "lifecycle": {"ec2spot": SPOT, "spot": SPOT, "ondemand": ON_DEMAND},
    "spotinst.io/node-lifecycle": {"spot": SPOT, "od": ON_DEMAND},
    "scheduling.cast.ai/spot": {"true": SPOT},
    "node.alibabacloud.com/spot-strategy": {
        "spotaspricego": SPOT,
        "spotwithpricelimit": SPOT,
        "nospot": ON_DEMAND,
    },
    "node.alibabacloud.com/instance-charge-type": {"prepaid": RESERVED, "postpaid": ON_DEMAND},
}
_FIRST = (SPOT, RESERVED, ON_DEMAND)  # the narrower one, where marks disagree


def cloud_of(provider_id: str | None) -> str:
    """Return whose machine a node is: aws, gcp, azure, …, local, unknown."""
    written = provider_id or ""
    scheme, found, _ = written.partition("://")
    if found:
        return _SCHEMES.get(scheme.lower(), UNKNOWN)
    return next((cloud for shape, cloud in _BARE_IDS if shape.match(written)), UNKNOWN)


def region(body: m.NodeObject) -> str:
    """Return a node's region: as labelled, else as its zone begins; empty where nothing tells."""
    told = first(body.metadata.labels or {}, _REGIONS)
    if told:
        return told
    place, cloud = zone(body), cloud_of(body.spec.provider_id)
    if cloud == "aws":
        head = _AWS_REGION.match(place)
        return head[0] if head else ""
    return place.rpartition("-")[0] if cloud in ("gcp", "azure") else ""


def zone(body: m.NodeObject) -> str:
    """Return a node's zone: as labelled, else as its providerID says."""
    cloud = cloud_of(body.spec.provider_id)
    told = first(body.metadata.labels or {}, _ZONES)
    if told:
        # without zones Azure labels the fault domain, a bare number, which is no place
        return "" if cloud == "azure" and told.isdigit() else told
    parts = (body.spec.provider_id or "").partition("://")[2].split("/")
    if cloud == "aws" and _AWS_REGION.match(parts[1] if len(parts) > 1 else ""):
        return parts[1] if not parts[0] else ""
    if cloud == "gcp" and len(parts) == 3:  # noqa: PLR2004  # project, zone, name
        return parts[1]
    return ""


def instance_type(body: m.NodeObject) -> str:
    """Return the cloud's name of a node's size, empty where it has none."""
    told = first(body.metadata.labels or {}, _TYPES)
    return "" if told in _NO_TYPES else told


def pool(body: m.NodeObject) -> str:
    """Return the name of the group of equal machines that a node belongs to, as labelled."""
    marks = {**(body.metadata.annotations or {}), **(body.metadata.labels or {})}
    return first(marks, _POOLS)


def capacity_type(body: m.NodeObject) -> str:
    """Return how a node is paid: spot, reserved, on-demand; empty where nothing tells.

    A reservation or a savings plan that covers on-demand machines leaves no mark on a node.
    """
    marks = list((body.metadata.labels or {}).items())
    marks += [(taint.key, taint.value or "") for taint in body.spec.taints or ()]
    told = set()
    for key, value in marks:
        meaning = _CAPACITY.get(key) or _CAPACITY.get(key.lower(), {})
        told.add(meaning.get(value.lower(), meaning.get(_ANY, "")))
    return next((kind for kind in _FIRST if kind in told), "")


def first(labels: Mapping[str, str], keys: Sequence[str]) -> str:
    """Return the value of the first of some labels that has one."""
    return next((labels[key] for key in keys if labels.get(key)), "")
