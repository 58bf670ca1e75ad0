"""What tests of writing against real API servers share: a user, objects of each kind, a writer."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tests.adapters.kubernetes.client_server import access_to
from tests.world.api import Api, Json
from tests.world.cluster import Cluster, namespace
from tests.world.control_plane import ControlPlane
from tests.world.waiting import wait_until
from upid.adapters.kubernetes.access import Tls
from upid.adapters.kubernetes.client import Limits
from upid.adapters.kubernetes.writing import KubernetesWriter
from upid.core.ports.cluster_writer import DryRun, Operation, Place, Target

OTHER_UID = "11111111-2222-4333-8444-555555555555"
OPERATION = Operation("test-1")
_LABELS = {"app": "w"}
_RBAC = "rbac.authorization.k8s.io"
_WORKLOADS = {
    "Deployment": ("apps/v1", "deployments"),
    "StatefulSet": ("apps/v1", "statefulsets"),
    "DaemonSet": ("apps/v1", "daemonsets"),
    "CronJob": ("batch/v1", "cronjobs"),
}


@dataclass
class Corner:
    """A namespace with one object of each kind that is written to, and a node that nobody runs."""

    cluster: Cluster
    node: str

    @property
    def api(self) -> Api:
        return self.cluster.api

    def place(self, kind: str, name: str = "w") -> Place:
        version, resource = {**_WORKLOADS, "Pod": ("v1", "pods")}[kind]
        return Place(version, kind, resource, self.cluster.namespace, name)

    def path(self, kind: str, name: str = "w") -> str:
        place = self.place(kind, name)
        return self.cluster.path(place.resource, name, place.api_version)

    def version(self, kind: str, name: str = "w") -> str:
        return str(self.api.get(self.path(kind, name))["metadata"]["resourceVersion"])


def writing(
    plane: ControlPlane, user: str = "upid", limits: Limits | None = None
) -> KubernetesWriter:
    trusted = Tls(authority=plane.ca.read_bytes())
    access = access_to(plane.server, plane.token(user), tls=trusted, user=user)
    return KubernetesWriter(access, DryRun(), limits)


def another(target: Target) -> Target:
    return replace(target, uid=OTHER_UID)


def earlier(target: Target) -> Target:
    return replace(target, version="1")


def missing(target: Target) -> Target:
    return replace(target, place=replace(target.place, name="gone"))


@contextmanager
def corner(plane: ControlPlane) -> Iterator[Corner]:
    """Yield a corner of a cluster, settled: nobody changes it by himself any more."""
    with namespace(plane, "writing") as cluster:
        found = Corner(cluster, f"writing-{secrets.token_hex(3)}")
        controlled = "controllers" in plane.running_programs()
        if not controlled:
            cluster.create("serviceaccounts", {"metadata": {"name": "default"}})
        _grant(cluster)
        _make_node(found)
        try:
            for kind in _WORKLOADS:
                _make(found, kind)
            make_pod(found, "w")
            if controlled:
                wait_until("the objects to settle", lambda: _settled(found), 30)
            yield found
        finally:
            cluster.api.delete(f"/api/v1/nodes/{found.node}")


def make_pod(corner: Corner, name: str, cpu: str = "100m") -> None:
    """Make a pod that is bound to the node and said to be ready; no program runs."""
    spec = {**_template(cpu)["spec"], "nodeName": corner.node}
    corner.cluster.create("pods", {"metadata": {"name": name, "labels": _LABELS}, "spec": spec})
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    corner.api.patch(f"{corner.path('Pod', name)}/status", {"status": ready})


def make_budget(corner: Corner) -> None:
    """Make a budget that allows no eviction."""
    spec = {"minAvailable": 1, "selector": {"matchLabels": _LABELS}}
    corner.cluster.create(
        "poddisruptionbudgets", {"metadata": {"name": "strict"}, "spec": spec}, "policy/v1"
    )


def _make(corner: Corner, kind: str) -> None:
    version, resource = _WORKLOADS[kind]
    body: Json = {"metadata": {"name": "w"}, "spec": _spec(kind)}
    corner.cluster.create(resource, body, version)


def _spec(kind: str) -> Json:
    if kind == "CronJob":
        template = {"spec": {**_template()["spec"], "restartPolicy": "Never"}}
        return {
            "schedule": "0 0 1 1 *",
            "suspend": True,
            "jobTemplate": {"spec": {"template": template}},
        }
    selected = {"selector": {"matchLabels": {"of": kind}}}
    template = _template()
    template["metadata"]["labels"] = {"of": kind}
    if kind == "DaemonSet":
        template["spec"]["nodeSelector"] = {"there": "is-none"}
        return {**selected, "template": template}
    return {**selected, "replicas": 0, "template": template}


def _template(cpu: str = "100m") -> Json:
    asked = {"requests": {"cpu": cpu, "memory": "64Mi"}}
    return {
        "metadata": {"labels": dict(_LABELS)},
        "spec": {"containers": [{"name": "c", "image": "none:1", "resources": asked}]},
    }


def _grant(cluster: Cluster) -> None:
    role = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "cluster-admin"}
    binding = {"metadata": {"name": "all"}, "roleRef": role}
    subjects = [{"kind": "User", "name": "upid"}]
    cluster.create("rolebindings", binding | {"subjects": subjects}, f"{_RBAC}/v1")


def _make_node(corner: Corner) -> None:
    room = {"cpu": "8", "memory": "16Gi", "pods": "50"}
    status = {"capacity": room, "allocatable": room}
    tainted = {"taints": [{"key": "nobody", "effect": "NoSchedule"}]}
    corner.api.create(
        "/api/v1/nodes", {"metadata": {"name": corner.node}, "spec": tainted, "status": status}
    )


def _settled(corner: Corner) -> bool:
    """Return whether each controller has seen its object as it is."""
    stored = [
        corner.api.get(corner.path(kind)) for kind in ("Deployment", "StatefulSet", "DaemonSet")
    ]
    return all(
        one["status"].get("observedGeneration") == one["metadata"]["generation"] for one in stored
    )
