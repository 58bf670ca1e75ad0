"""`upid record` on real clusters: what is in the file, what never is, and how it may end.

Broken on purpose: with arguments left in the objects, the canary is found.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.world import pods
from tests.world.cluster import Cluster
from tests.world.control_plane import ControlPlane
from tests.world.neighbours.metrics_server import MetricsServer
from tests.world.node import Node
from tests.world.waiting import wait_until
from upid.adapters.recordings import Recording, open_recording, validate
from upid.core.metrics import CPU, MEMORY, NODE_CPU, Entity

pytestmark = pytest.mark.world

CANARY = "canary-7f3a9b"
_ASKED = {"requests": {"cpu": "100m", "memory": "64Mi"}}


def _environment(kubeconfig: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("UPID_")}
    return {**kept, "HOME": "/nonexistent", "KUBECONFIG": str(kubeconfig), "COLUMNS": "100"}


def _upid(*arguments: str | Path, kubeconfig: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "upid", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env=_environment(kubeconfig),
    )


def _started(*arguments: str | Path, kubeconfig: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "upid", "record", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(kubeconfig),
    )


def _ended(program: "subprocess.Popen[str]", seconds: float = 120) -> tuple[int, str, str]:
    try:
        out, err = program.communicate(timeout=seconds)
    finally:
        program.kill()
        program.wait()
    return program.returncode, out, err


def _recording(path: Path) -> Callable[[], bool]:
    """Return whether a program has begun to take readings for a recording."""

    def begun() -> bool:
        scratch = [one for one in path.parent.glob(f".{path.name}.*") if one.is_dir()]
        return any((one / "nodes").exists() and (one / "nodes").stat().st_size for one in scratch)

    return begun


def _work(cluster: Cluster, metrics_server: MetricsServer, name: str = "worker") -> None:
    """Run a pod that a metrics server has measured."""
    cluster.run(name, pods.actor(cpu="steady:0.1", memory="steady:48Mi", resources=_ASKED))

    def measured() -> bool:
        return (name, "actor") in metrics_server.pods(cluster.namespace)

    wait_until("metrics-server to have the pod", measured, 60, pause=0.5)


def _sound(path: Path, kubeconfig: Path) -> str:
    """Return an analysis of a recording that is valid, and is analyzed twice alike."""
    checked = _upid("recording", "validate", path, kubeconfig=kubeconfig)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    told = [
        _upid("analyze", "cluster", "--recording", path, "-o", "json", kubeconfig=kubeconfig)
        for _ in range(2)
    ]
    assert told[0].returncode == 0, told[0].stderr
    assert told[0].stdout == told[1].stdout
    return told[0].stdout


def _valid(path: Path) -> None:
    assert validate(path).problems == []


def _mine(found: Recording, namespace: str) -> dict[str, str]:
    """Return the uids of measured pods by name."""
    labels = found.catalogue(Entity.CONTAINER).labels
    return {
        str(pod): str(uid)
        for where, pod, uid in zip(
            labels["namespace"], labels["pod"], labels["pod_uid"], strict=True
        )
        if where == namespace
    }


def test_one_reading_of_a_live_cluster_is_a_recording(
    cluster: Cluster, node: Node, metrics_server: MetricsServer, tmp_path: Path
) -> None:
    """COL-9: what the metrics server measured stands in it, under the pod's own uid."""
    _work(cluster, metrics_server)
    config, path = cluster.control_plane.kubeconfig(), tmp_path / "prod.upid"
    made = _upid("record", path, kubeconfig=config)
    assert made.returncode == 0, made.stderr
    assert "upid analyze cluster --recording" in made.stdout
    with open_recording(path) as found:
        uid = cluster.pod("worker")["metadata"]["uid"]
        assert _mine(found, cluster.namespace) == {"worker": uid}
        assert 0 < found.panel(CPU).values.max() < 2
        assert found.panel(MEMORY).values.max() > 32 << 20
        assert found.panel(NODE_CPU).values.size == 1
    assert cluster.namespace in _sound(path, config)
    assert [one.name for one in tmp_path.iterdir()] == ["prod.upid"]


