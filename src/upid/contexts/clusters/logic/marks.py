"""The marks by which distributions of Kubernetes are known, the most special first.

A managed service comes before what can be installed anywhere, and what is made of another (ROSA
of OpenShift, Civo of K3s) before that other.
"""

from enum import StrEnum
from typing import NamedTuple

from upid.contexts.clusters.facts import Confidence
from upid.contexts.clusters.logic.clouds import LOCAL


class Where(StrEnum):
    """Where a mark is found."""

    LABEL = "label"
    ANNOTATION = "annotation"
    PROVIDER_ID = "providerID"
    VERSION = "version"
    IMAGE = "operating system"
    NAME = "node name"
    GROUP = "API group"
    NAMESPACE = "namespace"


class Mark(NamedTuple):
    """One mark of a distribution.

    pattern  a key, or with a / at its end the domain of keys; of a version a part; of an
             operating system or providerID its beginning; of an API group the group or its end
    cloud    the only cloud whose machines can bear it, empty for any
    strict   only where that cloud is known to be it
    made_of  distributions whose marks are there for that reason
    """

    name: str
    where: Where
    pattern: str
    sure: Confidence = Confidence.CERTAIN
    cloud: str = ""
    strict: bool = False
    made_of: frozenset[str] = frozenset()


_LIKELY, _GUESS = Confidence.LIKELY, Confidence.GUESS
_OPENSHIFT = frozenset({"OpenShift"})
_DEDICATED = "OpenShift Dedicated"
_K3S = frozenset({"K3s", "Talos"})
_EKS = frozenset({"EKS", "EKS Distro"})
_GKE = frozenset({"GKE"})
_GDC = frozenset({"Google Distributed Cloud"})

