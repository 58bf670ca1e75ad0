"""A context as text that needs no file: the same as kubectl's, and nothing that only works here.

Broken on purpose, and caught here: the token beside a token's file kept; a login command that
passes.
"""

import base64
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.adapters.kubernetes.kubeconfigs import V1
from tests.world.parts import program
from upid.adapters.kubernetes.addresses import AddressPolicy
from upid.adapters.kubernetes.errors import AccessNotSendable, KubeconfigInvalid, NoCluster
from upid.adapters.kubernetes.kubeconfig import Options, flattened
from upid.adapters.kubernetes.stranger import taken_from_stranger

SERVER = "https://203.0.113.7:6443"
GIVEN = "given-by-stdin"
EXEC = {"apiVersion": V1, "command": "/opt/aws", "interactiveMode": "Never"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("t0k3n\n")
    (tmp_path / "certificate").write_bytes(b"CERTIFICATE")
    (tmp_path / "key").write_bytes(b"KEY")
    (tmp_path / "authority").write_bytes(b"AUTHORITY")
    return tmp_path


def write(folder: Path, user: Mapping[str, Any], **cluster: object) -> Path:
    """Write a kubeconfig with two contexts, of which the first is the current one."""
    named = {"server": SERVER, **cluster}
    made = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "c", "cluster": named},
            {"name": "other", "cluster": {"server": "https://198.51.100.9"}},
        ],
        "users": [{"name": "u", "user": dict(user)}, {"name": "v", "user": {"token": "other"}}],
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "shop"}},
            {"name": "there", "context": {"cluster": "other", "user": "v"}},
        ],
        "current-context": "here",
    }
    file = folder / "config"
    file.write_text(yaml.safe_dump(made))
    return file


def flat(folder: Path, user: Mapping[str, Any], **cluster: object) -> Any:  # noqa: ANN401 - JSON
    file = write(folder, user, **cluster)
    return json.loads(flattened(Options(kubeconfig=str(file)), {}, folder).text)


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


def test_files_beside_a_kubeconfig_become_text_within_it(folder: Path) -> None:
    """CLU-1, CLU-2: what is sent needs no file."""
    user = {"client-certificate": "certificate", "client-key": "key"}
    found = flat(folder, user, **{"certificate-authority": "authority", "tls-server-name": "api"})

    (cluster,), (one,), (context,) = found["clusters"], found["users"], found["contexts"]
    assert cluster["cluster"] == {
        "server": SERVER,
        "certificate-authority-data": encoded(b"AUTHORITY"),
        "tls-server-name": "api",
    }
    assert one["user"] == {
        "client-certificate-data": encoded(b"CERTIFICATE"),
        "client-key-data": encoded(b"KEY"),
    }
    assert context["context"] == {"cluster": "c", "user": "u", "namespace": "shop"}
    assert found["current-context"] == "here"
    assert str(folder) not in json.dumps(found)


def test_a_token_of_a_file_goes_before_the_one_beside_it(folder: Path) -> None:
    """CLU-1: as kubectl takes it."""
    found = flat(folder, {"token": "old", "tokenFile": "token"})
    assert found["users"][0]["user"] == {"token": "t0k3n"}


@pytest.mark.parametrize(
    ("user", "cluster", "why"),
    [
        ({"exec": EXEC}, {}, "the command 'aws'"),
        ({"auth-provider": {"name": "oidc", "config": {}}}, {}, "'oidc' (auth-provider)"),
        ({"token": "t"}, {"proxy-url": "http://proxy:3128"}, "proxy"),
        ({"token": "t", "as": "root"}, {}, "'root'"),
        ({}, {}, "no token and no client certificate"),
    ],
)
def test_what_only_works_on_this_machine_is_refused_with_the_reason(
    folder: Path, user: dict[str, Any], cluster: dict[str, Any], why: str
) -> None:
    """CLU-2: nothing is run, and nothing is sent that would be refused."""
    with pytest.raises(AccessNotSendable, match="'here'") as refused:
        flat(folder, user, **cluster)
    assert why in refused.value.message


def test_a_token_that_is_given_stands_in_for_a_user_that_cannot_be_sent(folder: Path) -> None:
    """CLU-2: the way out of a login command."""
    file = write(folder, {"exec": EXEC})
    found = flattened(Options(kubeconfig=str(file)), {}, folder, token=GIVEN)
    assert json.loads(found.text)["users"][0]["user"] == {"token": GIVEN}
    assert GIVEN not in repr(found)


def test_what_is_not_there_is_told_as_everywhere_else(folder: Path) -> None:
    """CLU-1: one clear error."""
    with pytest.raises(NoCluster):
        flattened(Options(), {}, folder)
    with pytest.raises(KubeconfigInvalid, match="nokey"):
        flat(folder, {"client-certificate": "certificate", "client-key": "nokey"})
    with pytest.raises(KubeconfigInvalid, match="notoken"):
        flat(folder, {"tokenFile": "notoken"})


def test_the_server_takes_what_is_sent(folder: Path) -> None:
    """CLU-2: a stranger's kubeconfig has no other fields than these."""
    user = {"tokenFile": "token"}
    text = json.dumps(flat(folder, user, **{"insecure-skip-tls-verify": False}))
    taken = taken_from_stranger(text.encode(), AddressPolicy.allowing(["203.0.113.0/24"]))
    assert (taken.token, taken.access.server, taken.access.context) == ("t0k3n", SERVER, "here")


@pytest.mark.world
def test_it_is_what_kubectl_makes_of_the_same_file(folder: Path) -> None:
    """CLU-1: kubectl config view --minify --flatten --raw."""
    user = {"client-certificate": "certificate", "client-key": "key", "token": "t"}
    about = {"certificate-authority": "authority", "tls-server-name": "api"}
    found = flat(folder, user, **about)
    file = str(folder / "config")
    command = [str(program("kubectl")), "config", "view", "--minify", "--flatten", "--raw"]
    ran = subprocess.run(
        [*command, "-o", "json", "--kubeconfig", file],
        capture_output=True,
        check=True,
        timeout=60,
        env={},
    )
    theirs = json.loads(ran.stdout)
    theirs.pop("preferences", None)
    assert found == theirs