def test_what_it_says_can_be_read_by_machines_and_needs_no_terminal(
    cluster: Cluster, node: Node, metrics_server: MetricsServer, tmp_path: Path
) -> None:
    config, path = cluster.control_plane.kubeconfig(), tmp_path / "prod.upid"
    made = _upid("record", path, "-o", "json", "-q", kubeconfig=config)
    assert made.stderr == ""
    told = json.loads(made.stdout)
    assert told["readings"] == 1
    assert told["cadence_seconds"] == 60
    assert told["ended_early"] is False


def test_pods_that_lived_in_between_are_in_it_and_never_inherit(
    cluster: Cluster, node: Node, metrics_server: MetricsServer, tmp_path: Path
) -> None:
    """COL-9: one made anew under its name, one that came and went; read no faster than measured."""
    _work(cluster, metrics_server, "web-0")
    old = cluster.pod("web-0")["metadata"]["uid"]
    config, path = cluster.control_plane.kubeconfig(), tmp_path / "prod.upid"
    program = _started(path, "--for", "30s", "--every", "5s", kubeconfig=config)
    try:
        wait_until("the first reading", _recording(path), 60, pause=0.1)
        cluster.api.delete(cluster.path("pods", "web-0"), {"gracePeriodSeconds": 0})
        cluster.wait_gone("pods", "web-0")
        spec = pods.actor(cpu="steady:0.1", memory="steady:48Mi", resources=_ASKED)
        young = cluster.run("web-0", spec)["metadata"]["uid"]
        brief = cluster.run("brief", spec)["metadata"]["uid"]
        cluster.api.delete(cluster.path("pods", "brief"), {"gracePeriodSeconds": 0})
    finally:
        code, _, err = _ended(program)
    assert code == 0, err
    assert "measures no faster" in err
    with open_recording(path) as found:
        lives = {
            one.uid: one.until
            for one in found.objects(["Pod"])
            if one.namespace == cluster.namespace
        }
        assert set(lives) == {old, young, brief}
        assert lives[old] is not None
        assert lives[brief] is not None
        assert lives[young] is None
        assert found.facts().cadence.total_seconds() >= 10
        measured = found.panel(NODE_CPU).values.size
        assert measured >= 2
        labels = found.catalogue(Entity.CONTAINER).labels
        rows = found.panel(CPU).matrix()
        used = dict(zip(labels["pod_uid"].tolist(), rows, strict=True))
    assert old in used
    if young in used:  # measured for the first time after it took over the name
        assert not ((used[old] >= 0) & (used[young] >= 0)).any()
    _sound(path, config)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_who_ends_it_early_keeps_what_was_recorded(
    cluster: Cluster,
    node: Node,
    metrics_server: MetricsServer,
    tmp_path: Path,
    how: signal.Signals,
) -> None:
    config, path = cluster.control_plane.kubeconfig(), tmp_path / "prod.upid"
    program = _started(path, "--for", "1h", kubeconfig=config)
    try:
        wait_until("the first reading", _recording(path), 60, pause=0.1)
        program.send_signal(how)
    finally:
        code, _, err = _ended(program, 30)
    assert code == 0, err
    assert "ended early" in err
    with open_recording(path) as found:
        assert found.panel(NODE_CPU).values.size == 1
    _valid(path)
    assert [one.name for one in tmp_path.iterdir()] == ["prod.upid"]


