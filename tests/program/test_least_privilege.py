"""What is granted is what is used, by the audit log of a real API server: A10, CLU-5.

The manifests of `deploy/rbac` are applied as they ship, and UPID works with the token that they
make. Broken on purpose, and each was seen: a verb too many in the role (`get` on nodes), a kind
read that is not in it (events), Secrets asked for as objects.
"""

import asyncio
import base64
import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.world.api import Api, ApiError
from tests.world.control_plane import ControlPlane
from tests.world.judge import Judge
from tests.world.waiting import wait_until
from upid.adapters.kubernetes.addresses import AddressPolicy
from upid.adapters.kubernetes.client import Forbidden, Limits
from upid.adapters.kubernetes.connecting import KubernetesConnector
from upid.contexts.clusters.logic import roles
from upid.contexts.clusters.logic.permissions import READ, SECRETS, Need, missing
from upid.core.ports.cluster_connection import (
    ClusterConnection,
    ClusterMirror,
    Freshness,
    Permission,
)
from upid.kit.clock import system_clock

pytestmark = [pytest.mark.world, pytest.mark.anyio]

USER = "system:serviceaccount:upid:upid"
HASTY = Limits(per_second=1_000, burst=1_000)
LIMIT = 60.0  # seconds for what takes one or two
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_PATHS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/upid/serviceaccounts",
    "Secret": "/api/v1/namespaces/upid/secrets",
    "ClusterRole": f"{_RBAC}/clusterroles",
    "ClusterRoleBinding": f"{_RBAC}/clusterrolebindings",
}
# What not every cluster has, as far as a list of it goes.
_KINDS = (
    ("autoscaling.k8s.io", "v1", "verticalpodautoscalers", "VerticalPodAutoscaler"),
    ("apps.openshift.io", "v1", "deploymentconfigs", "DeploymentConfig"),
    ("argoproj.io", "v1alpha1", "rollouts", "Rollout"),
)


@dataclass(frozen=True)
class Installed:
    """UPID's account in a cluster, as the manifests make it."""

    plane: ControlPlane
    api: Api
    kubeconfig: bytes
    file: Path

    def connector(self) -> KubernetesConnector:
        policy = AddressPolicy.allowing([f"{self.plane.address}/32"])
        return KubernetesConnector(policy, limits=HASTY, clock=system_clock)

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[ClusterConnection]:
        async with self.connector().connect(self.kubeconfig) as connection:
            yield connection

    def allow(self, permissions: tuple[Permission, ...]) -> None:
        """Let the read role grant these."""
        role = yaml.safe_load(roles.role(READ.role, permissions))
        self.api.replace(f"{_RBAC}/clusterroles/{READ.role}", role)


@pytest.fixture(scope="module")
def api(control_plane: ControlPlane) -> Iterator[Api]:
    """Yield an administrator's API of a cluster that has every kind that UPID reads."""
    made = control_plane.api()
    with contextlib.ExitStack() as stack:
        stack.callback(made.close)
        for kind in _KINDS:
            stack.enter_context(custom(made, *kind))
        yield made


