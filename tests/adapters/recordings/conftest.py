"""Small recordings to read, to damage and to pass on."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from upid.adapters.recordings import RecordingWriter
from upid.core.metrics import CPU, MEMORY, REQUESTS, Entity
from upid.core.panel import Floats
from upid.core.ports.cluster_source import NodePrice, ObjectVersion, PriceSheet
from upid.core.window import Window

START = datetime(2026, 3, 2, 22, tzinfo=UTC)  # two hours before midnight: two days, one short

DEPLOYMENT = b"""{"apiVersion": "apps/v1", "kind": "Deployment",
 "metadata": {"name": "web", "namespace": "shop", "uid": "d0000000-0000-4000-8000-000000000001",
  "labels": {"app": "web", "acme.com/team": "blue"},
  "annotations": {"owner": "ana@acme.com",
   "kubectl.kubernetes.io/last-applied-configuration":"x"}},
 "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
  "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app",
   "image": "registry.acme.com/shop/web:1.4", "args": ["--password=hunter2"],
   "command": ["/bin/acme"], "env": [{"name": "DB_PASSWORD", "value": "hunter2"}],
   "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
   "resources": {"requests": {"cpu": "250m", "memory": "1Gi"}}}]}}}}"""
POD = b"""{"apiVersion": "v1", "kind": "Pod",
 "metadata": {"name": "web-1", "namespace": "shop", "uid": "a0000000-0000-4000-8000-000000000001",
  "labels": {"app": "web"}, "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment",
   "name": "web", "uid": "d0000000-0000-4000-8000-000000000001", "controller": true}]},
 "spec": {"nodeName": "ip-10-0-0-7.acme.internal", "containers": [{"name": "app"}]},
 "status": {"podIP": "10.0.0.9", "hostIP": "10.0.0.7", "phase": "Running"}}"""
SECRET = b'{"kind": "Secret", "metadata": {"name": "db"}, "data": {"p": "aHg="}}'


def window(hours: int = 8) -> Window:
    """Return a window from START on."""
    return Window(START, START + timedelta(hours=hours))


def write(path: Path, **facts: Any) -> RecordingWriter:  # noqa: ANN401 - the writer's own
    """Return a writer with facts that a test does not care for."""
    given: dict[str, Any] = {
        "name": "acme-prod",
        "window": window(),
        "cadence": timedelta(minutes=30),
        "sources": ("prometheus",),
        "currency": "USD",
        "created": START,
        "writer": "a test",
    } | facts
    return RecordingWriter(path, **given)


def fill(writer: RecordingWriter) -> None:
    """Put a bit of everything in."""
    writer.add_objects(
        [
            ObjectVersion("Pod", "shop", "web-1", "a0000000-0000-4000-8000-000000000001",
                          START, None, POD),
            ObjectVersion("Deployment", "shop", "web", "d0000000-0000-4000-8000-000000000001",
                          START, START + timedelta(hours=3), DEPLOYMENT),
            ObjectVersion("Secret", "shop", "db", "5", START, None, SECRET),
        ]
    )  # fmt: skip
    rng = np.random.default_rng(5)
    span = writer.grid.span
    labels = {"namespace": ["shop"] * 3, "pod": ["web-1", "web-2", "web-1"],
              "pod_uid": ["a0000000-0000-4000-8000-000000000001", "a2", "a3"],
              "container": ["app", "app", "side"]}  # fmt: skip
    ids = writer.add_series(Entity.CONTAINER, labels)
    cpu: Floats = np.round(rng.gamma(2, 0.1, (3, span)), 6)
    cpu[1, 3:7] = np.nan
    cpu[2, 2] = np.pi  # not a whole number of microcores
    writer.add_samples(CPU, ids, cpu)
    writer.add_samples(MEMORY, ids[:2], 1024 * rng.integers(1, 9999, (2, span)).astype(float))
    streams = {"namespace": ["shop"] * 2, "pod": ["web-1"] * 2,
               "pod_uid": ["a0000000-0000-4000-8000-000000000001"] * 2,
               "path": ["/healthz", "/api/orders/acme-7?customer=ana"],
               "agent": ["kube-probe/1.30", "okhttp/4"],
               "source": ["10.0.0.7", "shop/Deployment/web"]}  # fmt: skip
    ids = writer.add_series(Entity.REQUEST, streams)
    writer.add_samples(REQUESTS, ids, rng.integers(0, 50, (2, span)).astype(float))
    writer.set_prices(PriceSheet(nodes=(NodePrice("ip-10-0-0-7.acme.internal", 0.2, "bill"),)))


@pytest.fixture(name="write")
def _write(tmp_path: Path) -> Callable[..., RecordingWriter]:
    """Start a recording in the test's folder."""
    return lambda name="r.upid", **facts: write(tmp_path / name, **facts)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small recording with everything in it; not to be changed."""
    path = tmp_path_factory.mktemp("recordings") / "small.upid"
    with write(path) as writer:
        fill(writer)
    return path


@pytest.fixture(name="fill")
def _fill() -> Callable[[RecordingWriter], None]:
    """Put a bit of everything into a writer."""
    return fill
