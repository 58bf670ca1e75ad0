"""A program over both databases, with one cluster in memory beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.contexts.clusters.registry_world import QUICK, Program
from tests.fixtures.memory_cluster import MemoryCluster
from upid.app.settings import Settings
from upid.kit.crypto import Keys, Vault
from upid.kit.db import Database

TOKEN = "canary-token-5f0e1d"  # noqa: S105 - looked for everywhere it must not be


@pytest.fixture(autouse=True)
def _plain_log_lines() -> Iterator[None]:
    """Write log lines as the program does, without the colours and locals of a desk."""
    structlog.configure(
        processors=[
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    yield
    structlog.reset_defaults()


@pytest.fixture
def there() -> MemoryCluster:
    """Return a cluster with a node, a Deployment and its pods."""
    cluster = MemoryCluster("https://prod.example:6443", TOKEN)
    cluster.put(node("n1"))
    cluster.put({"kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": "shop"}}})
    cluster.put(deployment("web", 2))
    for number in (1, 2):
        cluster.put(pod(f"web-{number}"))
    cluster.put(service("web"))
    return cluster


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """Return a vault with keys of its own."""
    return Vault(Keys.from_file(tmp_path / "key"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings with short times."""
    return Settings(home=tmp_path, clusters=QUICK)


@pytest.fixture
def program(db: Database, vault: Vault, there: MemoryCluster, settings: Settings) -> Program:
    """Return the program, not running yet."""
    return Program(db, vault, (there,), settings)


def node(name: str, **spec: object) -> dict[str, object]:
    """Return a node of four cores and 16 GiB."""
    amounts = {"cpu": "4", "memory": "16Gi"}
    status = {
        "capacity": amounts,
        "allocatable": {"cpu": "3800m", "memory": "15Gi"},
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    meta = {"name": name, "labels": {"zone": "a"}}
    return {"kind": "Node", "metadata": meta, "spec": spec, "status": status}


def deployment(name: str, replicas: int, image: str = "web:1") -> dict[str, object]:
    """Return a Deployment that Helm looks after."""
    meta = {
        "name": name,
        "namespace": "shop",
        "labels": {"app": name},
        "annotations": {
            "meta.helm.sh/release-name": name,
            "meta.helm.sh/release-namespace": "shop",
        },
    }
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container(image)]}}
    spec = {"replicas": replicas, "template": template}
    return {"kind": "Deployment", "metadata": meta, "spec": spec, "status": {}}


def container(image: str = "web:1") -> dict[str, object]:
    """Return a container that asks for a quarter of a core and half a GiB."""
    asked = {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}}
    return {"name": "app", "image": image, "resources": asked}


def pod(name: str, phase: str = "Running", on: str = "n1") -> dict[str, object]:
    """Return a pod of the Deployment `web`."""
    owner = {"kind": "ReplicaSet", "name": "web-7c", "uid": "rs", "controller": True}
    labels = {"app": "web", "pod-template-hash": "7c"}
    meta = {"name": name, "namespace": "shop", "labels": labels, "ownerReferences": [owner]}
    ready = [{"type": "Ready", "status": "True" if phase == "Running" else "False"}]
    return {
        "kind": "Pod",
        "metadata": meta,
        "spec": {"nodeName": on, "containers": [container()]},
        "status": {"phase": phase, "conditions": ready},
    }


def service(name: str) -> dict[str, object]:
    """Return a Service."""
    meta = {"name": name, "namespace": "shop"}
    spec = {"type": "ClusterIP", "selector": {"app": name}, "ports": [{"port": 80, "name": "http"}]}
    return {"kind": "Service", "metadata": meta, "spec": spec}
