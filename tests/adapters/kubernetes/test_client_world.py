"""The client against real API servers, of two versions, with their own certificates and users."""

import asyncio
import json

import pytest

from tests.adapters.kubernetes.client_server import QUICK, access_to
from tests.adapters.kubernetes.client_world import (
    MANY,
    MAPS,
    PODS,
    names,
    reaching,
)
from tests.world.api import Api
from tests.world.cluster import Cluster
from tests.world.control_plane import ControlPlane
from tests.world.neighbours.metrics_server import MetricsServer
from upid.adapters.kubernetes.access import ClientCertificate, Tls
from upid.adapters.kubernetes.client import (
    ClusterClient,
    Discovery,
    Forbidden,
    Limits,
    NotTrusted,
    ObjectMissing,
    Selection,
    ServerVersion,
    Unauthorized,
    resource,
)

pytestmark = [pytest.mark.world, pytest.mark.anyio]


async def test_more_objects_than_a_page_holds_are_all_listed_once(
    control_plane: ControlPlane, crowd: tuple[str, list[str]]
) -> None:
    """CLU-7."""
    namespace, made = crowd
    async with reaching(control_plane) as client:
        found, version, pages = await names(client, namespace)
    assert [name for name in found if name.startswith("many-")] == made
    assert pages == 3
    assert version.isdecimal()


async def test_raw_objects_are_whole_and_what_kubectl_would_show(
    control_plane: ControlPlane, crowd: tuple[str, list[str]]
) -> None:
    namespace, made = crowd
    async with reaching(control_plane, limits=Limits(page=1000)) as client:
        raw = [
            one
            async for page in client.list(MAPS, None, Selection(namespace))
            for one in page.items
        ]
        [alone] = [one for one in raw if json.loads(one)["metadata"]["name"] == made[7]]
        assert json.loads(alone) == json.loads(await client.get(MAPS, made[7], namespace=namespace))
    assert json.loads(alone) == control_plane.api().get(f"{MAPS.path(namespace, made[7])}")
    assert len(raw) >= MANY


async def test_both_compressions_give_the_same(
    control_plane: ControlPlane, crowd: tuple[str, list[str]]
) -> None:
    found = []
    for compressed in (True, False):
        async with reaching(control_plane, limits=Limits(compressed=compressed)) as client:
            found.append((await names(client, crowd[0]))[0])
    assert found[0] == found[1]


async def test_of_secrets_only_metadata_travels(cluster: Cluster) -> None:
    """CLU-5."""
    cluster.create("secrets", {"metadata": {"name": "db"}, "stringData": {"password": "hunter2"}})
    secrets = resource("v1", "secrets")
    async with reaching(cluster.control_plane) as client:
        chosen = Selection(cluster.namespace)
        [raw] = [
            item
            async for page in client.list(secrets, None, chosen, metadata_only=True)
            for item in page.items
        ]
    assert b'"db"' in raw
    assert b"aHVudGVyMg" not in raw
    assert b'"data"' not in raw


async def test_versions_are_told(
    control_plane: ControlPlane, old_control_plane: ControlPlane
) -> None:
    async def version(plane: ControlPlane) -> ServerVersion:
        async with reaching(plane) as client:
            return await client.version()

    new, old = await version(control_plane), await version(old_control_plane)
    assert (new.major, new.minor) == (1, 36)
    assert (old.major, old.minor) == (1, 34)
    assert new.at_least(1, 35)
    assert not old.at_least(1, 35)


async def test_discovery_agrees_with_what_each_version_answers(
    control_plane: ControlPlane, old_control_plane: ControlPlane
) -> None:
    for plane in (control_plane, old_control_plane):
        async with reaching(plane) as client:
            found = await client.discovery()
        api = plane.api()
        groups = api.get("/apis")["groups"]
        served = {one["groupVersion"] for group in groups for one in group["versions"]}
        assert set(found.versions) == served | {"v1"}
        assert found.prefers("autoscaling/v2", "autoscaling/v2beta2") == "autoscaling/v2"
        assert found.prefers("policy/v1beta1", "policy/v1") == "policy/v1"
        _check_kinds(found, api, "apps/v1")
        _check_kinds(found, api, "batch/v1")


def _check_kinds(found: Discovery, api: Api, version: str) -> None:
    told = {
        one["name"]: (one["kind"], one["namespaced"], frozenset(one["verbs"]))
        for one in api.get(f"/apis/{version}")["resources"]
        if "/" not in one["name"]
    }
    ours = {
        one.resource.plural: (one.kind, one.namespaced, one.verbs)
        for one in found.served
        if one.resource.api_version == version
    }
    assert ours == told