@pytest.fixture
def installed(control_plane: ControlPlane, api: Api, tmp_path: Path) -> Iterator[Installed]:
    """Apply `deploy/rbac/read.yaml`; yield what came of it, and take it away."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(applied(api, roles.files()["read.yaml"]))
        kubeconfig = with_token(control_plane, api)
        file = tmp_path / "kubeconfig"
        file.write_bytes(kubeconfig)
        yield Installed(control_plane, api, kubeconfig, file)


@contextlib.contextmanager
def applied(api: Api, manifest: str) -> Iterator[None]:
    made = []
    try:
        for body in filter(None, yaml.safe_load_all(manifest)):
            api.create(_PATHS[body["kind"]], body)
            made.append(f"{_PATHS[body['kind']]}/{body['metadata']['name']}")
        yield
    finally:
        for path in reversed(made):
            with contextlib.suppress(ApiError):
                api.delete(path)
        if "/api/v1/namespaces/upid" in made:
            wait_until("the namespace to go", lambda: not api.exists(made[0]), LIMIT)


@contextlib.contextmanager
def custom(api: Api, group: str, version: str, plural: str, kind: str) -> Iterator[None]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    told = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [told]}
    about: dict[str, Any] = {"name": f"{plural}.{group}"}
    if group.endswith("k8s.io"):
        about["annotations"] = {"api-approved.kubernetes.io": "unapproved, of a test"}
    api.create(_CRDS, {"metadata": about, "spec": spec})
    path = f"/apis/{group}/{version}/{plural}"
    try:
        wait_until(f"{path} to be served", lambda: answers(api, path), LIMIT)
        yield
    finally:
        made = f"{_CRDS}/{plural}.{group}"
        api.delete(made)
        wait_until(f"{made} to go", lambda: not api.exists(made), LIMIT)


def answers(api: Api, path: str) -> bool:
    """Return whether a kind is listed; a new one is not found at first, and then not ready."""
    try:
        api.get(path)
    except ApiError as error:
        if error.status in {404, 429}:
            return False
        raise
    return True


def with_token(plane: ControlPlane, api: Api) -> bytes:
    """Return the kubeconfig that docs/guide/connect.md has people make."""
    path = "/api/v1/namespaces/upid/secrets/upid-token"
    wait_until("the token to be made", lambda: "token" in api.get(path).get("data", {}), LIMIT)
    told = api.get(path)["data"]
    cluster = {"server": plane.server, "certificate-authority-data": told["ca.crt"]}
    user = {"token": base64.b64decode(told["token"]).decode()}
    made = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "world", "cluster": cluster}],
        "users": [{"name": "upid", "user": user}],
        "contexts": [{"name": "world", "context": {"cluster": "world", "user": "upid"}}],
        "current-context": "world",
    }
    return json.dumps(made).encode()


def upid(installed: Installed, *words: str) -> "subprocess.CompletedProcess[str]":
    kept = {key: value for key, value in os.environ.items() if not key.startswith("UPID_")}
    return subprocess.run(
        [sys.executable, "-m", "upid", *words],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env={**kept, "HOME": "/nonexistent", "KUBECONFIG": str(installed.file)},
    )


async def until(what: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so: RBAC follows a change in its own time."""
    async with asyncio.timeout(LIMIT):
        while not await what():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


async def lacks(connection: ClusterConnection, needs: Sequence[Need]) -> tuple[Need, ...]:
    """Return what of some needs is missing, by the connection's own look."""
    reach = await connection.look([need.permission for need in needs])
    return missing(needs, reach.grants)


@contextlib.asynccontextmanager
async def followed(connection: ClusterConnection) -> AsyncIterator[ClusterMirror]:
    """Yield a mirror that is loaded; it ends with the block."""
    mirror = connection.mirror()
    running = asyncio.create_task(mirror.run())
    try:
        async with asyncio.timeout(LIMIT):
            await mirror.loaded()
        yield mirror
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def everything(connection: ClusterConnection, watched: Callable[[], bool]) -> None:
    """Ask a cluster all that a server which stays connected asks, until it has `watched` all."""
    await connection.look(READ.permissions)
    await connection.served()
    await connection.usage()
    _ = [page async for page in connection.config_maps(None)]
    async with followed(connection) as mirror:

        async def live() -> bool:
            return mirror.following().freshness is Freshness.LIVE and watched()

        await until(live)


def as_used(permission: Permission) -> tuple[str, str, str, str]:
    resource, _, part = permission.resource.partition("/")
    return (permission.verb, permission.group, resource, part)


async def test_what_is_granted_is_what_is_used(installed: Installed, judge: Judge) -> None:
    """A10: analyze, doctor, look, mirror, usage, ConfigMaps; with the token of the manifest."""
    for words in (("analyze", "cluster"), ("doctor",)):
        ended = await asyncio.to_thread(upid, installed, *words)
        assert ended.returncode == 0, ended.stderr
    watches = {as_used(one) for one in READ.permissions if one.verb == "watch"}
    async with installed.connected() as connection:
        await everything(connection, lambda: watches <= judge.granted_used(USER))

    used = judge.granted_used(USER)
    assert used == set(map(as_used, READ.permissions))
    refused = [one for one in judge.requests(user=USER) if one.code in {401, 403}]
    assert refused == []
    changing = {one for one in used if one[0] not in {"get", "list", "watch"}}
    assert {one[2] for one in changing} == {"selfsubjectaccessreviews", "selfsubjectreviews"}
    assert judge.changes(user=USER) == []


async def test_with_one_permission_less_that_one_is_named(installed: Installed) -> None:
    """A10, CLU-5: each in its turn is taken away, and missed by its name.

    The reviews are not: system:basic-user grants them to everybody.
    """
    async with installed.connected() as connection:
        for need in READ.needs:
            if need.permission.verb != "create":
                kept = tuple(one for one in READ.permissions if one != need.permission)
                installed.allow(kept)

                async def named(need: Need = need) -> bool:
                    return await lacks(connection, READ.needs) == (need,)

                await until(named)


