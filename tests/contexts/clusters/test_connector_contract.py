"""What every connector does: the one to clusters in memory, and the one to Kubernetes."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Protocol

import pytest

from tests.contexts.clusters.conftest import node, pod
from tests.fixtures.memory_cluster import MemoryCluster, MemoryConnector, kubeconfig
from tests.world.cluster import Cluster
from upid.adapters.kubernetes.addresses import AddressPolicy
from upid.adapters.kubernetes.connecting import KubernetesConnector
from upid.contexts.clusters.logic.permissions import READ
from upid.core.errors import Kind, UpidError
from upid.core.ports.cluster_connection import (
    ClusterConnection,
    ClusterConnector,
    ClusterMirror,
    ConfigMapFacts,
    Entry,
    Freshness,
    Happened,
    SecretFacts,
    Usage,
)
from upid.kit.clock import system_clock

pytestmark = pytest.mark.anyio
PATIENCE = 30.0  # seconds; on a real cluster things take tenths
VALUE = "canary-of-a-value"


class Side(Protocol):
    """A cluster that a connector leads to, and what a test does in it."""

    connector: ClusterConnector
    namespace: str

    @abstractmethod
    def kubeconfig(self, *, right: bool = True) -> bytes:
        """Return credentials, or such that the cluster does not know."""

    @abstractmethod
    def create_pod(self, name: str) -> None:
        """Create a pod."""

    @abstractmethod
    def delete_pod(self, name: str) -> None:
        """Delete a pod."""

    @abstractmethod
    def create_config_map_and_secret(self, name: str) -> None:
        """Create one of each, with VALUE at `key`."""


class InMemory(Side):
    namespace = "shop"

    def __init__(self) -> None:
        self._cluster = MemoryCluster("https://prod.example:6443", "token")
        self._cluster.put(node("n1"))
        self.connector = MemoryConnector(self._cluster)

    def kubeconfig(self, *, right: bool = True) -> bytes:
        return kubeconfig(self._cluster.server, "token" if right else "wrong").encode()

    def create_pod(self, name: str) -> None:
        self._cluster.put(pod(name))

    def delete_pod(self, name: str) -> None:
        self._cluster.drop("Pod", self.namespace, name)

    def create_config_map_and_secret(self, name: str) -> None:
        entries = (Entry("key", len(VALUE)),)
        self._cluster.config_maps.append(ConfigMapFacts("shop", name, None, "1", entries))
        self._cluster.secrets.append(SecretFacts("shop", name, "Opaque", None, "1"))


class OnKubernetes(Side):
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.namespace = cluster.namespace
        allowed = AddressPolicy.allowing(["10.213.0.0/16"])
        self.connector = KubernetesConnector(allowed, limits=None, clock=system_clock)

    def kubeconfig(self, *, right: bool = True) -> bytes:
        plane = self._cluster.control_plane
        text = plane.kubeconfig().read_text()
        return (text if right else text.replace(plane.token(), "wrong")).encode()

    def create_pod(self, name: str) -> None:
        spec = {
            "nodeSelector": {"nowhere": "true"},
            "containers": [{"name": "app", "image": "localhost/none:1"}],
        }
        self._cluster.create("pods", {"metadata": {"name": name}, "spec": spec})

    def delete_pod(self, name: str) -> None:
        path = self._cluster.path("pods", name)
        self._cluster.api.delete(path, {"gracePeriodSeconds": 0})

    def create_config_map_and_secret(self, name: str) -> None:
        meta = {"metadata": {"name": name}}
        self._cluster.create("configmaps", {**meta, "data": {"key": VALUE}})
        self._cluster.create("secrets", {**meta, "stringData": {"key": VALUE}})


@pytest.fixture(params=["memory", pytest.param("kubernetes", marks=pytest.mark.world)])
def side(request: pytest.FixtureRequest) -> Side:
    if request.param == "memory":
        return InMemory()
    return OnKubernetes(request.getfixturevalue("cluster"))


@pytest.fixture
async def connection(side: Side) -> AsyncIterator[ClusterConnection]:
    async with side.connector.connect(side.kubeconfig()) as found:
        yield found


async def test_a_kubeconfig_says_who_is_asking_and_junk_is_refused(side: Side) -> None:
    said = side.connector.identify(side.kubeconfig())
    assert said.server.startswith("https://")
    assert (said.proof, bool(said.context), bool(said.user)) == ("token", True, True)
    for junk in (b"", b"junk", b"[]", b"{}"):
        with pytest.raises(UpidError) as refused:
            side.connector.identify(junk)
        assert refused.value.kind in (Kind.INVALID, Kind.MISSING)
    with pytest.raises(UpidError):
        side.connector.identify(side.kubeconfig(), "nowhere")


async def test_a_look_tells_the_same_identity_each_time_and_answers_every_permission(
    side: Side, connection: ClusterConnection
) -> None:
    first, second = await connection.look(READ.permissions), await connection.look(())
    assert (first.identity, len(first.identity)) == (second.identity, 64)
    assert [grant.permission for grant in first.grants] == list(READ.permissions)
    assert second.grants == ()
    assert first.version.startswith("v1.")
    assert first.latency.total_seconds() >= 0


async def test_credentials_that_are_not_known_are_denied_by_every_question(side: Side) -> None:
    async with side.connector.connect(side.kubeconfig(right=False)) as wrong:
        for question in (wrong.look(()), wrong.served()):
            with pytest.raises(UpidError) as refused:
                await question
            assert (refused.value.kind, refused.value.code) == (
                Kind.DENIED,
                "cluster_unauthorized",
            )
            assert refused.value.hint


async def test_usage_is_a_reading_or_a_sentence(connection: ClusterConnection) -> None:
    found = await connection.usage()
    assert isinstance(found, Usage) or found.startswith("usage is unknown")
    assert "pods" in (await connection.served()).groups[""]


async def test_config_maps_and_secrets_are_told_of_without_their_values(
    side: Side, connection: ClusterConnection
) -> None:
    """CLU-5."""
    side.create_config_map_and_secret("it")
    maps = [one async for page in connection.config_maps(side.namespace) for one in page]
    secrets = [one async for page in connection.secrets(side.namespace) for one in page]
    elsewhere = [one async for page in connection.config_maps("nowhere") for one in page]

    (found,) = [one for one in maps if one.name == "it"]
    assert found.entries == (Entry("key", len(VALUE)),)
    assert [(one.namespace, one.type) for one in secrets if one.name == "it"] == [
        (side.namespace, "Opaque")
    ]
    assert elsewhere == []
    assert VALUE not in repr(maps) + repr(secrets)


@asynccontextmanager
async def followed(connection: ClusterConnection) -> AsyncIterator[ClusterMirror]:
    mirror = connection.mirror()
    running = asyncio.ensure_future(mirror.run())
    try:
        async with asyncio.timeout(PATIENCE):
            await mirror.loaded()
        yield mirror
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if true():
                return
            await asyncio.sleep(0.02)


async def test_a_mirror_holds_what_is_there_and_tells_what_changes(
    side: Side, connection: ClusterConnection
) -> None:
    """CLU-7."""
    side.create_pod("before")

    def living(mirror: ClusterMirror) -> Iterator[str]:
        for one in mirror.objects(["Pod"]):
            if one.namespace == side.namespace and one.until is None:
                yield one.name

    async with followed(connection) as mirror:
        await until(lambda: list(living(mirror)) == ["before"])
        told = mirror.following()
        assert told.freshness is Freshness.LIVE
        assert told.contact is not None
        mirror.changes()

        side.create_pod("after")
        await until(lambda: list(living(mirror)) == ["after", "before"])
        side.delete_pod("before")
        await until(lambda: list(living(mirror)) == ["after"])

        changes = [one for one in mirror.changes() if (one.after or one.before) is not None]
        seen = [
            (one.happened, (one.after or one.before).name)  # type: ignore[union-attr]
            for one in changes
            if (one.after or one.before).namespace == side.namespace  # type: ignore[union-attr]
            and (one.after or one.before).kind == "Pod"  # type: ignore[union-attr]
        ]
        assert (Happened.ADDED, "after") in seen
        assert (Happened.REMOVED, "before") in seen
        assert mirror.following().generation > told.generation
        assert mirror.changes() == () or side.namespace != "shop"
