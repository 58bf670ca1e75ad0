"""`upid doctor`: a report of every cluster, above all of those that do not work (EXPERIENCE row 2).

Broken on purpose, and each was seen: errors of the reach not caught, the YAML without what is
missing, the age of readings by UPID's own clock.
"""

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.world import pods
from tests.world.cluster import Cluster
from tests.world.control_plane import ControlPlane
from tests.world.neighbours.metrics_server import MetricsServer
from tests.world.node import Node
from tests.world.waiting import wait_until

SHOWN = "token-that-nobody-may-see-71c5"


_NOT_OURS = ("UPID_", "KUBE", "HTTP", "http", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy")


def doctor(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_OURS)}
    return subprocess.run(
        [sys.executable, "-m", "upid", "doctor", *words],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={**kept, "HOME": "/nonexistent", "COLUMNS": "80", **variables},
    )


def asked(*words: str, code: int, **variables: str) -> dict[str, Any]:
    """Return the diagnosis as JSON; the program has to end with `code`."""
    ended = doctor(*words, "-o", "json", **variables)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    assert (found["apiVersion"], found["kind"]) == ("upid.io/v1", "Diagnosis")
    for one in found["checks"]:
        assert set(one) == {"name", "state", "found", "means", "remedy", "code"}
        assert one["state"] in {"ok", "warning", "failed", "unknown"}
        assert one["found"]
    return found


def named(found: dict[str, Any], name: str) -> dict[str, Any]:
    [one] = [check for check in found["checks"] if check["name"] == name]
    return dict(one)


def kubeconfig(folder: Path, server: str, **user: str) -> str:
    made = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "ana", "user": user or {"token": SHOWN}}],
        "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "ana"}}],
        "current-context": "prod",
    }
    file = folder / "kubeconfig"
    file.write_text(json.dumps(made))
    return str(file)


@pytest.fixture
def silent() -> Iterator[str]:
    """Yield the address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"


def test_where_no_way_leads_to_a_cluster_each_is_named() -> None:
    """CLU-1: with what was found there, and what to do."""
    found = asked(code=2, KUBECONFIG="/nowhere/a:/nowhere/b")
    ways = {one["name"]: one for one in found["checks"]}
    assert set(ways) == {"--kubeconfig", "/nowhere/a", "/nowhere/b", "in-cluster"}
    assert all(one["state"] == "failed" and one["remedy"] for one in ways.values())
    shown = doctor(KUBECONFIG="/nowhere/a:/nowhere/b")
    assert "no way led to one" in shown.stdout
    assert shown.stderr == ""


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        ((), "a: [", "cannot be used"),
        (("--context", "nope"), None, "there is no context 'nope'"),
        (("--request-timeout", "soon"), None, "'soon' cannot be used"),
        (("--kubeconfig", "/nowhere/c"), None, "there is no kubeconfig at '/nowhere/c'"),
    ],
)
def test_what_is_wrong_with_the_way_is_a_report(
    tmp_path: Path, words: tuple[str, ...], text: str | None, said: str
) -> None:
    """EXPERIENCE 2."""
    file = kubeconfig(tmp_path, "https://127.0.0.1:1")
    if text is not None:
        Path(file).write_text(text)
    found = asked(*words, code=2, KUBECONFIG=file)
    assert said in named(found, "kubeconfig")["found"]
    assert named(found, "kubeconfig")["remedy"]


def test_a_closed_port_is_a_report_with_what_was_found_before(tmp_path: Path) -> None:
    """EXPERIENCE 2: and the token stands nowhere in it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    file = kubeconfig(tmp_path, f"https://127.0.0.1:{port}")
    found = asked(code=3, KUBECONFIG=file)
    assert "refuses connections" in named(found, "reach")["found"]
    assert named(found, "kubeconfig")["found"] == f"context 'prod' of {file}"
    assert named(found, "credentials")["found"] == "user 'ana' by a token"
    assert SHOWN not in json.dumps(found)
    shown = doctor(KUBECONFIG=file)
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "UPID cannot work with it" in shown.stdout


def test_silence_is_a_report_within_the_time_that_was_given(tmp_path: Path, silent: str) -> None:
    """EXPERIENCE 2: twice one second, and the start of the program."""
    began = time.monotonic()
    found = asked("--request-timeout", "1s", code=3, KUBECONFIG=kubeconfig(tmp_path, silent))
    assert time.monotonic() - began < 10
    assert "did not answer within 1 s" in named(found, "reach")["found"]


def test_a_command_that_is_not_there_is_a_report_with_its_name(tmp_path: Path) -> None:
    """CLU-1: exec plugins."""
    file = Path(kubeconfig(tmp_path, "https://127.0.0.1:1"))
    found = json.loads(file.read_text())
    command = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}
    found["users"][0]["user"] = {"exec": {**command, "command": "no-such-login-tool"}}
    file.write_text(json.dumps(found))
    told = named(asked(code=3, KUBECONFIG=str(file)), "credentials")
    assert told["state"] == "failed"
    assert "no-such-login-tool" in told["found"]


def test_a_proxy_on_the_way_is_named_without_its_password(tmp_path: Path) -> None:
    """EXPERIENCE 2."""
    file = kubeconfig(tmp_path, "https://k8s.example.com")
    found = asked(code=3, KUBECONFIG=file, HTTPS_PROXY="http://ana:hunter2@127.0.0.1:1")
    assert named(found, "proxy")["found"] == "http://127.0.0.1:1"
    assert "hunter2" not in json.dumps(found)


