"""`upid analyze` on a live cluster: found by its kubeconfig alone, read, and told honestly."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.world import pods
from tests.world.cluster import Cluster
from tests.world.control_plane import ControlPlane
from tests.world.judge import Judge
from tests.world.neighbours.metrics_server import MetricsServer
from tests.world.node import Node
from tests.world.waiting import wait_until

pytestmark = pytest.mark.world


def _upid(*arguments: str, kubeconfig: Path | None = None) -> "subprocess.CompletedProcess[str]":
    kept = {key: value for key, value in os.environ.items() if not key.startswith("UPID_")}
    named = {} if kubeconfig is None else {"KUBECONFIG": str(kubeconfig)}
    return subprocess.run(
        [sys.executable, "-m", "upid", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**kept, "HOME": "/nonexistent", **named},
    )


def test_a_live_cluster_is_analyzed_by_its_kubeconfig_alone(
    cluster: Cluster, node: Node, metrics_server: MetricsServer
) -> None:
    """CLU-1, ANL: requests and usage of a real pod stand in the report."""
    asked = {"requests": {"cpu": "200m", "memory": "64Mi"}}
    cluster.run("worker", pods.actor(cpu="steady:0.1", memory="steady:48Mi", resources=asked))

    def measured() -> bool:
        return ("worker", "actor") in metrics_server.pods(cluster.namespace)

    wait_until("metrics-server to have the pod", measured, 60, pause=0.5)
    config = cluster.control_plane.kubeconfig()
    ended = _upid("analyze", "cluster", "-n", cluster.namespace, "-o", "json", kubeconfig=config)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert cluster.namespace in ended.stdout
    assert "metrics-server" in json.dumps(found)
    assert node.name == "node-1"


def test_without_a_metrics_server_the_report_says_that_usage_is_unknown(
    old_control_plane: ControlPlane,
) -> None:
    """On an API server two versions older, with nothing in it."""
    ended = _upid("analyze", "cluster", kubeconfig=old_control_plane.kubeconfig())
    assert ended.returncode == 0, ended.stderr
    assert "no metrics server" in " ".join(f"{ended.stdout}{ended.stderr}".split())


def test_who_may_read_nothing_is_told_what_is_forbidden(control_plane: ControlPlane) -> None:
    ended = _upid("analyze", "cluster", kubeconfig=control_plane.kubeconfig("viewer"))
    assert ended.returncode == 3
    assert "forbids to" in ended.stderr
    assert "hint:" in ended.stderr


def test_reading_a_cluster_asks_for_no_secret_and_changes_nothing(
    cluster: Cluster, node: Node, judge: Judge
) -> None:
    """A10, O2: by the audit log, never by UPID's own word."""
    control = cluster.control_plane
    binding = {"kind": "ClusterRole", "name": "view", "apiGroup": "rbac.authorization.k8s.io"}
    path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    body = {
        "metadata": {"name": cluster.namespace},
        "roleRef": {**binding, "name": "cluster-admin"},
        "subjects": [{"kind": "User", "name": "upid"}],
    }
    cluster.api.create(path, body)
    try:

        def read() -> bool:
            config = control.kubeconfig("upid")
            return _upid("analyze", "cluster", kubeconfig=config).returncode == 0

        wait_until("the binding to be seen and the cluster to be read", read, 60)
        used = judge.granted_used("upid")
    finally:
        cluster.api.delete(f"{path}/{cluster.namespace}")
    assert used, "the judge is to have seen the reading"
    assert {verb for verb, *_ in used} <= {"get", "list"}
    assert not {resource for _, _, resource, _ in used} & {"secrets", "configmaps"}
