"""What a cluster can do is found out, and what may not be seen is never called absent."""

import gzip
import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.contexts.clusters import Capability, Presence, Sight, capabilities_of
from upid.contexts.clusters.logic.inventory import read_inventory
from upid.contexts.clusters.logic.signs import SIGNS
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.snapshot import Container, Node, Service, Snapshot, Workload, WorkloadKey
from upid.core.units import Resources
from upid.core.window import Window

PRESENT, ABSENT, UNKNOWN = Presence
START = datetime(2026, 10, 5, tzinfo=UTC)
NAMES = (*(sign.name for sign in SIGNS), "in-place pod resize")

CORE: Mapping[str, Collection[str]] = {"": ("pods", "pods/log"), "apps": ("deployments",)}
EMPTY = Sight(version="v1.36.0", groups=CORE, workloads=(), services=(), nodes=())


def sight(groups: Mapping[str, Collection[str]] | None = None, **seen: Any) -> Sight:  # noqa: ANN401  # fields of Sight
    return replace(EMPTY, groups={**CORE, **(groups or {})}, **seen)


def workload(
    image: str = "x", labels: dict[str, str] | None = None, ready: int = 1, managed_by: str = ""
) -> Workload:
    return Workload(
        WorkloadKey("kube-system", "Deployment", "it"),
        START,
        replicas=1,
        ready=ready,
        containers=(Container("c", image),),
        labels=labels or {},
        managed_by=managed_by,
    )


def service(name: str, labels: dict[str, str], *ports: int, named: str = "") -> Service:
    return Service("monitoring", name, labels=labels, ports=dict.fromkeys(ports, named))


def node(kubelet: str = "v1.36.0", taints: tuple[str, ...] = (), **labels: str) -> Node:
    size = Resources(1, 1)
    return Node("n", "u", size, size, START, kubelet=kubelet, taints=taints, labels=labels)


def of(name: str, seen: Sight) -> Capability:
    return next(one for one in capabilities_of(seen) if one.name == name)


def test_an_empty_cluster_lacks_everything_and_hears_what_that_costs() -> None:
    """CLU-4: UPID says what it cannot do without the rest."""
    found = capabilities_of(replace(EMPTY, version="v1.26.0"))

    assert tuple(one.name for one in found) == NAMES
    assert {one.presence for one in found} == {ABSENT}
    assert all(one.without.startswith("UPID cannot ") and not one.missing for one in found)
    assert all(one.evidence for one in found)  # where it was looked for


def test_a_forbidden_cluster_lacks_nothing_for_sure_and_hears_what_is_missing() -> None:
    found = capabilities_of(Sight())

    assert {one.presence for one in found} == {UNKNOWN}
    assert all(one.missing for one in found)


SERVED = [
    ("metrics-server", {"metrics.k8s.io": ["pods", "nodes"]}),
    ("Prometheus", {"monitoring.coreos.com": ["prometheuses"]}),
    ("Istio", {"networking.istio.io": ["gateways"]}),
    ("Linkerd", {"policy.linkerd.io": ["servers"]}),
    ("Gateway API", {"gateway.networking.k8s.io": ["gateways"]}),
    ("KEDA", {"keda.sh": ["scaledobjects"]}),
    ("VPA", {"autoscaling.k8s.io": ["verticalpodautoscalers"]}),
    ("Karpenter", {"karpenter.sh": ["nodepools"]}),
    ("Cluster Autoscaler", {"autoscaling.openshift.io": ["clusterautoscalers"]}),
    ("Argo CD", {"argoproj.io": ["applications"]}),
    ("Argo Rollouts", {"argoproj.io": ["rollouts"]}),
    ("Flux", {"kustomize.toolkit.fluxcd.io": ["kustomizations"]}),
    ("in-place pod resize", {"": ["pods", "pods/resize"]}),
]


@pytest.mark.parametrize(("name", "groups"), SERVED)
def test_an_api_that_is_served_shows_its_capability_and_no_other(
    name: str, groups: dict[str, list[str]]
) -> None:
    """CLU-4, with how it was found."""
    found = {one.name: one for one in capabilities_of(sight(groups, version="v1.26.0"))}

    assert [n for n, one in found.items() if one.presence is PRESENT] == [name]
    assert found[name].evidence[0].source in ("API group", "subresource")