@pytest.mark.world
def test_an_empty_cluster_works_and_is_called_empty(old_control_plane: ControlPlane) -> None:
    """EXPERIENCE 2: and what is missing comes with the command that mends it."""
    file = str(old_control_plane.kubeconfig())
    found = asked(code=0, KUBECONFIG=file)
    assert found["failure"] is None
    assert named(found, "permissions")["state"] == "ok"
    assert all(one["granted"] for one in found["permissions"])
    assert named(found, "user")["found"].startswith("'admin' of ")
    assert named(found, "version")["found"].startswith("v1.34")
    assert named(found, "version")["state"] == "ok"
    assert named(found, "contents")["found"] == "0 nodes, 0 pods"
    assert named(found, "clock")["state"] == "ok"
    assert named(found, "metrics-server")["code"].startswith("kubectl apply -f https://")
    assert named(found, "Prometheus")["state"] == "warning"
    assert old_control_plane.token() not in json.dumps(found)
    assert doctor("--strict", "-q", KUBECONFIG=file).returncode == 4
    again = yaml.safe_load(doctor("-o", "yaml", KUBECONFIG=file).stdout)
    assert [one["name"] for one in again["checks"]] == [one["name"] for one in found["checks"]]


@pytest.mark.world
def test_who_may_do_nothing_is_told_what_is_lost_and_gets_the_yaml(
    control_plane: ControlPlane,
) -> None:
    """CLU-5, EXPERIENCE 2."""
    found = asked(code=3, KUBECONFIG=str(control_plane.kubeconfig("viewer")))
    lost = [one for one in found["checks"] if one["name"] == "permission"]
    assert any("list or watch pods" in one["found"] for one in lost)
    assert all(one["means"] for one in lost)
    refused = {one["permission"] for one in found["permissions"] if not one["granted"]}
    role, bound = yaml.safe_load_all(found["manifest"])
    granted = {
        f"{verb} {name}" + (f".{rule['apiGroups'][0]}" if rule["apiGroups"][0] else "")
        for rule in role["rules"]
        for name in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == refused
    assert bound["subjects"][0]["name"] == "viewer"


@pytest.mark.world
def test_a_token_that_nobody_knows_is_a_report(control_plane: ControlPlane, tmp_path: Path) -> None:
    """CLU-7: 401."""
    file = kubeconfig(tmp_path, control_plane.server)
    found = asked("--insecure-skip-tls-verify", code=3, KUBECONFIG=file)
    assert "does not accept the credentials of user 'ana'" in named(found, "reach")["found"]
    assert named(found, "TLS")["state"] == "warning"
    assert "log in again" in named(found, "reach")["remedy"]


@pytest.mark.world
def test_a_certificate_that_has_ended_is_named_with_its_end(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """CLU-6: one that the cluster's own authority signed, and that was good once."""
    certificate, key = ended_certificate(control_plane, tmp_path)
    told = {
        "client-certificate-data": base64.b64encode(certificate.read_bytes()).decode(),
        "client-key-data": base64.b64encode(key.read_bytes()).decode(),
    }
    file = kubeconfig(tmp_path, control_plane.server, **told)
    found = asked("--insecure-skip-tls-verify", code=3, KUBECONFIG=file)
    credentials = named(found, "credentials")
    assert credentials["state"] == "failed"
    assert "the client certificate ended on 2021-01-01 00:00 UTC" in credentials["found"]
    assert named(found, "reach")["state"] == "failed"


def ended_certificate(plane: ControlPlane, folder: Path) -> tuple[Path, Path]:
    """Return a client certificate of the year 2020 and its key."""
    config, key, made = folder / "ca.cnf", folder / "old.key", folder / "old.crt"
    (folder / "index.txt").touch()
    config.write_text(
        f"[ca]\ndefault_ca=x\n[x]\ndatabase={folder}/index.txt\nnew_certs_dir={folder}\n"
        "rand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
    )
    request = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt"]
    request += ["ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=ana"]
    request += ["-keyout", str(key), "-out", str(folder / "old.csr")]
    sign = ["openssl", "ca", "-batch", "-config", str(config), "-notext"]
    sign += ["-cert", str(plane.ca), "-keyfile", str(plane.folder / "ca.key")]
    sign += ["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"]
    sign += ["-in", str(folder / "old.csr"), "-out", str(made)]
    for command in (request, sign):
        subprocess.run(command, check=True, capture_output=True, timeout=30)
    return made, key


@pytest.mark.world
def test_a_cluster_of_another_authority_is_a_report(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """CLU-7: the code is that of every command with such a cluster."""
    found = asked(code=5, KUBECONFIG=kubeconfig(tmp_path, control_plane.server))
    assert "shows a certificate that is not trusted" in named(found, "reach")["found"]


@pytest.mark.world
def test_a_cluster_with_a_metrics_server_is_healthy(
    cluster: Cluster, node: Node, metrics_server: MetricsServer
) -> None:
    """EXPERIENCE 2: readings have an age, and nodes a price."""
    cluster.run("worker", pods.actor(cpu="steady:0.1", memory="steady:48Mi"))
    wait_until("a reading of the node", lambda: node.name in metrics_server.nodes(), 60, pause=0.5)
    found = asked(code=0, KUBECONFIG=str(cluster.control_plane.kubeconfig()))
    usage = named(found, "metrics-server")
    assert (usage["state"], usage["code"]) == ("ok", "")
    assert usage["found"].startswith("its latest reading is ")
    assert named(found, "contents")["state"] == "ok"
    assert "list pods.metrics.k8s.io" in {one["permission"] for one in found["permissions"]}
    assert "1 of 1 nodes by OpenCost's default rates" in named(found, "prices")["found"]


def test_help_is_there_without_reading_anything() -> None:
    """EXPERIENCE 2."""
    ended = doctor("--help", PATH=os.environ["PATH"])
    assert ended.returncode == 0
    assert "upid doctor --context prod" in ended.stdout
    assert "--namespace" not in ended.stdout
