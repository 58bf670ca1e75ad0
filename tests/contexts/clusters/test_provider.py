"""Who runs a cluster is told by what its distribution writes on nodes, and told with reasons."""

import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.contexts.clusters import Confidence, ProviderFacts, provider_of
from upid.contexts.clusters.logic.machines import node as read_node
from upid.contexts.clusters.logic.manifests import NodeObject
from upid.contexts.clusters.logic.marks import MARKS, Where
from upid.core.snapshot import Accelerator, Node

CERTAIN, LIKELY, GUESS, NONE = Confidence


def machine(
    labels: dict[str, str] | None = None,
    provider_id: str = "",
    *,
    kubelet: str = "v1.33.1",
    annotations: dict[str, str] | None = None,
    image: str = "Ubuntu 24.04",
    taints: list[dict[str, str]] | None = None,
    capacity: dict[str, str] | None = None,
    name: str = "n1",
) -> NodeObject:
    body = {
        "metadata": {"name": name, "labels": labels, "annotations": annotations},
        "spec": {"providerID": provider_id or None, "taints": taints},
        "status": {
            "capacity": {"cpu": "4", "memory": "16Gi", **(capacity or {})},
            "nodeInfo": {"kubeletVersion": kubelet, "osImage": image},
        },
    }
    return msgspec.convert(body, NodeObject)


def read(body: NodeObject) -> Node:
    return read_node(body, None)


def real_nodes(folder: Path) -> list[NodeObject]:
    path = next(iter([*folder.glob("nodes.json.gz"), *folder.glob("cluster__core_v1_nodes*")]))
    document = json.loads(gzip.decompress(path.read_bytes()))
    items = document if isinstance(document, list) else document["items"]
    return [msgspec.convert(item, NodeObject) for item in items]


REAL = {  # folder → distribution, cloud, regions, zones
    "eks-node": ("EKS", "aws", ("eu-west-1",), ("eu-west-1b",)),
    "gke-node": ("GKE", "gcp", ("us-west1",), ("us-west1-a",)),
    "aks-node": ("AKS", "azure", ("westeurope",), ("westeurope-1",)),
    "digitalocean-node": ("DOKS", "digitalocean", ("fra1",), ()),
    "openshift-4.4-aws": ("OpenShift", "aws", ("us-west-1",), ("us-west-1a", "us-west-1b")),
    "k3s-1.31": ("K3s", "unknown", (), ()),
    "kind-1.21": ("kind", "local", (), ()),
    "minikube-1.35": ("minikube", "local", (), ()),
}


@pytest.mark.parametrize("folder", sorted(REAL))
def test_every_real_cluster_is_known_for_certain(shared: Path, folder: str) -> None:
    """CLU-3 on real nodes: distribution, cloud, region, zone, with reasons and no rival."""
    found = provider_of(real_nodes(shared / "data" / "k8s" / folder))

    told = (found.distribution, found.cloud, found.regions, found.zones)
    assert told == REAL[folder]
    assert (found.confidence, found.also) == (CERTAIN, ())
    assert found.evidence


REAL_MACHINES = {  # folder → instance type, architecture, pool, capacity type of the first node
    "eks-node": ("c7g.large", "arm64", "test123", "on-demand"),
    "gke-node": ("c2-standard-16", "amd64", "secure-pool-2", "on-demand"),
    "aks-node": ("Standard_D8ads_v5", "amd64", "minio01", "on-demand"),
    "digitalocean-node": ("s-8vcpu-16gb", "amd64", "default-pool", "on-demand"),
    "openshift-4.4-aws": ("m4.xlarge", "amd64", "", "on-demand"),
    "k3s-1.31": ("", "amd64", "", "on-demand"),
    "kind-1.21": ("", "amd64", "", "on-demand"),
    "minikube-1.35": ("", "arm64", "", "on-demand"),
}


@pytest.mark.parametrize("folder", sorted(REAL_MACHINES))
def test_every_real_node_says_what_machine_it_is(shared: Path, folder: str) -> None:
    """CLU-3: instance type, architecture, pool, capacity type; K3s's own name is no type."""
    found = read(real_nodes(shared / "data" / "k8s" / folder)[0])

    told = (found.instance_type, found.architecture, found.pool, found.capacity_type)
    assert told == REAL_MACHINES[folder]


