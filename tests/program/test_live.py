"""`upid analyze` on a live cluster: found by its kubeconfig alone, read, and told honestly."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
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


def test_clusters_of_two_versions_are_read_in_one_command_and_told_apart(
    control_plane: ControlPlane, old_control_plane: ControlPlane, tmp_path: Path
) -> None:
    """CLU-7, CLU-9: 1.36 and 1.34, a second context of one of them, and one that is away."""
    new, old = (
        json.loads(one.kubeconfig().read_text()) for one in (control_plane, old_control_plane)
    )
    for config, name in ((new, "new"), (old, "old")):
        config["clusters"][0]["name"] = name
        config["users"][0]["name"] = name
        config["contexts"] = [{"name": name, "context": {"cluster": name, "user": name}}]
    new["contexts"].append({"name": "too", "context": {"cluster": "new", "user": "new"}})
    away = {"name": "away", "cluster": {"server": "https://127.0.0.1:1"}}
    old["clusters"].append(away)
    old["contexts"].append({"name": "away", "context": {"cluster": "away", "user": "old"}})
    for config, name in ((new, "new"), (old, "old")):
        (tmp_path / name).write_text(json.dumps(config))
    both = f"{tmp_path / 'new'}:{tmp_path / 'old'}"
    ended = _upid("analyze", "--all-contexts", "-o", "json", kubeconfig=Path(both))
    assert ended.returncode == 0, ended.stderr
    items = {item["context"]: item for item in json.loads(ended.stdout)["items"]}
    assert set(items) == {"away", "new", "old"}
    assert items["new"]["contexts"] == ["new", "too"]
    assert items["away"]["error"]["code"] == "cluster_refused"
    assert items["new"]["cluster_id"] != items["old"]["cluster_id"]
    assert "warning: context 'away'" in ended.stderr


def test_who_may_read_nothing_is_told_what_is_forbidden(control_plane: ControlPlane) -> None:
    """CLU-7: two lines. Lists that were left running said on stderr that they were torn."""
    ended = _upid("analyze", "cluster", kubeconfig=control_plane.kubeconfig("viewer"))
    assert ended.returncode == 3
    error, hint = ended.stderr.splitlines()
    assert "forbids to" in error
    assert hint.startswith("hint: `upid doctor`")


def test_reading_a_cluster_asks_for_no_secret_and_changes_nothing(
    cluster: Cluster, node: Node, judge: Judge
) -> None:
    """A10, O2: by the audit log, never by UPID's own word."""
    since = datetime.now(UTC)
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
        used = judge.granted_used("upid", since)
    finally:
        cluster.api.delete(f"{path}/{cluster.namespace}")
    assert used, "the judge is to have seen the reading"
    assert {verb for verb, *_ in used} <= {"get", "list"}
    assert not {resource for _, _, resource, _ in used} & {"secrets", "configmaps"}
