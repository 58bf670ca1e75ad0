"""`upid clusters` as people type it, against a real `upid serve` and a real API server.

Broken on purpose, and caught here: a second `add` that fails; `remove` that asks nobody; missing
permissions that end with 0; a cluster looked for by a path that holds its name.
"""

import base64
import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.program.test_least_privilege import applied
from tests.program.test_registry import Server, serving
from tests.world.control_plane import ControlPlane
from tests.world.waiting import wait_until

pytestmark = pytest.mark.world

PATIENCE = 60  # seconds
WIDTH = 80
RBAC = "/apis/rbac.authorization.k8s.io/v1"
LOGIN = {"apiVersion": "client.authentication.k8s.io/v1", "command": "/opt/bin/aws"}
LOGIN |= {"interactiveMode": "Never"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "home") as found:
        yield found


def upid(
    server: Server, *arguments: str, stdin: str = "", kubeconfig: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    kept = {key: value for key, value in os.environ.items() if not key.startswith("UPID_")}
    named = {"COLUMNS": str(WIDTH), "UPID_SERVER": server.serving.address, "HOME": "/nonexistent"}
    if kubeconfig is not None:
        named["KUBECONFIG"] = str(kubeconfig)
    return subprocess.run(
        [sys.executable, "-m", "upid", "clusters", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**kept, **named},
    )


def config(folder: Path, plane: ControlPlane, users: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write a kubeconfig with files beside it: one context a user, each of the same name."""
    (folder / "ca.crt").write_bytes(plane.ca.read_bytes())
    cluster = {"server": plane.server, "certificate-authority": "ca.crt"}
    made = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "world", "cluster": cluster}],
        "users": [{"name": name, "user": user} for name, user in users.items()],
        "contexts": [
            {"name": name, "context": {"cluster": "world", "user": name}} for name in users
        ],
        "current-context": next(iter(users)),
    }
    file = folder / "config"
    file.write_text(yaml.safe_dump(made))
    return file


def token_of(folder: Path, plane: ControlPlane, user: str = "admin") -> dict[str, str]:
    (folder / "token").write_text(plane.token(user) + "\n")
    return {"tokenFile": "token"}


def narrow(text: str) -> list[str]:
    """Return the lines that do not fit, but for what is there to be copied."""
    return [line for line in text.splitlines() if len(line) > WIDTH and "upid" not in line]


def test_a_cluster_is_added_seen_validated_and_removed(
    server: Server, control_plane: ControlPlane, tmp_path: Path
) -> None:
    """CLU-5, CLI-1: the whole life, with a kubeconfig whose files lie beside it."""
    file = config(tmp_path, control_plane, {"admin": token_of(tmp_path, control_plane)})
    empty = upid(server, "list")
    added = upid(server, "add", "prod", "--label", "team=shop", kubeconfig=file)
    again = upid(server, "add", "prod", kubeconfig=file)
    other = upid(server, "add", "elsewhere", "-o", "json", kubeconfig=file)
    listed = upid(server, "list", "-o", "json")
    shown = upid(server, "show", "prod")
    valid = upid(server, "validate", "prod")

    assert (empty.returncode, added.returncode, again.returncode) == (0, 0, 0), added.stderr
    assert "No cluster is registered." in empty.stdout
    assert re.search(r"prod\s+registered\s+cl_[0-9a-f]{16}", added.stdout), added.stdout
    assert "registered already" in again.stdout
    (outcome,) = json.loads(other.stdout)["items"]
    assert (outcome["result"], outcome["name"]) == ("registered already", "elsewhere")
    assert "'prod'" in outcome["why"]
    (one,) = json.loads(listed.stdout)["items"]
    assert (one["name"], one["labels"]) == ("prod", {"team": "shop"})
    assert upid(server, "list", "-o", "name").stdout == "cluster/prod\n"
    assert one["id"] in shown.stdout
    assert valid.returncode == 0, valid.stdout + valid.stderr
    assert "list pods" in valid.stdout
    for ended in (empty, added, again, shown, valid, upid(server, "list")):
        assert narrow(ended.stdout) == []

    asked = upid(server, "remove", "prod")
    assert (asked.returncode, "--yes" in asked.stderr) == (2, True)
    assert upid(server, "list", "-o", "name").stdout == "cluster/prod\n"
    assert upid(server, "remove", "prod", "--yes").returncode == 0
    assert upid(server, "list", "-o", "name").stdout == ""
    assert upid(server, "show", "prod").returncode == 2


def test_a_login_command_is_refused_with_all_that_it_takes_instead(
    server: Server, control_plane: ControlPlane, tmp_path: Path
) -> None:
    """CLU-2: the YAML on stdout makes an account, by whose token the cluster is added."""
    file = config(tmp_path, control_plane, {"eks": {"exec": LOGIN}})
    refused = upid(server, "add", kubeconfig=file)

    assert refused.returncode == 2
    assert "logs in with the command 'aws'" in refused.stderr
    assert "kubectl --context eks apply -f -" in refused.stderr
    assert "--token-file -" in refused.stderr
    api = control_plane.api()
    with applied(api, refused.stdout):
        path = "/api/v1/namespaces/upid/secrets/upid-token"
        wait_until("the token", lambda: "token" in api.get(path).get("data", {}), PATIENCE)
        token = base64.b64decode(api.get(path)["data"]["token"]).decode()
        added = upid(
            server, "add", "prod", "--context", "eks", "--token-file", "-", stdin=token,
            kubeconfig=file,
        )  # fmt: skip
        valid = upid(server, "validate", "prod", "-o", "json")
        assert added.returncode == 0, added.stderr
        assert valid.returncode == 0, valid.stdout
        found = json.loads(valid.stdout)
        assert (found["ok"], found["missing_rbac"]) == (True, None)
        assert all(one["allowed"] for one in found["permissions"])
        assert not _holds(tmp_path, token)
        assert token not in added.stdout + added.stderr
        assert upid(server, "remove", "prod", "--yes").returncode == 0


def test_what_is_missing_is_named_one_by_one_with_yaml_that_grants_it(
    server: Server, control_plane: ControlPlane, tmp_path: Path
) -> None:
    """CLU-5, EXPERIENCE 1e: too few permissions end with 3; the YAML mends them."""
    api = control_plane.api()
    role = {"metadata": {"name": "some"}, "rules": [_rule("", "namespaces", "pods")]}
    bound = _binding("some")
    api.create(f"{RBAC}/clusterroles", role)
    api.create(f"{RBAC}/clusterrolebindings", bound)
    try:
        user = token_of(tmp_path, control_plane, "upid")
        file = config(tmp_path, control_plane, {"weak": user})
        added = upid(server, "add", kubeconfig=file)
        weak = upid(server, "validate", "weak")
        told = json.loads(upid(server, "validate", "weak", "-o", "json").stdout)

        assert added.returncode == 0, added.stderr
        assert weak.returncode == 3
        assert narrow(weak.stdout) == []
        lacking = [one["permission"] for one in told["permissions"] if not one["allowed"]]
        assert "list nodes" in lacking
        assert "list pods" not in lacking
        assert all(permission in weak.stdout for permission in lacking)
        yaml_shown = weak.stdout[weak.stdout.index("apiVersion") :]
        assert "kind: ClusterRole" in yaml_shown
        with applied(api, told["missing_rbac"]):
            name = next(yaml.safe_load_all(told["missing_rbac"]))["metadata"]["name"]
            if "ClusterRoleBinding" not in told["missing_rbac"]:
                api.create(f"{RBAC}/clusterrolebindings", _binding(name))
            try:
                assert upid(server, "validate", "weak").returncode == 0
            finally:
                if "ClusterRoleBinding" not in told["missing_rbac"]:
                    api.delete(f"{RBAC}/clusterrolebindings/{name}")
    finally:
        upid(server, "remove", "weak", "--yes")
        api.delete(f"{RBAC}/clusterrolebindings/some")
        api.delete(f"{RBAC}/clusterroles/some")


def test_several_contexts_have_a_line_each_and_one_that_is_refused_stops_none(
    server: Server, control_plane: ControlPlane, tmp_path: Path
) -> None:
    """CLI-1: globs and --all-contexts."""
    token = token_of(tmp_path, control_plane)
    arn = "arn:aws:eks:eu-west-1:123456789012:cluster/b"  # as EKS calls its contexts
    users: dict[str, dict[str, Any]] = {
        "prod-a": {"exec": LOGIN},
        f"prod-{arn}": token,
        "prod-c": {"token": "wrong"},
        "test": {"auth-provider": {"name": "oidc", "config": {}}},
    }
    file = config(tmp_path, control_plane, users)
    ended = upid(server, "add", "--context", "prod-*", kubeconfig=file)
    told = upid(server, "add", "--all-contexts", "-o", "json", kubeconfig=file)
    nothing = upid(server, "add", "--context", "stage-*", kubeconfig=file)
    named = upid(server, "add", "one", "--all-contexts", kubeconfig=file)

    assert ended.returncode == 2
    assert narrow(ended.stdout) == []
    results = {one["context"]: one for one in json.loads(told.stdout)["items"]}
    assert {name: one["result"] for name, one in results.items()} == {
        "prod-a": "refused",
        f"prod-{arn}": "registered already",
        "prod-c": "refused",
        "test": "refused",
    }
    assert "'aws'" in results["prod-a"]["why"]
    assert "'oidc'" in results["test"]["why"]
    assert upid(server, "list", "-o", "name").stdout == f"cluster/prod-{arn}\n"
    assert upid(server, "validate", f"prod-{arn}").returncode == 0
    assert upid(server, "show", "no/such").returncode == 2
    assert (nothing.returncode, "prod-a, prod-arn" in nothing.stderr) == (2, True)
    assert (named.returncode, "4 clusters" in named.stderr) == (2, True)


def test_on_a_terminal_somebody_is_asked_before_a_cluster_is_forgotten(
    server: Server, control_plane: ControlPlane, tmp_path: Path
) -> None:
    """CLI-1: no means no."""
    file = config(tmp_path, control_plane, {"admin": token_of(tmp_path, control_plane)})
    assert upid(server, "add", "prod", kubeconfig=file).returncode == 0
    assert "nothing was removed" in _answered(server, "n\n", "remove", "prod")
    assert upid(server, "list", "-o", "name").stdout == "cluster/prod\n"
    assert "removed prod (cl_" in _answered(server, "y\n", "remove", "prod")
    assert upid(server, "list", "-o", "name").stdout == ""


def _answered(server: Server, answer: str, *arguments: str) -> str:
    """Return what a command says on a terminal whose user answers its question."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "upid", "clusters", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "UPID_SERVER": server.serving.address},
    ) as asking:
        os.close(theirs)
        said = b""
        try:
            while b"?" not in said:
                said += _heard(ours)
            os.write(ours, answer.encode())
            while True:
                said += _heard(ours)
        except OSError:  # the other end is closed: it has ended
            pass
        finally:
            os.close(ours)
        asking.wait(PATIENCE)
    return said.decode()


def _heard(terminal: int) -> bytes:
    ready, _, _ = select.select([terminal], [], [], PATIENCE)
    assert ready, "nothing was said"
    return os.read(terminal, 4096)


def _rule(group: str, *resources: str) -> dict[str, object]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": ["list", "get", "watch"]}


def _binding(name: str) -> dict[str, Any]:
    reference = {"kind": "ClusterRole", "name": name, "apiGroup": "rbac.authorization.k8s.io"}
    subject = {"kind": "User", "name": "upid", "apiGroup": "rbac.authorization.k8s.io"}
    return {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}


def _holds(folder: Path, secret: str) -> list[Path]:
    """Return the files below a folder that hold a secret."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if secret.encode() in path.read_bytes()]