def test_the_version_alone_tells_where_no_node_may_be_seen(shared: Path) -> None:
    path = shared / "data" / "k8s" / "api-fixtures-libcloud" / "version.json.gz"
    version = json.loads(gzip.decompress(path.read_bytes()))["gitVersion"]

    found = provider_of([], version)

    assert (found.distribution, found.cloud, found.confidence) == ("GKE", "gcp", CERTAIN)
    assert str(found.evidence[0]) == "version v1.20.8-gke.900"


AWS, GCE, AZURE = "aws:///eu-west-1b/i-0", "gce://p/us-west1-a/n", "azure:///subscriptions/0/x"
DOCUMENTED: dict[str, tuple[NodeObject, dict[str, Any], str, Confidence]] = {
    "managed node group": (
        machine({"eks.amazonaws.com/nodegroup": "web"}, AWS),
        {},
        "EKS",
        CERTAIN,
    ),
    "EKS by kubelet": (machine({}, AWS, kubelet="v1.33.1-eks-ae9a62a"), {}, "EKS", CERTAIN),
    "hybrid node": (
        machine({"eks.amazonaws.com/compute-type": "hybrid"}, "eks-hybrid:///eu-west-1/c/mi-0"),
        {},
        "EKS",
        CERTAIN,
    ),
    "only AWS's controller": (machine({"k8s.io/cloud-provider-aws": "f"}, AWS), {}, "EKS", GUESS),
    "EKS Distro at home": (
        machine({}, "vsphere://42", kubelet="v1.33.1-eks-1-33-4"),
        {},
        "EKS Distro",
        LIKELY,
    ),
    "GKE": (machine({"cloud.google.com/gke-nodepool": "a"}, GCE), {}, "GKE", CERTAIN),
    "GKE on bare metal": (
        machine({"baremetal.cluster.gke.io/node-pool": "a"}, kubelet="v1.31.4-gke.12"),
        {},
        "Google Distributed Cloud",
        CERTAIN,
    ),
    "AKS": (machine({"kubernetes.azure.com/agentpool": "a"}, AZURE), {}, "AKS", CERTAIN),
    "OpenShift anywhere": (
        machine({"node.openshift.io/os_id": "rhcos"}, "vsphere://42"),
        {},
        "OpenShift",
        CERTAIN,
    ),
    "ARO": (
        machine({"node.openshift.io/os_id": "rhcos"}, AZURE),
        {"groups": ["aro.openshift.io", "config.openshift.io", "upgrade.managed.openshift.io"]},
        "ARO",
        CERTAIN,
    ),
    "ROSA": (
        machine({"node.openshift.io/os_id": "rhcos"}, AWS),
        {"groups": ["config.openshift.io", "upgrade.managed.openshift.io"]},
        "ROSA",
        LIKELY,
    ),
    "Dedicated": (
        machine({"node.openshift.io/os_id": "rhcos"}, GCE),
        {"groups": ["config.openshift.io", "upgrade.managed.openshift.io"]},
        "OpenShift Dedicated",
        LIKELY,
    ),
    "OpenShift on IBM": (
        machine(
            {"ibm-cloud.kubernetes.io/worker-id": "w", "node.openshift.io/os_id": "rhel"},
            "ibm://a///b",
        ),
        {},
        "OpenShift",
        CERTAIN,
    ),
    "IKS": (machine({}, "ibm://a///b", kubelet="v1.31.1+IKS"), {}, "IKS", CERTAIN),
    "RKE": (machine({}, annotations={"rke.cattle.io/internal-ip": "10.0.0.1"}), {}, "RKE", CERTAIN),
    "RKE2": (machine({}, "rke2://n1", kubelet="v1.31.2+rke2r1"), {}, "RKE2", CERTAIN),
    "K3s": (machine({}, kubelet="v1.31.2+k3s1"), {}, "K3s", CERTAIN),
    "K3s on AWS": (machine({}, AWS, kubelet="v1.31.2+k3s1"), {}, "K3s", CERTAIN),
    "k0s": (machine({}, kubelet="v1.31.2+k0s"), {}, "k0s", CERTAIN),
    "Talos": (machine({}, image="Talos (v1.9.0)"), {}, "Talos", CERTAIN),
    "MicroK8s": (machine({"microk8s.io/cluster": "true"}), {}, "MicroK8s", CERTAIN),
    "Docker Desktop": (machine({}, name="docker-desktop"), {}, "Docker Desktop", LIKELY),
    "Civo, which is K3s": (
        machine({"kubernetes.civo.com/civo-node-pool": "p"}, "civo://0", kubelet="v1.31.2+k3s1"),
        {},
        "Civo",
        CERTAIN,
    ),
    "OKE": (
        machine({"oke.oraclecloud.com/tenant_agent.version": "1"}, "ocid1.instance.oc1.phx.a"),
        {},
        "OKE",
        CERTAIN,
    ),
    "ACK": (machine({"ack.aliyun.com": "c"}, "cn-hangzhou.i-bp1abc"), {}, "ACK", CERTAIN),
    "LKE": (machine({"lke.linode.com/pool-id": "1"}, "linode://1"), {}, "LKE", CERTAIN),
    "VKE": (machine({"vke.vultr.com/node-pool": "p"}, "vultr://1"), {}, "VKE", CERTAIN),
    "Kapsule": (
        machine({"k8s.scaleway.com/pool-name": "p"}, "scaleway://instance/fr-par-1/0"),
        {},
        "Kapsule",
        CERTAIN,
    ),
    "OVHcloud": (machine({"node.k8s.ovh/type": "std"}, "openstack:///0"), {}, "OVHcloud", CERTAIN),
    "kOps": (machine({"kops.k8s.io/instancegroup": "nodes"}, AWS), {}, "kOps", CERTAIN),
    "kOps with AWS's controller": (
        machine({"k8s.io/cloud-provider-aws": "f", "kops.k8s.io/instancegroup": "nodes"}, AWS),
        {},
        "kOps",
        CERTAIN,
    ),
    "kubeadm on AWS": (
        machine({"node-role.kubernetes.io/control-plane": ""}, AWS),
        {},
        "self-managed",
        LIKELY,
    ),
    "workers on AWS": (machine({}, AWS), {}, "unknown", NONE),
    "a data centre": (machine({}, "vsphere://42"), {}, "on-premises", LIKELY),
    "kubeadm at home": (
        machine({"node-role.kubernetes.io/control-plane": ""}),
        {},
        "on-premises",
        LIKELY,
    ),
    "bare workers": (machine({}), {}, "on-premises", GUESS),
    "a cloud nobody knows": (machine({}, "acme://1"), {}, "unknown", NONE),
    "a region of nobody": (machine({"topology.kubernetes.io/region": "r"}), {}, "unknown", NONE),
}