async def test_a_user_without_rights_is_forbidden_and_told_what(
    control_plane: ControlPlane,
) -> None:
    """CLU-7: 403 is never asked again."""
    async with reaching(control_plane, "viewer") as client:
        with pytest.raises(Forbidden, match='User "viewer" cannot list resource "configmaps"'):
            await names(client, "default")
        assert client.access.credentials.renewals == 0  # type: ignore[attr-defined]


async def test_a_wrong_token_is_not_accepted(control_plane: ControlPlane) -> None:
    wrong = "not-a-token"
    async with reaching(control_plane, token=wrong) as client:
        with pytest.raises(Unauthorized) as failed:
            await names(client, "default")
    assert wrong not in failed.value.message


async def test_a_server_of_another_authority_is_not_trusted(control_plane: ControlPlane) -> None:
    async with ClusterClient(access_to(control_plane.server, tls=Tls()), QUICK) as client:
        with pytest.raises(NotTrusted):
            await client.version()


async def test_the_name_in_the_certificate_may_be_expected_at_another_address(
    control_plane: ControlPlane,
) -> None:
    named = Tls(authority=control_plane.ca.read_bytes(), server_name="kubernetes.default.svc")
    access = access_to(control_plane.server, control_plane.token(), tls=named)
    async with ClusterClient(access) as client:
        assert (await client.version()).minor == 36


async def test_a_client_certificate_is_proof_enough(control_plane: ControlPlane) -> None:
    from tests.adapters.kubernetes.client_server import Fixed

    certificate, key = control_plane.authority.client("ana", "/O=system:masters/CN=ana")
    shown = ClientCertificate(certificate.read_bytes(), key.read_bytes())

    class OnlyCertificate(Fixed):
        async def headers(self) -> dict[str, str]:
            return {}

    trusted = Tls(authority=control_plane.ca.read_bytes())
    access = access_to(
        control_plane.server, tls=trusted, credentials=OnlyCertificate([""], shown=shown)
    )
    async with ClusterClient(access) as client:
        assert (await names(client, "default"))[2] == 1


async def test_impersonation_is_what_the_server_judges(control_plane: ControlPlane) -> None:
    access = access_to(
        control_plane.server,
        control_plane.token(),
        tls=Tls(authority=control_plane.ca.read_bytes()),
        impersonate=(("Impersonate-User", "nobody-special"),),
    )
    async with ClusterClient(access) as client:
        with pytest.raises(Forbidden, match="nobody-special"):
            await names(client, "default")


async def test_reviews_say_what_a_user_may_do(cluster: Cluster) -> None:
    plane = cluster.control_plane
    async with reaching(plane) as admin, reaching(plane, "viewer") as viewer:
        assert (await admin.allowed("list", PODS)).allowed
        assert not (await viewer.allowed("list", PODS)).allowed
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
        binding = {"metadata": {"name": "look"}, "roleRef": role}
        user = {"kind": "User", "name": "viewer", "apiGroup": "rbac.authorization.k8s.io"}
        cluster.create(
            "rolebindings", binding | {"subjects": [user]}, "rbac.authorization.k8s.io/v1"
        )
        await eventually_allowed(viewer, cluster.namespace)
        assert not (await viewer.allowed("delete", PODS, namespace=cluster.namespace)).allowed
        found = await viewer.rules(cluster.namespace)
        assert found.allows("list", PODS)
        assert not found.allows("list", resource("v1", "secrets"))


async def eventually_allowed(client: ClusterClient, namespace: str) -> None:
    for _ in range(50):
        if (await client.allowed("list", PODS, namespace=namespace)).allowed:
            return
        await asyncio.sleep(0.1)
    pytest.fail("the role was not granted")


async def test_a_metrics_api_that_is_not_there_is_missing(
    old_control_plane: ControlPlane,
) -> None:
    async with reaching(old_control_plane) as client:
        with pytest.raises(ObjectMissing):
            await anext(client.node_usage())


async def test_usage_is_what_a_metrics_server_measured(
    control_plane: ControlPlane, metrics_server: MetricsServer
) -> None:
    async with reaching(control_plane) as client:
        [node] = [one async for page in client.node_usage() for one in page.items]
        found = await client.discovery()
    assert 0 < node.usage.cores < 1000
    assert node.usage.working_set > 1 << 20
    assert found.serves("metrics.k8s.io/v1beta1")
