"""metrics-server: joined to the API server as an aggregated API, as clusters have it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.world import parts
from tests.world.api import Api, ApiError
from tests.world.control_plane import ControlPlane
from tests.world.neighbours.neighbour import Neighbour, folder_for

PORT = 4443
GROUP = "/apis/metrics.k8s.io/v1beta1"
RESOLUTION = 10  # seconds: the shortest that metrics-server accepts
READY = 90.0  # seconds; it answers after two readings, so after 20 to 25
_KUBELET = 5  # seconds for the kubelet's answer; has to be under the resolution
_NAME = "metrics-server"
_SYSTEM = "/api/v1/namespaces/kube-system"
_SCALES = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
}


@dataclass(frozen=True)
class Usage:
    """What was used over a window: CPU in cores, memory in bytes, the window as it says."""

    cpu: float
    memory: float
    timestamp: str
    window: str


@dataclass(frozen=True)
class MetricsServer:
    """A running metrics-server."""

    neighbour: Neighbour
    api: Api

    def nodes(self) -> dict[str, Usage]:
        """Return the usage of each node by its name."""
        items = self.api.get(f"{GROUP}/nodes")["items"]
        return {item["metadata"]["name"]: _usage(item, item["usage"]) for item in items}

    def pods(self, namespace: str) -> dict[tuple[str, str], Usage]:
        """Return the usage of each container of a namespace by its pod's name and its own."""
        items = self.api.get(f"{GROUP}/namespaces/{namespace}/pods")["items"]
        return {
            (item["metadata"]["name"], container["name"]): _usage(item, container["usage"])
            for item in items
            for container in item["containers"]
        }

    def close(self) -> None:
        """Stop it and take its API away."""
        for collection, body in _objects(self.neighbour.enclosure.address):
            with contextlib.suppress(ApiError):
                self.api.delete(f"{collection}/{body['metadata']['name']}")
        self.neighbour.stop()
        self.api.close()


def start_metrics_server(control_plane: ControlPlane, nodes: int = 1) -> MetricsServer:
    """Start a metrics-server; return when it has a figure for `nodes` nodes.

    Raises `parts.NotBuilt`, `Died`, or `WaitedInVain` after 90 s.
    """
    enclosure, api = control_plane.enclosure, control_plane.api()
    for collection, body in _objects(enclosure.address):
        _apply(api, collection, body)
    config = control_plane.kubeconfig("control")
    command = (
        parts.program("metrics-server"),
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--kubelet-insecure-tls",  # the kubelet's certificate is its own
        "--kubelet-preferred-address-types=InternalIP",
        f"--bind-address={enclosure.address}",
        f"--secure-port={PORT}",
        f"--metric-resolution={RESOLUTION}s",
        f"--kubelet-request-timeout={_KUBELET}s",
        f"--cert-dir={folder_for(enclosure, _NAME)}",
    )

    def has_figures() -> bool:
        try:
            items = api.get(f"{GROUP}/nodes")["items"]
        except ApiError:  # 503 until it serves, 404 until the API server has looked at it
            return False
        return sum("cpu" in item["usage"] for item in items) >= nodes

    found = MetricsServer(Neighbour(enclosure, _NAME, command, has_figures), api)
    found.neighbour.start(READY)
    return found


def quantity(text: str) -> float:
    """Return the number that a Kubernetes quantity such as `123456n` or `64Ki` stands for."""
    for suffix, scale in _SCALES.items():
        if text.endswith(suffix):
            return float(text.removesuffix(suffix)) * scale
    return float(text)


def _usage(item: dict[str, Any], used: dict[str, str]) -> Usage:
    cpu, memory = quantity(used["cpu"]), quantity(used["memory"])
    return Usage(cpu, memory, item["timestamp"], item["window"])


def _apply(api: Api, collection: str, body: dict[str, Any]) -> None:
    """Create an object, or bring it to what it should be."""
    path = f"{collection}/{body['metadata']['name']}"
    api.patch(path, body, "apply", fieldManager="world", force="true")


def _objects(address: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what makes the API server ask metrics-server: collection and object."""
    yield (
        f"{_SYSTEM}/services",
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": _NAME, "namespace": "kube-system"},
            "spec": {"ports": [{"port": 443, "targetPort": PORT, "protocol": "TCP"}]},
        },
    )
    yield (
        "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices",
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{_NAME}-1",
                "namespace": "kube-system",
                "labels": {"kubernetes.io/service-name": _NAME},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
            "ports": [{"port": PORT, "protocol": "TCP", "name": ""}],
        },
    )
    yield (
        "/apis/apiregistration.k8s.io/v1/apiservices",
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "insecureSkipTLSVerify": True,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "service": {"name": _NAME, "namespace": "kube-system", "port": 443},
            },
        },
    )