@pytest.mark.parametrize("case", sorted(DOCUMENTED))
def test_a_distribution_is_known_by_its_documented_marks(case: str) -> None:
    """CLU-3, with the confidence that each mark deserves."""
    body, rest, distribution, sure = DOCUMENTED[case]

    found = provider_of([body], **rest)

    assert (found.distribution, found.confidence) == (distribution, sure)
    assert found.evidence


@pytest.mark.parametrize("name", sorted({mark.name for mark in MARKS if mark.where is Where.LABEL}))
def test_each_label_leads_to_its_distribution(name: str) -> None:
    """No mark is hidden behind another one that always comes first."""
    for mark in MARKS:
        if mark.name == name and mark.where is Where.LABEL:
            key = mark.pattern + "x" if mark.pattern.endswith("/") else mark.pattern
            assert provider_of([machine({key: "a"})]).distribution == name


def test_a_label_copied_onto_a_local_cluster_makes_no_managed_one_of_it() -> None:
    imitated = machine({"eks.amazonaws.com/nodegroup": "web"}, "kind://docker/kind/n1")

    assert provider_of([imitated]).distribution == "kind"


def test_a_few_strangers_do_not_outvote_a_cluster_and_are_named() -> None:
    nodes = [machine({}, kubelet="v1.31.2+k3s1")] * 9
    found = provider_of([*nodes, machine({"lke.linode.com/pool-id": "1"}, "linode://1")])

    assert (found.distribution, found.also) == ("K3s", ("LKE",))


def test_two_services_at_once_are_less_than_certain() -> None:
    found = provider_of(
        [machine({"lke.linode.com/pool-id": "1", "vke.vultr.com/node-pool": "p"})],
    )

    assert (found.confidence, found.also) == (LIKELY, ("VKE",))


