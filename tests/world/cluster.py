"""One test's corner of a cluster: a namespace of its own, and the words to use it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.world.api import Api, ApiError, Json
from tests.world.control_plane import ControlPlane
from tests.world.waiting import wait_until

_SECONDS = 60
_NOT_FOUND = 404


@dataclass(frozen=True)
class Cluster:
    """A control plane and a namespace that nobody else uses."""

    control_plane: ControlPlane
    api: Api
    namespace: str

    def path(self, resource: str, name: str = "", version: str = "v1") -> str:
        """Return a path in the namespace; `version` such as `apps/v1` for a named group."""
        root = "/apis" if "/" in version else "/api"
        ending = f"/{name}" if name else ""
        return f"{root}/{version}/namespaces/{self.namespace}/{resource}{ending}"

    def create(self, resource: str, body: Json, version: str = "v1") -> Json:
        """Create an object in the namespace."""
        return self.api.create(self.path(resource, version=version), body)

    def pod(self, name: str) -> Json:
        """Read a pod."""
        return self.api.get(self.path("pods", name))

    def run(self, name: str, spec: Json, labels: dict[str, str] | None = None) -> Json:
        """Create a pod, wait until it is Ready and return it."""
        metadata = {"name": name, "labels": labels or {"app": name}}
        self.create("pods", {"metadata": metadata, "spec": spec})
        self.wait_ready(name)
        return self.pod(name)

    def wait_ready(self, *names: str, seconds: float = _SECONDS) -> None:
        """Wait until pods are Ready."""
        for name in names:

            def ready(name: str = name) -> bool:
                return is_ready(self.pod(name))

            wait_until(f"pod {name} to be ready", ready, seconds)

    def wait_gone(self, resource: str, name: str, seconds: float = _SECONDS) -> None:
        """Wait until an object is gone."""
        path = self.path(resource, name)
        wait_until(f"{path} to be gone", lambda: not self.api.exists(path), seconds)


@contextmanager
def namespace(control_plane: ControlPlane, prefix: str = "t") -> Iterator[Cluster]:
    """Yield a fresh namespace; its pods are gone afterwards, the rest goes by itself."""
    api = control_plane.api()
    found = Cluster(control_plane, api, f"{prefix}-{secrets.token_hex(4)}")
    api.create("/api/v1/namespaces", {"metadata": {"name": found.namespace}})
    try:
        _wait_usable(found)
        yield found
    finally:
        _end_pods(found)
        api.delete(f"/api/v1/namespaces/{found.namespace}")
        api.close()


def is_ready(pod: Json) -> bool:
    """Return whether a pod's condition Ready is true."""
    conditions = pod["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _wait_usable(cluster: Cluster) -> None:
    """Wait for the default service account: until then no pod is admitted."""
    if "controllers" not in cluster.control_plane.running_programs():
        return
    path = cluster.path("serviceaccounts", "default")
    wait_until(f"{path} to be made", lambda: cluster.api.exists(path), _SECONDS)


def _end_pods(cluster: Cluster) -> None:
    """Delete what makes pods, then the pods, and wait for them: the next test has the machine."""
    owners = [("deployments", "apps/v1"), ("replicasets", "apps/v1"), ("statefulsets", "apps/v1")]
    owners += [("daemonsets", "apps/v1"), ("jobs", "batch/v1"), ("cronjobs", "batch/v1")]
    for resource, version in owners:
        path = cluster.path(resource, version=version)
        cluster.api.delete(path, {"propagationPolicy": "Background"})
    pods = cluster.path("pods")
    cluster.api.delete(pods, {"gracePeriodSeconds": 0})
    wait_until(
        f"the pods of {cluster.namespace} to end",
        lambda: not _items(cluster.api, pods),
        _SECONDS,
    )


def _items(api: Api, path: str) -> list[Json]:
    try:
        return list(api.get(path)["items"])
    except ApiError as error:
        if error.status == _NOT_FOUND:
            return []
        raise