def test_nothing_is_left_of_what_was_ended_before_it_began(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """A server that never answers, and somebody who does not want to wait."""
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        config = control_plane.kubeconfig(url=f"https://127.0.0.1:{silent.getsockname()[1]}")
        program = _started(tmp_path / "prod.upid", "--for", "1h", kubeconfig=config)
        wait_until("the scratch folder", lambda: any(tmp_path.iterdir()), 30, pause=0.1)
        time.sleep(0.5)  # so that it waits for the server, whose silence tells nothing
        program.send_signal(signal.SIGINT)
        code, _, _ = _ended(program, 30)
    assert code == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_metrics_server_that_is_gone_for_a_while_is_a_remark_not_the_end(
    cluster: Cluster, node: Node, metrics_server: MetricsServer, tmp_path: Path
) -> None:
    config, path = cluster.control_plane.kubeconfig(), tmp_path / "prod.upid"
    program = _started(path, "--for", "50s", "--every", "10s", kubeconfig=config)
    try:
        wait_until("the first reading", _recording(path), 60, pause=0.1)
        metrics_server.neighbour.kill()
        time.sleep(11)  # for at least one reading in vain
    finally:
        metrics_server.neighbour.start(90)
        code, _, err = _ended(program, 180)
    assert code == 0, err
    with open_recording(path) as found:
        notes = found.facts().notes
        gaps = ("usage was unknown from ", "nothing was measured from ")
        assert any(one.startswith(gaps) for one in notes), notes
        assert found.panel(NODE_CPU).values.size >= 2
    _valid(path)


@pytest.mark.slow
def test_an_api_server_that_is_gone_for_a_while_is_a_remark_not_the_end(
    cluster: Cluster, node: Node, metrics_server: MetricsServer, tmp_path: Path
) -> None:
    plane = cluster.control_plane
    config, path = plane.kubeconfig(), tmp_path / "prod.upid"
    program = _started(path, "--for", "40s", "--every", "10s", kubeconfig=config)
    try:
        wait_until("the first reading", _recording(path), 60, pause=0.1)
        plane.program("apiserver").stop()
        time.sleep(5)  # what a restart takes
    finally:
        plane.start_api_server()
        code, _, err = _ended(program, 180)
    assert code == 0, err
    with open_recording(path) as found:
        assert found.panel(NODE_CPU).values.size >= 2
    _valid(path)


@pytest.fixture
def careless(cluster: Cluster) -> Cluster:
    """Return a namespace where secrets lie in every place in which people leave them."""
    spec = pods.actor(f"--unused={CANARY}-argument", resources=_ASKED)
    spec["containers"][0]["env"] = [{"name": "TOKEN", "value": f"{CANARY}-env"}]
    spec["schedulerName"] = "nobody"
    notes = {
        "kubectl.kubernetes.io/last-applied-configuration": f'{{"a":"{CANARY}-applied"}}',
        "example.com/db": f"postgres://app:{CANARY}-url@db/app",
        "example.com/api-token": f"{CANARY}-annotation",
    }
    meta = {"name": "leaky", "annotations": notes}
    cluster.create("pods", {"metadata": meta, "spec": spec})
    cluster.create("secrets", {"metadata": {"name": "db"}, "stringData": {"p": f"{CANARY}-secret"}})
    cluster.create("configmaps", {"metadata": {"name": "db"}, "data": {"p": f"{CANARY}-map"}})
    template = {"metadata": {"labels": {"app": "l"}}, "spec": spec}
    cluster.create(
        "deployments",
        {
            "metadata": {"name": "leaky", "annotations": notes},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {"app": "l"}},
                "template": template,
            },
        },
        "apps/v1",
    )
    return cluster


@pytest.mark.parametrize("watched", [False, True])
def test_no_secret_of_any_sort_is_anywhere_in_it(
    careless: Cluster, tmp_path: Path, watched: bool
) -> None:
    """SEC-8, COL-9: a canary in every place where people leave secrets; unpacked, all of it."""
    config, path = careless.control_plane.kubeconfig(), tmp_path / "prod.upid"
    more = ("--for", "2s", "--every", "1s") if watched else ()
    made = _upid("record", path, *more, kubeconfig=config)
    assert made.returncode == 0, made.stderr
    with open_recording(path) as found:
        bodies = [one.body for one in found.objects()]
        names = {one.name for one in found.objects()}
        assert not {one.kind for one in found.objects()} & {"Secret", "ConfigMap"}
    assert "leaky" in names
    assert not [body for body in bodies if CANARY.encode() in body]
    assert CANARY.encode() not in path.read_bytes()
    _valid(path)


