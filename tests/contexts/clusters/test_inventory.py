"""An inventory says what a cluster holds, whatever its objects look like."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from upid.contexts.clusters.logic.inventory import read_inventory
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.snapshot import Snapshot, WorkloadKey
from upid.core.window import Window

Json: TypeAlias = Any  # as json encodes it
START, END = datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)
WINDOW = Window(START, END)


def version(
    body: dict[str, Any], since: datetime = START, until: datetime | None = None
) -> ObjectVersion:
    meta = body["metadata"]
    return ObjectVersion(
        body["kind"],
        meta.get("namespace", ""),
        meta["name"],
        meta.get("uid", ""),
        since,
        until,
        json.dumps(body).encode(),
    )


def inventory(*bodies: dict[str, Any]) -> Snapshot:
    return read_inventory([version(body) for body in bodies], WINDOW)


def owned(kind: str, name: str, uid: str) -> list[dict[str, Any]]:
    return [{"kind": kind, "name": name, "uid": uid, "controller": True}]


def pod(name: str = "web-7c-x", uid: str = "p1", **changes: Json) -> dict[str, Any]:
    meta = {"name": name, "namespace": "shop", "uid": uid, **changes.pop("metadata", {})}
    spec = {"nodeName": "n1", "containers": [{"name": "app", **changes.pop("container", {})}]}
    spec |= changes.pop("spec", {})
    status = {"phase": "Running", **changes.pop("status", {})}
    return {"kind": "Pod", "metadata": meta, "spec": spec, "status": status}


def workload(kind: str, name: str, uid: str, **meta: Json) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop", "uid": uid, **meta},
        "spec": {},
        "status": {},
    }


def test_a_pod_belongs_to_the_topmost_owner_that_can_be_reached() -> None:
    found = inventory(
        workload("Deployment", "web", "d1"),
        workload("ReplicaSet", "web-7c", "r1", ownerReferences=owned("Deployment", "web", "d1")),
        pod(metadata={"ownerReferences": owned("ReplicaSet", "web-7c", "r1")}),
    )

    assert found.pods[0].workload == WorkloadKey("shop", "Deployment", "web")
    assert [w.key.kind for w in found.workloads] == ["Deployment"]


def test_without_its_replica_set_the_hash_label_still_names_the_deployment() -> None:
    labels = {"pod-template-hash": "7c"}
    found = inventory(
        pod(metadata={"labels": labels, "ownerReferences": owned("ReplicaSet", "web-7c", "r1")})
    )

    assert found.pods[0].workload == WorkloadKey("shop", "Deployment", "web")


def test_a_run_whose_job_is_gone_still_belongs_to_its_cron_job() -> None:
    owner = owned("Job", "report-29384820", "j1")
    found = inventory(pod(metadata={"ownerReferences": owner}))

    assert found.pods[0].workload == WorkloadKey("shop", "CronJob", "report")


def test_owners_in_a_circle_end_somewhere() -> None:
    found = inventory(
        workload("ReplicaSet", "a", "r1", ownerReferences=owned("ReplicaSet", "b", "r2")),
        workload("ReplicaSet", "b", "r2", ownerReferences=owned("ReplicaSet", "a", "r1")),
        pod(metadata={"ownerReferences": owned("ReplicaSet", "a", "r1")}),
    )

    assert found.pods[0].workload.kind == "ReplicaSet"


def test_an_unknown_kind_of_owner_is_a_workload_of_its_own() -> None:
    found = inventory(pod(metadata={"ownerReferences": owned("Kafka", "events", "k1")}))

    assert [str(w.key) for w in found.workloads] == ["shop/Kafka/events"]


def test_a_static_pod_is_its_own_workload() -> None:
    found = inventory(pod(name="etcd-n1", metadata={"ownerReferences": owned("Node", "n1", "u")}))

    assert found.pods[0].workload == WorkloadKey("shop", "Pod", "etcd-n1")


def test_a_limit_without_a_request_is_the_request_too() -> None:
    found = inventory(pod(container={"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}))

    container = found.pods[0].containers[0]
    assert (container.cpu_request, container.memory_request) == (2.0, 1 << 30)


def test_gpus_are_counted_from_limits_or_requests() -> None:
    found = inventory(pod(container={"resources": {"limits": {"nvidia.com/gpu": 2}}}))

    assert found.pods[0].containers[0].gpus == 2


def test_a_resize_in_place_begins_a_new_declaration() -> None:
    at = datetime(2026, 10, 12, tzinfo=UTC)
    before = version(pod(container={"resources": {"requests": {"cpu": "1"}}}), START, at)
    after = version(pod(container={"resources": {"requests": {"cpu": "500m"}}}), at)

    found = read_inventory([before, after], WINDOW).pods[0]

    assert [(d.since, d.containers[0].cpu_request) for d in found.declared] == [
        (START, 1.0),
        (at, 0.5),
    ]


def test_an_init_container_that_restarts_is_a_sidecar_and_others_are_not_charged() -> None:
    init = [{"name": "migrate"}, {"name": "istio-proxy", "restartPolicy": "Always"}]
    found = inventory(pod(spec={"initContainers": init}))

    assert [c.name for c in found.pods[0].containers] == ["app", "istio-proxy"]


def test_objects_outside_the_window_are_not_in_it() -> None:
    gone = version(pod(), datetime(2026, 9, 1, tzinfo=UTC), START)
    later = version(pod(uid="p2"), END)

    assert read_inventory([gone, later], WINDOW).pods == ()


def test_an_object_that_cannot_be_read_is_named_and_the_rest_goes_on() -> None:
    found = inventory(
        pod(container={"resources": {"requests": {"cpu": "much"}}}),
        pod(name="good", uid="p2"),
        {"kind": "Pod", "metadata": {"name": "odd", "labels": 7}, "spec": {}},
    )

    assert [p.name for p in found.pods] == ["good"]
    assert [s.split(":")[0] for s in found.skipped] == ["Pod odd", "Pod shop/web-7c-x"]


def test_a_second_object_with_the_same_uid_is_named_and_left_out() -> None:
    found = inventory(pod(name="first"), pod(name="second"))

    assert [p.name for p in found.pods] == ["first"]
    assert found.skipped == ("Pod shop/second: its uid is that of 'first'",)


def test_null_lists_and_maps_are_empty() -> None:
    found = inventory(
        pod(metadata={"labels": None, "ownerReferences": None}, status={"conditions": None})
    )

    assert found.pods[0].labels == {}


def test_an_autoscaler_says_what_it_steers() -> None:
    horizontal = {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "web"},
            "maxReplicas": 9,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 70},
                    },
                }
            ],
        },
    }

    found = inventory(horizontal).autoscalers[0]

    assert found.target == WorkloadKey("shop", "Deployment", "web")
    assert (found.minimum, found.maximum, found.utilization) == (1, 9, {"cpu": 0.7})


REAL = {
    "eks-node": "EKS",
    "gke-node": "GKE",
    "aks-node": "AKS",
    "digitalocean-node": "DOKS",
    "openshift-4.4-aws": "OpenShift",
    "k3s-1.31": "K3s",
    "minikube-1.35": "minikube",
}


def real_objects(folder: Path) -> Iterator[ObjectVersion]:
    for path in sorted(folder.glob("*.json.gz")):
        document = json.loads(gzip.decompress(path.read_bytes()))
        for item in document.get("items") or []:
            kind = item.get("kind") or document.get("kind", "").removesuffix("List")
            kind = kind or {"nodes": "Node"}[path.name.split(".")[0]]
            yield version({**item, "kind": kind})


@pytest.mark.parametrize(("folder", "distribution"), sorted(REAL.items()))
def test_real_clusters_are_recognised(shared: Path, folder: str, distribution: str) -> None:
    """CLU-3 on real objects."""
    found = read_inventory(real_objects(shared / "data" / "k8s" / folder), WINDOW)

    assert found.provider == distribution
    assert found.skipped == ()
    assert found.nodes