def test_red_hats_managed_groups_alone_do_not_say_whose_service_it_is() -> None:
    found = provider_of([], groups=["config.openshift.io", "upgrade.managed.openshift.io"])

    assert (found.distribution, found.cloud) == ("OpenShift", "unknown")


def test_nothing_seen_is_unknown() -> None:
    found = provider_of([])

    assert found == ProviderFacts("unknown", "unknown", NONE)


def test_who_steers_a_cluster_from_outside_is_told() -> None:
    found = provider_of([machine({}, kubelet="v1.31.2+rke2r1")], namespaces=["cattle-system"])

    assert (found.distribution, found.steered_by) == ("RKE2", "Rancher")


def test_evidence_never_holds_the_value_of_a_label() -> None:
    found = provider_of([machine({"eks.amazonaws.com/nodegroup": "merger-with-acme"}, AWS)])

    assert "acme" not in repr(found)


PLACES = {
    "AWS zone": (machine({}, AWS), "eu-west-1", "eu-west-1b"),
    "AWS local zone": (machine({}, "aws:///us-west-2-lax-1a/i-0"), "us-west-2", "us-west-2-lax-1a"),
    "GovCloud": (machine({}, "aws:///us-gov-west-1a/i-0"), "us-gov-west-1", "us-gov-west-1a"),
    "GCP": (machine({}, GCE), "us-west1", "us-west1-a"),
    "Azure without zones": (
        machine(
            {"topology.kubernetes.io/zone": "0", "topology.kubernetes.io/region": "eastus"}, AZURE
        ),
        "eastus",
        "",
    ),
    "Azure zone alone": (
        machine({"topology.kubernetes.io/zone": "westeurope-1"}, AZURE),
        "westeurope",
        "westeurope-1",
    ),
    "old labels": (
        machine(
            {
                "failure-domain.beta.kubernetes.io/zone": "z",
                "failure-domain.beta.kubernetes.io/region": "r",
            }
        ),
        "r",
        "z",
    ),
    "nowhere": (machine({}), "", ""),
}


@pytest.mark.parametrize("case", sorted(PLACES))
def test_a_node_says_where_it_stands(case: str) -> None:
    body, region, zone = PLACES[case]
    found = read(body)

    assert (found.region, found.zone) == (region, zone)


PAID = [
    ({"karpenter.sh/capacity-type": "spot"}, "spot"),
    ({"karpenter.sh/capacity-type": "reserved"}, "reserved"),
    ({"karpenter.sh/capacity-type": "on-demand"}, "on-demand"),
    ({"eks.amazonaws.com/capacityType": "SPOT"}, "spot"),
    ({"eks.amazonaws.com/capacityType": "CAPACITY_BLOCK"}, "reserved"),
    ({"cloud.google.com/gke-spot": "true"}, "spot"),
    ({"cloud.google.com/gke-spot": "false"}, "on-demand"),
    ({"cloud.google.com/gke-preemptible": "true"}, "spot"),
    ({"cloud.google.com/gke-provisioning": "spot"}, "spot"),
    ({"kubernetes.azure.com/scalesetpriority": "spot"}, "spot"),
    ({"oci.oraclecloud.com/oke-is-preemptible": "true"}, "spot"),
    ({"machine.openshift.io/interruptible-instance": ""}, "spot"),
    ({"node.alibabacloud.com/spot-strategy": "SpotAsPriceGo"}, "spot"),
    ({"node.alibabacloud.com/instance-charge-type": "PrePaid"}, "reserved"),
    ({"lifecycle": "Ec2Spot"}, "spot"),
    ({"lifecycle": "sunset"}, "on-demand"),
    ({"karpenter.sh/capacity-type": "on-demand", "lifecycle": "spot"}, "spot"),
]


@pytest.mark.parametrize(("labels", "paid"), PAID)
def test_a_node_says_how_it_is_paid(labels: dict[str, str], paid: str) -> None:
    assert read(machine(labels)).capacity_type == paid


def test_a_taint_says_spot_too() -> None:
    taint = {
        "key": "kubernetes.azure.com/scalesetpriority",
        "value": "spot",
        "effect": "NoSchedule",
    }

    assert read(machine({}, taints=[taint])).capacity_type == "spot"


