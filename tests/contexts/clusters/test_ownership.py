"""Who looks after an object is told by marks that are really its own."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.contexts.clusters import Confidence, Hold, Ownership, ownership_of
from upid.contexts.clusters.logic.manifests import SignedMetadata
from upid.contexts.clusters.logic.ownership import managed_by

TRACKED = {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}
RELEASE = {
    "meta.helm.sh/release-name": "web",
    "meta.helm.sh/release-namespace": "shop",
}
KUSTOMIZED = {
    "kustomize.toolkit.fluxcd.io/name": "apps",
    "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
}
RELEASED = {
    "helm.toolkit.fluxcd.io/name": "web",
    "helm.toolkit.fluxcd.io/namespace": "shop",
}


def meta(
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    managers: tuple[str, ...] = (),
    owners: list[dict[str, Any]] | None = None,
    name: str = "web",
) -> SignedMetadata:
    body = {
        "name": name,
        "namespace": "shop",
        "labels": labels,
        "annotations": annotations,
        "managedFields": [{"manager": one, "operation": "Update"} for one in managers],
        "ownerReferences": owners,
    }
    return msgspec.convert(body, SignedMetadata)


def owner(api_version: str, kind: str, *, controller: bool = True) -> list[dict[str, Any]]:
    return [{"apiVersion": api_version, "kind": kind, "name": "x", "controller": controller}]


DOCUMENTED: dict[str, tuple[SignedMetadata, tuple[str, str, bool, str]]] = {
    "Argo CD's tracking id": (meta({}, TRACKED), ("Argo CD", "GitOps", True, "shop")),
    "Argo CD's label": (
        meta({"argocd.argoproj.io/instance": "shop"}),
        ("Argo CD", "GitOps", True, ""),
    ),
    "Argo CD's signature": (
        meta(managers=("argocd-controller",)),
        ("Argo CD", "GitOps", True, ""),
    ),
    "Flux, a Kustomization": (
        meta(KUSTOMIZED),
        ("Flux", "GitOps", True, "Kustomization flux-system/apps"),
    ),
    "Flux, told to leave it": (
        meta(KUSTOMIZED, {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}),
        ("Flux", "GitOps", False, "Kustomization flux-system/apps"),
    ),
    "Flux, a HelmRelease": (
        meta(RELEASED, RELEASE, ("helm-controller",)),
        ("Flux", "GitOps", False, "HelmRelease shop/web"),
    ),
    "Flux's signature": (
        meta(managers=("kustomize-controller",)),
        ("Flux", "GitOps", True, ""),
    ),
    "Helm": (
        meta({"app.kubernetes.io/managed-by": "Helm"}, RELEASE),
        ("Helm", "package", False, "shop/web"),
    ),
    "a rendered chart": (meta({"helm.sh/chart": "web-1.0"}), ("Helm", "package", False, "")),
    "Config Sync": (
        meta({}, {"configmanagement.gke.io/managed": "enabled"}),
        ("Config Sync", "GitOps", True, ""),
    ),
    "an add-on": (
        meta({"addonmanager.kubernetes.io/mode": "Reconcile"}),
        ("add-on manager", "add-on", True, ""),
    ),
    "an add-on made once": (
        meta({"addonmanager.kubernetes.io/mode": "EnsureExists"}),
        ("add-on manager", "add-on", False, ""),
    ),
    "an EKS add-on": (meta(managers=("eks",)), ("EKS add-on", "add-on", True, "")),
    "an operator": (
        meta(owners=owner("monitoring.coreos.com/v1", "Prometheus")),
        ("operator of Prometheus.monitoring.coreos.com", "operator", True, "Prometheus/x"),
    ),
    "Terraform": (meta(managers=("Terraform",)), ("Terraform", "tool", False, "")),
    "a person": (meta(managers=("kubectl-edit",)), ("kubectl", "tool", False, "")),
}


@pytest.mark.parametrize("case", sorted(DOCUMENTED))
def test_a_tool_is_known_by_its_documented_marks(case: str) -> None:
    """CLU-4: Argo CD, Flux, Helm, operators, field managers."""
    body, told = DOCUMENTED[case]
    found = ownership_of("Deployment", body)[0]

    assert (found.tool, str(found.hold), found.undoes, found.through) == told
    assert found.evidence


def test_a_tracking_id_that_was_copied_says_nothing() -> None:
    assert ownership_of("Deployment", meta({}, TRACKED, name="copy-of-web")) == ()
    assert ownership_of("Service", meta({}, TRACKED)) == ()


@pytest.mark.parametrize("written", ["", "shop", "a:b", "a:b:c:d:e", "::", "shop:apps/:shop/"])
def test_a_broken_tracking_id_says_nothing(written: str) -> None:
    broken = {"argocd.argoproj.io/tracking-id": written}

    assert ownership_of("Deployment", meta({}, broken)) == ()


def test_what_a_workload_made_is_not_looked_after_for_its_copied_marks() -> None:
    copied = meta(KUSTOMIZED, RELEASE, owners=owner("apps/v1", "Deployment"))

    assert ownership_of("ReplicaSet", copied) == ()


def test_a_rollout_is_a_workload_and_no_operators_object() -> None:
    assert ownership_of("ReplicaSet", meta(owners=owner("argoproj.io/v1alpha1", "Rollout"))) == ()


def test_an_owner_that_does_not_control_is_less_than_certain() -> None:
    body = meta(owners=owner("example.com/v1", "Shop", controller=False))

    assert ownership_of("Deployment", body)[0].confidence is Confidence.LIKELY


def test_a_chart_rendered_by_argo_cd_is_held_by_argo_cd() -> None:
    body = meta({"app.kubernetes.io/managed-by": "Helm"}, TRACKED, ("kubectl-client-side-apply",))

    assert [one.tool for one in ownership_of("Deployment", body)] == ["Argo CD", "Helm", "kubectl"]
    assert managed_by("Deployment", body) == "Argo CD"


def test_helm_without_its_annotations_is_less_than_certain() -> None:
    rendered = ownership_of("Deployment", meta({"app.kubernetes.io/managed-by": "Helm"}))
    released = ownership_of("Deployment", meta({"app.kubernetes.io/managed-by": "Helm"}, RELEASE))

    assert (rendered[0].confidence, released[0].confidence) == (
        Confidence.LIKELY,
        Confidence.CERTAIN,
    )


def test_a_field_manager_of_a_similar_name_is_another_one() -> None:
    assert ownership_of("Deployment", meta(managers=("helmet", "eks-like"))) == ()


def test_who_only_wrote_it_once_does_not_manage_it() -> None:
    assert managed_by("Deployment", meta(managers=("kubectl-edit",))) == ""


def real_objects(folder: Path) -> Iterator[tuple[str, str, tuple[Ownership, ...]]]:
    """Yield kind, `namespace/name` and owners of all objects of a real cluster."""
    for path in sorted(folder.glob("*.json.gz")):
        document = json.loads(gzip.decompress(path.read_bytes()))
        items = document if isinstance(document, list) else document.get("items") or []
        listed = "" if isinstance(document, list) else document.get("kind", "")
        for item in items:
            if not isinstance(item, dict) or "metadata" not in item:
                continue
            kind = item.get("kind") or listed.removesuffix("List")
            found = msgspec.convert(item["metadata"], SignedMetadata)
            place = f"{found.namespace or ''}/{found.name}"
            yield kind, place, ownership_of(kind, found)


REAL: dict[str, dict[tuple[str, str], tuple[str, str | None] | None]] = {
    "eks-node": {
        ("Node", "/ip-1-1-1-1.eu-west-1.compute.internal"): (
            "operator of NodeClaim.karpenter.sh",
            "NodeClaim/test123-2ggg2",
        ),
    },
    "k3s-1.31": {
        ("Deployment", "kube-system/traefik"): ("Helm", "kube-system/traefik"),
        ("Deployment", "kube-system/coredns"): ("K3s add-on", "Addon/coredns"),
        ("ReplicaSet", "kube-system/coredns-56f6fc8fd7"): None,
    },
    "kind-1.21": {
        ("Deployment", "local-path-storage/local-path-provisioner"): ("kubectl", ""),
        ("Deployment", "kube-system/coredns"): None,
    },
    "minikube-1.35": {
        ("Service", "scraper/e2e-hpa"): ("Helm", "scraper/e2e"),
        ("Pod", "kube-system/storage-provisioner"): ("add-on manager", ""),
        ("Namespace", "/nri-test-namespace"): ("Helm", None),
    },
    "api-fixtures-libcloud": {
        ("Deployment", "kube-system/kube-dns"): ("add-on manager", ""),
    },
}


@pytest.mark.parametrize("folder", sorted(REAL))
def test_real_objects_are_looked_after_by_whom_they_say(shared: Path, folder: str) -> None:
    """CLU-4 on all objects of real clusters."""
    found = {
        (kind, place): tools for kind, place, tools in real_objects(shared / "data/k8s" / folder)
    }

    for key, told in REAL[folder].items():
        assert [one.tool for one in found[key][:1]] == ([told[0]] if told else [])
        if told and told[1] is not None:
            assert found[key][0].through == told[1]


@pytest.mark.parametrize(
    "folder", ["aks-node", "digitalocean-node", "gke-node", "openshift-4.4-aws"]
)
def test_real_nodes_are_nobodys(shared: Path, folder: str) -> None:
    found = list(real_objects(shared / "data" / "k8s" / folder))

    assert found
    assert all(not tools for _, _, tools in found)


_KEYS = st.one_of(
    st.sampled_from([*TRACKED, *RELEASE, *KUSTOMIZED, *RELEASED, "helm.sh/chart"]),
    st.text(max_size=10),
)
_WORDS = st.none() | st.dictionaries(_KEYS, st.text(max_size=20), max_size=6)
_MANAGERS = st.sampled_from(["argocd-controller", "helm", "helmet", "eks", "kubectl-edit", "", "x"])
_OWNERS = st.fixed_dictionaries(
    {
        "apiVersion": st.sampled_from(["apps/v1", "v1", "", "a.b/v1", "/", "argoproj.io/v1"]),
        "kind": st.sampled_from(["Rollout", "ReplicaSet", "", "Shop"]),
        "controller": st.none() | st.booleans(),
    }
)


@given(_WORDS, _WORDS, st.lists(_MANAGERS, max_size=4), st.lists(_OWNERS, max_size=3), st.text())
def test_any_soup_of_marks_has_an_answer_that_no_order_changes(
    labels: dict[str, str] | None,
    annotations: dict[str, str] | None,
    managers: list[str],
    owners: list[dict[str, Any]],
    kind: str,
) -> None:
    def turned(words: dict[str, str] | None) -> dict[str, str] | None:
        return dict(reversed(words.items())) if words else words

    found = ownership_of(kind, meta(labels, annotations, tuple(managers), owners))
    again = ownership_of(
        kind, meta(turned(labels), turned(annotations), tuple(reversed(managers)), owners)
    )

    assert found == again
    assert all(one.evidence for one in found)
    assert all(not one.undoes for one in found if one.hold in (Hold.PACKAGE, Hold.TOOL))