RUNNING = [
    ("kube-state-metrics", "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.16.0"),
    ("kube-state-metrics", "rancher/mirrored-kube-state-metrics-kube-state-metrics@sha256:00"),
    ("Cluster Autoscaler", "registry.k8s.io/autoscaling/cluster-autoscaler:v1.33.0"),
]


@pytest.mark.parametrize(("name", "image"), RUNNING)
def test_a_workload_shows_what_has_no_api_of_its_own(name: str, image: str) -> None:
    found = of(name, sight(workloads=[workload(image)]))

    assert (found.presence, found.condition) == (PRESENT, "")
    assert str(found.evidence[0]) == "workload kube-system/Deployment/it"


@pytest.mark.parametrize("image", ["cluster-proportional-autoscaler:1", "my/cluster-autoscaler-ui"])
def test_a_similar_name_is_another_thing(image: str) -> None:
    assert of("Cluster Autoscaler", sight(workloads=[workload(image)])).presence is ABSENT


def test_any_controller_is_not_karpenter() -> None:
    ours, other = workload("public.ecr.aws/karpenter/controller:1"), workload("acme/controller:1")
    blind = Sight(workloads=[ours])

    assert of("Karpenter", blind).presence is PRESENT
    assert of("Karpenter", replace(blind, workloads=[other])).presence is UNKNOWN


def test_a_workload_without_its_api_is_of_no_use() -> None:
    found = of("KEDA", sight(workloads=[workload("ghcr.io/kedacore/keda:2")]))

    assert found.presence is ABSENT
    assert found.condition == "kube-system/Deployment/it runs, but its API is not served"


def test_an_api_left_behind_is_told_from_one_that_works() -> None:
    left = of("KEDA", sight({"keda.sh": []}))
    works = of("KEDA", sight({"keda.sh": []}, workloads=[workload("kedacore/keda:2")]))
    broken = of("KEDA", sight({"keda.sh": []}, workloads=[workload("kedacore/keda:2", ready=0)]))

    assert left.condition == "its API is there, but nothing that runs it was seen"
    assert works.condition == ""
    assert broken.condition == "kube-system/Deployment/it has no pod that is ready"


def test_an_api_that_does_not_answer_is_there_and_said_to_be_dead() -> None:
    found = of("metrics-server", sight(failing=["metrics.k8s.io"]))

    assert found.presence is PRESENT
    assert found.condition == "the API group metrics.k8s.io is registered and does not answer"


def test_a_group_that_others_share_says_nothing_without_its_resources() -> None:
    workflows = sight({"argoproj.io": ["workflows"]})
    untold = sight({"argoproj.io": []})

    assert of("Argo CD", workflows).presence is ABSENT
    assert of("Argo CD", untold).presence is UNKNOWN


def test_argo_cd_in_another_cluster_is_known_by_its_marks() -> None:
    found = of("Argo CD", sight(workloads=[workload(managed_by="Argo CD")]))

    assert (found.presence, found.condition) == (PRESENT, "")


def test_what_some_namespaces_only_show_is_not_absent() -> None:
    found = of("kube-state-metrics", sight(partial=["workloads"]))

    assert found.presence is UNKNOWN
    assert found.missing == ("list deployments, statefulsets and daemonsets in all namespaces",)


def test_an_autoscaler_in_a_hidden_control_plane_is_not_absent() -> None:
    hidden = of("Cluster Autoscaler", sight(distribution="GKE"))
    seen = of(
        "Cluster Autoscaler",
        sight(distribution="GKE", nodes=[node(taints=("ToBeDeletedByClusterAutoscaler=1:x",))]),
    )

    assert (hidden.presence, seen.presence) == (UNKNOWN, PRESENT)
    assert hidden.condition == "GKE may run it in its control plane, where nobody can look"