async def test_what_may_not_be_listed_is_left_out_by_name(installed: Installed) -> None:
    """A10: services by a sentence, nodes by an error, ConfigMaps and usage by theirs."""
    gone = {("", "services"), ("", "configmaps"), ("metrics.k8s.io", "pods")}
    kept = tuple(one for one in READ.permissions if (one.group, one.resource) not in gone)
    installed.allow(kept)
    async with installed.connected() as connection:

        async def refused() -> bool:
            return len(await lacks(connection, READ.needs)) == len(READ.needs) - len(kept)

        await until(refused)
        with pytest.raises(Forbidden, match="configmaps"):
            _ = [page async for page in connection.config_maps(None)]
        said = await connection.usage()
        assert isinstance(said, str)
        assert "forbids to list pods.metrics.k8s.io" in said
        with pytest.raises(Forbidden, match="secrets"):
            _ = [page async for page in connection.secrets(None)]
        async with followed(connection) as mirror:
            assert any("services" in sentence for sentence in mirror.following().left_out)
    told = await asyncio.to_thread(upid, installed, "analyze", "cluster")
    assert told.returncode == 0, told.stderr
    assert "services are left out" in " ".join(told.stdout.lower().split())
    asked = await asyncio.to_thread(upid, installed, "doctor", "-o", "json")
    found = json.loads(asked.stdout)
    [role, bound] = yaml.safe_load_all(found["manifest"])
    lacked = {(rule["apiGroups"][0], name) for rule in role["rules"] for name in rule["resources"]}
    metered = answers(installed.api, "/apis/metrics.k8s.io/v1beta1/pods")
    assert lacked == (gone if metered else gone - {("metrics.k8s.io", "pods")})
    assert bound["subjects"] == [{"kind": "ServiceAccount", "name": "upid", "namespace": "upid"}]

    with applied(installed.api, found["manifest"]):  # and what doctor prints mends it
        wanted = [n for n in READ.needs if metered or n.permission.group != "metrics.k8s.io"]
        async with installed.connected() as connection:

            async def mended() -> bool:
                return not await lacks(connection, wanted)

            await until(mended)


async def test_of_secrets_a_table_travels_and_no_content(
    installed: Installed, judge: Judge
) -> None:
    """CLU-5, A10: only where the role for it was applied, too."""
    content = "hunter2-is-not-to-travel"
    secrets = "/api/v1/namespaces/upid/secrets"
    body = {"metadata": {"name": "db"}, "stringData": {"password": content}, "type": "example/x"}
    installed.api.create(secrets, body)
    with applied(installed.api, roles.files()["read-secrets-metadata.yaml"]):
        async with installed.connected() as connection:

            async def granted() -> bool:
                return not await lacks(connection, SECRETS.needs)

            await until(granted)
            found = [one async for page in connection.secrets("upid") for one in page]
    told = {one.name: one for one in found}
    assert (told["db"].type, told["db"].namespace) == ("example/x", "upid")
    assert told["upid-token"].type == "kubernetes.io/service-account-token"
    assert told["db"].created is not None
    assert content not in repr(found)
    assert ("list", "", "secrets", "") in judge.granted_used(USER)
    table = installed.api.client.get(
        secrets, headers={"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
    ).text
    assert '"db"' in table
    assert base64.b64encode(content.encode()).decode() not in table


def test_the_guides_commands_make_an_account_that_works(
    control_plane: ControlPlane, api: Api, root: Path, tmp_path: Path
) -> None:
    """CLU-1: as they stand in docs/guide/connect.md, by the real kubectl."""
    from tests.world.parts import program

    text = (root / "docs" / "guide" / "connect.md").read_text()
    part = text[text.index("## Give UPID an account") : text.index("| File | Grants")]
    [first, *rest] = [line[4:] for line in part.splitlines() if line.startswith("    ")]
    (tmp_path / "deploy").symlink_to(root / "deploy")
    path = os.pathsep.join((str(program("kubectl").parent), str(Path(sys.executable).parent)))
    environment = {
        "PATH": f"{path}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "KUBECONFIG": str(control_plane.kubeconfig()),
    }

    def typed(*lines: str) -> str:
        script = "\n".join(("set -e", *lines))
        ran = subprocess.run(
            ["sh", "-c", script],
            cwd=tmp_path,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    try:
        typed(first)
        made = f"{_PATHS['Secret']}/upid-token"
        wait_until("the token to be made", lambda: "token" in api.get(made).get("data", {}), LIMIT)
        said = typed(*rest)
        assert "'system:serviceaccount:upid:upid'" in said
        assert re.search(r"all \d+ that UPID asks for are granted", said)
    finally:
        typed("kubectl delete -f deploy/rbac/read.yaml --ignore-not-found")