MARKS: tuple[Mark, ...] = (
    Mark("kind", Where.PROVIDER_ID, "kind://", cloud=LOCAL),
    Mark("KWOK", Where.ANNOTATION, "kwok.x-k8s.io/node"),
    Mark("KWOK", Where.PROVIDER_ID, "kwok://", cloud=LOCAL),
    Mark("minikube", Where.LABEL, "minikube.k8s.io/", cloud=LOCAL),
    Mark("Docker Desktop", Where.NAME, "docker-desktop", _LIKELY, LOCAL),
    Mark("ARO", Where.GROUP, "aro.openshift.io", cloud="azure", made_of=_OPENSHIFT),
    Mark("ARO", Where.NAMESPACE, "openshift-azure-operator", cloud="azure", made_of=_OPENSHIFT),
    # Red Hat's own service on AWS bears these too, but is rarely met any more.
    Mark(
        "ROSA", Where.GROUP, "managed.openshift.io", _LIKELY, "aws", strict=True, made_of=_OPENSHIFT
    ),
    Mark(
        _DEDICATED,
        Where.GROUP,
        "managed.openshift.io",
        _LIKELY,
        "gcp",
        strict=True,
        made_of=_OPENSHIFT,
    ),
    Mark("OpenShift", Where.LABEL, "node.openshift.io/os_id", made_of=frozenset({"IKS"})),
    Mark("OpenShift", Where.LABEL, "hypershift.openshift.io/"),
    Mark("OpenShift", Where.ANNOTATION, "machineconfiguration.openshift.io/"),
    Mark("OpenShift", Where.IMAGE, "Red Hat Enterprise Linux CoreOS"),
    Mark("OpenShift", Where.GROUP, "config.openshift.io"),
    Mark("EKS Anywhere", Where.GROUP, "anywhere.eks.amazonaws.com", made_of=_EKS),
    Mark("EKS", Where.PROVIDER_ID, "eks-hybrid://", cloud="aws"),
    Mark("EKS", Where.LABEL, "eks.amazonaws.com/", cloud="aws"),
    Mark("EKS", Where.LABEL, "alpha.eksctl.io/", cloud="aws"),
    Mark("EKS", Where.VERSION, "-eks-", cloud="aws", made_of=frozenset({"EKS Distro"})),
    Mark("EKS", Where.GROUP, "eks.amazonaws.com", _LIKELY, "aws"),
    Mark("EKS", Where.GROUP, "vpcresources.k8s.aws", _LIKELY, "aws"),
    # AWS's cloud controller manager writes it, on clusters of any make
    Mark("EKS", Where.LABEL, "k8s.io/cloud-provider-aws", _GUESS, "aws"),
    Mark("Google Distributed Cloud", Where.LABEL, "baremetal.cluster.gke.io/", made_of=_GKE),
    Mark("Google Distributed Cloud", Where.GROUP, "onprem.cluster.gke.io", made_of=_GKE),
    Mark("GKE", Where.LABEL, "cloud.google.com/gke-nodepool", cloud="gcp"),
    Mark("GKE", Where.LABEL, "cloud.google.com/gke-os-distribution", cloud="gcp"),
    Mark("GKE", Where.VERSION, "-gke.", cloud="gcp", made_of=_GDC),
    Mark("AKS", Where.LABEL, "kubernetes.azure.com/", cloud="azure"),
    Mark("DOKS", Where.LABEL, "doks.digitalocean.com/", cloud="digitalocean"),
    Mark("Gardener", Where.LABEL, "worker.gardener.cloud/pool"),
    Mark("IKS", Where.LABEL, "ibm-cloud.kubernetes.io/", cloud="ibm"),
    Mark("IKS", Where.VERSION, "+IKS", cloud="ibm"),
    Mark("OKE", Where.LABEL, "oke.oraclecloud.com/", cloud="oracle"),
    Mark("OKE", Where.ANNOTATION, "oci.oraclecloud.com/node-pool-id", cloud="oracle"),
    Mark("ACK", Where.LABEL, "alibabacloud.com/nodepool-id", cloud="alibaba"),
    Mark("ACK", Where.LABEL, "ack.aliyun.com", cloud="alibaba"),
    Mark("ACK", Where.VERSION, "-aliyun", cloud="alibaba"),
    Mark("TKE", Where.VERSION, "-tke.", cloud="tencent"),
    Mark("TKE", Where.LABEL, "tke.cloud.tencent.com/", cloud="tencent"),
    Mark("CCE", Where.LABEL, "cce.cloud.com/", cloud="huawei"),
    Mark("LKE", Where.LABEL, "lke.linode.com/", cloud="linode"),
    Mark("VKE", Where.LABEL, "vke.vultr.com/", cloud="vultr"),
    Mark("Kapsule", Where.LABEL, "k8s.scaleway.com/", cloud="scaleway"),
    Mark("Civo", Where.LABEL, "kubernetes.civo.com/", cloud="civo", made_of=_K3S),
    Mark("OVHcloud", Where.LABEL, "node.k8s.ovh/", cloud="openstack"),
    Mark("SKS", Where.LABEL, "node.exoscale.net/", cloud="exoscale"),
    Mark("Yandex", Where.LABEL, "yandex.cloud/node-group-id", cloud="yandex"),
    Mark("Tanzu", Where.LABEL, "run.tanzu.vmware.com/"),
    Mark("RKE2", Where.VERSION, "+rke2"),
    Mark("RKE2", Where.ANNOTATION, "rke2.io/"),
    Mark("RKE2", Where.PROVIDER_ID, "rke2://"),
    Mark("K3s", Where.VERSION, "+k3s"),
    Mark("K3s", Where.ANNOTATION, "k3s.io/"),
    Mark("K3s", Where.PROVIDER_ID, "k3s://"),
    Mark("RKE", Where.ANNOTATION, "rke.cattle.io/internal-ip"),
    Mark("RKE", Where.ANNOTATION, "rke.cattle.io/external-ip"),
    Mark("k0s", Where.VERSION, "+k0s"),
    Mark("k0s", Where.LABEL, "node.k0sproject.io/role"),
    Mark("MicroK8s", Where.LABEL, "microk8s.io/cluster"),
    Mark("Talos", Where.IMAGE, "Talos"),
    # the managed services' builds on machines of no such cloud
    Mark("EKS Distro", Where.VERSION, "-eks-", _LIKELY),
    Mark("Google Distributed Cloud", Where.VERSION, "-gke.", _LIKELY),
    Mark("kOps", Where.LABEL, "kops.k8s.io/"),
)

STEERING: tuple[Mark, ...] = (
    Mark("Rancher", Where.NAMESPACE, "cattle-system"),
    Mark("Rancher", Where.GROUP, "management.cattle.io"),
    Mark("Cluster API", Where.ANNOTATION, "cluster.x-k8s.io/cluster-name"),
)