PROM = {"app.kubernetes.io/name": "prometheus"}
PLACES = {
    "kube-prometheus-stack": (
        service("k-prometheus", {"app": "kube-prometheus-stack-prometheus"}, 9090, 8080),
        "k-prometheus:9090",
    ),
    "the operator's own": (
        service("prometheus-operated", {"operated-prometheus": "true"}, 9090, 10901),
        "prometheus-operated:9090",
    ),
    "the chart": (
        service("prometheus-server", {**PROM, "app.kubernetes.io/component": "server"}, 80),
        "prometheus-server:80",
    ),
    "the old chart": (
        service("p", {"app": "prometheus", "component": "server"}, 80),
        "p:80",
    ),
    "OpenShift": (service("prometheus-k8s", PROM, 9091, named="web"), "prometheus-k8s:9091"),
    "VictoriaMetrics": (
        service("vm", {"app.kubernetes.io/name": "victoria-metrics-single"}, 8428),
        "vm:8428",
    ),
    "by name alone": (service("prometheus", {}, 9090), "prometheus:9090"),
}


@pytest.mark.parametrize("case", sorted(PLACES))
def test_a_server_of_prometheus_is_found_by_the_labels_of_its_service(case: str) -> None:
    """CLU-4: found by service labels as the field does."""
    one, place = PLACES[case]
    found = of("Prometheus", sight(services=[one]))

    assert (found.presence, found.places) == (PRESENT, (f"monitoring/{place}",))


@pytest.mark.parametrize(
    "one",
    [
        service("p-node-exporter", {"app.kubernetes.io/name": "prometheus-node-exporter"}, 9100),
        service("p-alertmanager", {"app": "prometheus", "component": "alertmanager"}, 80),
        service("p-pushgateway", {"app.kubernetes.io/name": "prometheus-pushgateway"}, 9091),
        service("odd", PROM, 1, 2),  # nothing says which port
        service("none", PROM),
    ],
    ids=lambda one: one.name,
)
def test_the_parts_beside_prometheus_are_no_server(one: Service) -> None:
    assert of("Prometheus", sight(services=[one])).presence is ABSENT


def test_the_widest_view_is_asked_first() -> None:
    services = [
        service("prometheus-operated", {"operated-prometheus": "true"}, 9090),
        service("query", {"app.kubernetes.io/name": "thanos-query"}, 9090),
    ]

    assert of("Prometheus", sight(services=services)).places[0] == "monitoring/query:9090"


def test_an_operator_without_a_server_is_said_to_be_one() -> None:
    groups = {"monitoring.coreos.com": ["prometheuses"]}
    seen, blind = of("Prometheus", sight(groups)), of("Prometheus", sight(groups, services=None))

    assert seen.condition == "its operator is there, but no service of a server was seen"
    assert blind.condition == (
        "its operator is there; where its server answers is not permitted to know"
    )


RESIZE = [  # server's version, core resources, presence
    ("v1.36.0", (), PRESENT),
    ("v1.33.1-eks-ae9a62a", (), PRESENT),
    ("v1.32.9", (), ABSENT),
    ("v1.25.0", (), ABSENT),
    ("v1.36.0", ("pods", "pods/log"), ABSENT),
    ("v1.32.9", ("pods/log", "pods/resize"), PRESENT),
    ("v1.36.0", ("pods",), PRESENT),  # no subresource is told: the version has to do
    ("", ("pods",), UNKNOWN),
    ("", ("pods/log",), ABSENT),
    ("dev", (), UNKNOWN),
]


@pytest.mark.parametrize(("version", "core", "presence"), RESIZE)
def test_resizing_in_place_is_known_by_the_subresource_then_the_version(
    version: str, core: tuple[str, ...], presence: Presence
) -> None:
    found = of("in-place pod resize", Sight(version=version, groups={"": core}))

    assert found.presence is presence
    assert bool(found.evidence) is (presence is not UNKNOWN)


def test_kubelets_too_old_to_resize_are_counted() -> None:
    seen = Sight(version="v1.36.0", nodes=[node("v1.32.1"), node("v1.36.0"), node("")])

    assert of("in-place pod resize", seen).condition == (
        "1 of 3 nodes run a kubelet older than 1.33"
    )