def test_a_recording_without_names_has_none_and_says_the_same(
    careless: Cluster, tmp_path: Path
) -> None:
    config = careless.control_plane.kubeconfig()
    named, hidden = tmp_path / "named.upid", tmp_path / "hidden.upid"
    key = tmp_path / "key"
    key.write_text("sixteen bytes or more")
    assert _upid("record", named, kubeconfig=config).returncode == 0
    made = _upid("record", hidden, "--anonymise", "--key-file", key, kubeconfig=config)
    assert made.returncode == 0, made.stderr
    assert "stand-ins" in made.stdout
    with open_recording(hidden) as found, open_recording(named) as plain:
        told = b"".join(one.body for one in found.objects())
        assert careless.namespace.encode() not in told
        assert b"leaky" not in told
        both = [dict(one.manifest.objects) for one in (plain, found)]
        for counted in both:
            counted.pop("Namespace")  # those of other tests may be on their way out
        assert both[0] == both[1]
        assert found.facts().name != plain.facts().name
    assert sorted(one.name for one in tmp_path.iterdir()) == ["hidden.upid", "key", "named.upid"]
    _valid(hidden)


def test_a_file_that_exists_is_replaced_only_when_told(
    old_control_plane: ControlPlane, tmp_path: Path
) -> None:
    config, path = old_control_plane.kubeconfig(), tmp_path / "prod.upid"
    path.write_bytes(b"dear to somebody")
    refused = _upid("record", path, kubeconfig=config)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert path.read_bytes() == b"dear to somebody"
    assert _upid("record", path, "--force", kubeconfig=config).returncode == 0
    _valid(path)


def test_a_cluster_with_nothing_in_it_is_recorded_and_told(
    old_control_plane: ControlPlane, tmp_path: Path
) -> None:
    """Without nodes and without a metrics server; unknown usage is said, never zero."""
    config, path = old_control_plane.kubeconfig(), tmp_path / "prod.upid"
    made = _upid("record", path, kubeconfig=config)
    assert made.returncode == 0, made.stderr
    assert "no metrics server" in made.stderr
    with open_recording(path) as found:
        assert found.facts().metrics == frozenset()
        assert found.facts().sources == ()
    assert "no metrics server" in _sound(path, config)


@pytest.mark.parametrize("more", [(), ("--for", "1m")])
def test_who_may_read_nothing_is_told_and_gets_no_file(
    control_plane: ControlPlane, tmp_path: Path, more: tuple[str, ...]
) -> None:
    config = control_plane.kubeconfig("viewer")
    ended = _upid("record", tmp_path / "prod.upid", *more, kubeconfig=config)
    assert ended.returncode == 3
    assert "forbids to" in ended.stderr
    assert "hint:" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("more", [(), ("--for", "1m")])
def test_a_cluster_that_is_not_there_is_told_and_gets_no_file(
    control_plane: ControlPlane, tmp_path: Path, more: tuple[str, ...]
) -> None:
    config = control_plane.kubeconfig(url="https://127.0.0.1:1")
    ended = _upid("record", tmp_path / "prod.upid", *more, kubeconfig=config)
    assert ended.returncode == 3
    assert "refuses connections" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("flag", "text"), [("--for", "1x"), ("--every", "0s"), ("--every", "-1m")])
def test_what_is_no_length_of_time_is_told_by_its_flag(
    control_plane: ControlPlane, tmp_path: Path, flag: str, text: str
) -> None:
    config = control_plane.kubeconfig()
    ended = _upid("record", tmp_path / "prod.upid", f"{flag}={text}", kubeconfig=config)
    assert ended.returncode == 2
    assert f"{flag} '{text}' is no length of time" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(
    old_control_plane: ControlPlane, tmp_path: Path
) -> None:
    """A file system of 16 KiB, in a mount namespace that ends with the program."""
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare")
    config, folder = old_control_plane.kubeconfig(), tmp_path / "small"
    folder.mkdir()
    script = (
        'mount -t tmpfs -o size=16k small "$0" || exit 99; '
        '"$1" -m upid record "$0/prod.upid"; code=$?; ls -A "$0"; exit $code'
    )
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, str(folder), sys.executable],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=_environment(config),
    )
    assert ended.returncode == 2, ended.stderr
    assert "cannot be written: no space left on device" in ended.stderr
    assert ended.stdout == ""
