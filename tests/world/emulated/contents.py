"""What emulated clusters hold: the same pods in each, so that two hundred take the room of one."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from tests.world.simulated.store import Stored, stored

Json = dict[str, Any]

A_NODE, A_WORKLOAD = 25, 10  # pods
BEFORE = 1000  # the revision of what was there before anybody looked
_SINCE = "2026-01-05T08:00:00Z"
_TEAMS = ("shop", "search", "billing", "data", "web")


def uid(sort: int, number: int) -> str:
    """Return a uid that says what it is of."""
    return f"{sort:08x}-0000-4000-8000-{number:012x}"


def nodes(pods: int) -> int:
    """Return how many nodes so many pods are on."""
    return -(-pods // A_NODE)


@cache
def _pods(most: int) -> tuple[Stored, ...]:
    return tuple(stored(pod(number), BEFORE) for number in range(most))


def held(plural: str, pods: int, most: int) -> Sequence[Stored]:
    """Return what a cluster of so many pods holds of a kind; `most` are in the largest one."""
    match plural:
        case "pods":
            return _pods(most)[:pods]
        case "nodes":
            return _nodes(nodes(most))[: nodes(pods)]
        case "deployments" | "replicasets":
            return _workloads(plural, -(-most // A_WORKLOAD))[: -(-pods // A_WORKLOAD)]
        case _:
            return ()


def namespaces(cluster: int) -> Iterator[Json]:
    """Yield the namespaces of a cluster; by the uid of kube-system it is told from others."""
    for place, name in enumerate(("kube-system", "default", *_TEAMS)):
        yield {"metadata": _metadata(name, "", uid(cluster, place), {"name": name})}


@cache
def _nodes(most: int) -> tuple[Stored, ...]:
    return tuple(stored(_node(number), BEFORE) for number in range(most))


@cache
def _workloads(plural: str, most: int) -> tuple[Stored, ...]:
    make = _deployment if plural == "deployments" else _replica_set
    return tuple(stored(make(number), BEFORE) for number in range(most))


def pod(number: int) -> Json:
    """Return one running pod."""
    workload = number // A_WORKLOAD
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"app-{workload}-7f9c"}
    metadata = _metadata(
        f"app-{workload}-7f9c-{number:05x}",
        _TEAMS[workload % len(_TEAMS)],
        uid(1, number),
        {"app": f"app-{workload}"},
    )
    owners = [owner | {"uid": uid(3, workload), "controller": True}]
    kinds = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    ran = {
        "name": "app",
        "ready": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": _SINCE}},
    }
    return {
        "metadata": metadata | {"ownerReferences": owners},
        "spec": _template(workload) | {"nodeName": f"node-{number // A_NODE}"},
        "status": {
            "phase": "Running",
            "startTime": _SINCE,
            "podIP": f"10.0.{number // 250}.{number % 250}",
            "conditions": [
                {"type": one, "status": "True", "lastTransitionTime": _SINCE} for one in kinds
            ],
            "containerStatuses": [ran],
            "qosClass": "Burstable",
        },
    }


def _template(workload: int) -> Json:
    cpu = f"{50 + 50 * (workload % 4)}m"
    container = {
        "name": "app",
        "image": f"registry.example/app-{workload}:1.4.2",
        "env": [{"name": f"SETTING_{n}", "value": f"{workload * n:x}"} for n in range(20)],
        "resources": {
            "requests": {"cpu": cpu, "memory": "256Mi"},
            "limits": {"memory": "512Mi"},
        },
    }
    return {"containers": [container], "serviceAccountName": "default", "schedulerName": "default"}


def _deployment(number: int) -> Json:
    labels = {"app": f"app-{number}"}
    namespace = _TEAMS[number % len(_TEAMS)]
    spec = {
        "replicas": A_WORKLOAD,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": _template(number)},
    }
    status = {"replicas": A_WORKLOAD, "readyReplicas": A_WORKLOAD, "availableReplicas": A_WORKLOAD}
    metadata = _metadata(f"app-{number}", namespace, uid(2, number), labels)
    return {"metadata": metadata, "spec": spec, "status": status}


def _replica_set(number: int) -> Json:
    found = _deployment(number)
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"app-{number}"}
    found["metadata"] |= {
        "name": f"app-{number}-7f9c",
        "uid": uid(3, number),
        "ownerReferences": [owner | {"uid": uid(2, number), "controller": True}],
    }
    return found


def _node(number: int) -> Json:
    labels = {
        "kubernetes.io/hostname": f"node-{number}",
        "kubernetes.io/arch": "amd64",
        "node.kubernetes.io/instance-type": "m6i.xlarge",
        "topology.kubernetes.io/region": "eu-west-1",
        "topology.kubernetes.io/zone": "eu-west-1a",
        "eks.amazonaws.com/nodegroup": "general",
        "eks.amazonaws.com/capacityType": "ON_DEMAND",
    }
    size = {"cpu": "4", "memory": "16Gi", "pods": "58"}
    return {
        "metadata": _metadata(f"node-{number}", "", uid(4, number), labels),
        "spec": {"providerID": f"aws:///eu-west-1a/i-{number:017x}"},
        "status": {
            "capacity": size,
            "allocatable": size | {"cpu": "3920m", "memory": "15Gi"},
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": _SINCE}],
            "nodeInfo": {"kubeletVersion": "v1.36.0", "architecture": "amd64"},
        },
    }


def _metadata(name: str, namespace: str, uid: str, labels: dict[str, str]) -> Json:
    found: Json = {"name": name, "uid": uid, "creationTimestamp": _SINCE, "labels": labels}
    return found | ({"namespace": namespace} if namespace else {})


def pod_usage(found: Stored, at: str) -> Json:
    """Return what a metrics server says of a pod: a fifth to two fifths of what it asks for."""
    share = 0.2 + 0.2 * (int(found.object["metadata"]["uid"][-6:], 16) % 10) / 10
    asked = found.object["spec"]["containers"][0]["resources"]["requests"]["cpu"]
    used = {"cpu": f"{int(int(asked[:-1]) * share * 1e6)}n", "memory": f"{int(share * 2**18)}Ki"}
    meta = {"name": found.name, "namespace": found.namespace}
    one = {"name": "app", "usage": used}
    return {"metadata": meta, "timestamp": at, "window": "15s", "containers": [one]}


def node_usage(found: Stored, at: str) -> Json:
    """Return what a metrics server says of a node."""
    used = {"cpu": "900m", "memory": "6Gi"}
    return {"metadata": {"name": found.name}, "timestamp": at, "window": "15s", "usage": used}