def real(folder: Path) -> Snapshot:
    """Return a real cluster's objects as an inventory."""
    objects = []
    for path in sorted(folder.glob("*.json.gz")):
        document = json.loads(gzip.decompress(path.read_bytes()))
        items = document if isinstance(document, list) else document.get("items") or []
        listed = "" if isinstance(document, list) else document.get("kind", "")
        for item in (one for one in items if isinstance(one, dict) and "metadata" in one):
            meta, kind = item["metadata"], item.get("kind") or listed.removesuffix("List")
            kind = kind or {"nodes": "Node"}.get(path.name.split(".")[0], "")
            place = (kind, meta.get("namespace", ""), meta["name"], meta.get("uid", ""))
            objects.append(ObjectVersion(*place, START, None, json.dumps(item).encode()))
    return read_inventory(objects, Window(START, START + timedelta(days=1)))


REAL = {
    "minikube-1.35": ["metrics-server", "kube-state-metrics", "in-place pod resize"],
    "k3s-1.31": ["metrics-server"],
    "kind-1.21": [],
    "api-fixtures-libcloud": ["metrics-server"],
    "eks-node": ["Karpenter"],
    "aks-node": [],
    "digitalocean-node": [],
    "gke-node": [],
    "openshift-4.4-aws": [],
}


@pytest.mark.parametrize("folder", sorted(REAL))
def test_real_clusters_show_what_they_have_without_discovery(shared: Path, folder: str) -> None:
    """CLU-4 on all real objects, none of which tell the API groups."""
    found = real(shared / "data" / "k8s" / folder)
    capabilities = capabilities_of(
        Sight(
            version=found.version,
            workloads=found.workloads,
            services=found.services,
            nodes=found.nodes,
            distribution=found.provider,
        )
    )

    assert [one.name for one in capabilities if one.presence is PRESENT] == REAL[folder]
    assert all(one.missing for one in capabilities if one.presence is UNKNOWN)


_GROUPS = st.none() | st.dictionaries(
    st.sampled_from([s.partition("/")[0] for sign in SIGNS for s in sign.serves] + ["", "x"]),
    st.lists(st.sampled_from(["applications", "rollouts", "pods/resize", "pods/log"]), max_size=3),
    max_size=5,
)
_LABELS = st.dictionaries(
    st.sampled_from(["app", "component", "app.kubernetes.io/name", "operated-prometheus", "x"]),
    st.sampled_from(["prometheus", "istiod", "server", "true", "karpenter", "", "thanos-query"]),
    max_size=3,
)
_SERVICES = st.none() | st.lists(
    st.builds(
        lambda name, labels, ports: service(name, labels, *ports),
        st.sampled_from(["prometheus", "a", "b"]),
        _LABELS,
        st.lists(st.integers(1, 9100), max_size=2),
    ),
    max_size=4,
)
_IMAGES = st.sampled_from(["", ":", "@", "/", "keda", "a/metrics-server:1", "controller", "-"])
_WORKLOADS = st.none() | st.lists(st.builds(workload, _IMAGES, _LABELS, st.integers(0, 1)))
_NODES = st.none() | st.lists(
    st.builds(lambda v, labels: node(v, **labels), st.text(max_size=5), _LABELS), max_size=3
)


@given(
    version=st.text(max_size=8),
    groups=_GROUPS,
    services=_SERVICES,
    workloads=_WORKLOADS,
    nodes=_NODES,
    order=st.randoms(use_true_random=False),
)
def test_any_cluster_has_an_answer_that_no_order_changes(
    version: str,
    groups: dict[str, list[str]] | None,
    services: list[Service] | None,
    workloads: list[Workload] | None,
    nodes: list[Node] | None,
    order: Random,
) -> None:
    """CLU-4: never raises, forgets none, and an unknown one says what is missing."""
    seen = Sight(version, groups, (), workloads, services, nodes)
    found = capabilities_of(seen)
    for some in (services, workloads, nodes):
        if some:
            order.shuffle(some)

    assert capabilities_of(seen) == found
    assert tuple(one.name for one in found) == NAMES
    assert all(one.missing for one in found if one.presence is UNKNOWN)
    assert all(one.evidence for one in found if one.presence is PRESENT)