def test_what_no_node_told_is_said_to_be_assumed() -> None:
    silent, told = machine({}, AWS), machine({"karpenter.sh/capacity-type": "spot"}, AWS)

    found = provider_of([silent, silent, told])

    assert found.assumed[0] == "2 of 3 nodes do not say how they are paid: on-demand"


def test_a_service_that_labels_every_spot_machine_leaves_nothing_to_assume() -> None:
    labels = {"kubernetes.azure.com/agentpool": "a", "node.kubernetes.io/instance-type": "t"}

    assert provider_of([machine(labels, AZURE)]).assumed == ()


GPUS = {
    "whole": (
        machine(
            {"nvidia.com/gpu.product": "NVIDIA-L4", "nvidia.com/gpu.count": "2"},
            capacity={"nvidia.com/gpu": "2"},
        ),
        2,
        (Accelerator("nvidia", "nvidia.com/gpu", 2, "", "NVIDIA-L4", 2),),
    ),
    "slices": (
        machine(
            {"nvidia.com/gpu.count": "1"},
            capacity={"nvidia.com/mig-1g.5gb": "4", "nvidia.com/mig-3g.20gb": "1"},
        ),
        0,
        (
            Accelerator("nvidia", "nvidia.com/mig-1g.5gb", 4, "1g.5gb", "", 1),
            Accelerator("nvidia", "nvidia.com/mig-3g.20gb", 1, "3g.20gb", "", 1),
        ),
    ),
    "AMD": (
        machine(capacity={"amd.com/gpu": "8"}),
        8,
        (Accelerator("amd", "amd.com/gpu", 8),),
    ),
    "Intel, and what is no GPU": (
        machine(capacity={"gpu.intel.com/i915": "1", "gpu.intel.com/i915_monitoring": "1"}),
        1,
        (Accelerator("intel", "gpu.intel.com/i915", 1),),
    ),
    "Karpenter's count": (
        machine(
            {"karpenter.k8s.aws/instance-gpu-name": "t4"},
            capacity={"nvidia.com/gpu": "1", "nvidia.com/mig-1g.5gb": "0"},
        ),
        1,
        (Accelerator("nvidia", "nvidia.com/gpu", 1, "", "t4"),),
    ),
}


@pytest.mark.parametrize("case", sorted(GPUS))
def test_a_node_says_which_gpus_it_offers(case: str) -> None:
    body, whole, offered = GPUS[case]
    found = read(body)

    assert (found.gpus, found.accelerators) == (whole, offered)


_KEYS = st.one_of(st.sampled_from([mark.pattern for mark in MARKS]), st.text(max_size=12))
_WORDS = st.dictionaries(_KEYS, st.text(max_size=8), max_size=5)
_VERSIONS = st.one_of(
    st.sampled_from(["v1.31.2+k3s1", "v1.31.4-gke.1", "v1.29.3-eks-ae9a62a"]), st.text(max_size=9)
)
_IDS = st.one_of(
    st.sampled_from([AWS, GCE, AZURE, "aws://", "gce:///", "kind://x", "://", "aws:///"]),
    st.text(max_size=9),
)
_NODES = st.lists(
    st.builds(
        lambda labels, annotations, i, v, image: machine(
            labels, i, annotations=annotations, kubelet=v, image=image
        ),
        _WORDS,
        _WORDS,
        _IDS,
        _VERSIONS,
        st.sampled_from(["Talos (v1)", "", "Ubuntu"]),
    ),
    max_size=6,
)


@given(
    nodes=_NODES,
    version=_VERSIONS,
    groups=st.none() | st.lists(_KEYS, max_size=4),
    namespaces=st.lists(_KEYS, max_size=3),
    order=st.randoms(use_true_random=False),
)
def test_any_soup_of_labels_has_an_answer_that_no_order_changes(
    nodes: list[NodeObject],
    version: str,
    groups: list[str] | None,
    namespaces: list[str],
    order: Random,
) -> None:
    """CLU-3: never raises; the same for every order of nodes, groups and namespaces."""
    found = provider_of(nodes, version, groups, namespaces)
    for some in (nodes, groups or [], namespaces):
        order.shuffle(some)

    assert provider_of(nodes, version, groups, namespaces) == found
    assert (found.confidence is NONE) == (found.distribution == "unknown")
    assert all(read(node).capacity_type in ("spot", "reserved", "on-demand") for node in nodes)
