"""What a cluster holds is listed: in pages, filtered, in a stable order, with an ETag."""

from datetime import UTC, datetime

import httpx2
import pytest

from tests.contexts.clusters.conftest import deployment, node, pod
from tests.contexts.clusters.registry_world import URL, Program, answered, registration, until
from tests.fixtures.memory_cluster import MemoryCluster
from tests.fixtures.memory_source import MemorySource, facts_of, version_of
from upid.core.metrics import Entity
from upid.core.ports.cluster_connection import (
    ConfigMapFacts,
    ContainerReading,
    Entry,
    NodeReading,
    SecretFacts,
    Usage,
)

pytestmark = pytest.mark.anyio
GIB = 1 << 30


async def registered(client: httpx2.AsyncClient, there: MemoryCluster, held: int = 1) -> str:
    """Register the cluster, wait until it is followed, and return its place."""
    answer = await client.post(URL, json=registration(there))
    assert answer.status_code == 201, answer.text
    place: str = answer.headers["location"]
    await answered(client, f"{place}/nodes", lambda found: len(found["items"]) >= held)
    return place


async def test_everything_is_listed_in_the_units_of_the_api(
    program: Program, there: MemoryCluster
) -> None:
    """CLU-5."""
    async with program.running() as client:
        place = await registered(client, there)
        found = {
            name: (await client.get(f"{place}/{name}")).json()["items"]
            for name in ("nodes", "namespaces", "workloads", "deployments", "pods", "services")
        }

    (machine,) = found["nodes"]
    assert machine["allocatable"] == {"cpu": 3.8, "memory": 15 * GIB}
    assert machine["requested"] == {"cpu": 0.5, "memory": GIB}
    assert (machine["pods"], machine["schedulable"]) == (2, True)
    (shop,) = found["namespaces"]
    assert (shop["name"], shop["labels"], shop["pods"]) == ("shop", {"team": "shop"}, 2)
    assert found["workloads"] == found["deployments"]
    (web,) = found["deployments"]
    assert (web["kind"], web["replicas"], web["managed_by"]) == ("Deployment", 2, "Helm")
    assert [one["name"] for one in found["pods"]] == ["web-1", "web-2"]
    first = found["pods"][0]
    assert first["owner"] == {"kind": "Deployment", "name": "web"}
    assert first["managed_by"] == "Helm"
    assert first["requests"] == {"cpu": 0.25, "memory": GIB // 2}
    assert first["limits"] == {"cpu": None, "memory": GIB}
    (front,) = found["services"]
    assert (front["selector"], front["ports"]) == ({"app": "web"}, [{"port": 80, "name": "http"}])


async def test_pods_are_filtered_and_paged_while_others_come_and_go(
    program: Program, there: MemoryCluster
) -> None:
    for number in range(3, 8):
        there.put(pod(f"web-{number}", "Pending" if number % 2 else "Running", on=f"n{number % 2}"))
    async with program.running() as client:
        pods = f"{await registered(client, there)}/pods"
        first = (await client.get(pods, params={"limit": 3})).json()
        there.drop("Pod", "shop", "web-1")
        there.put(pod("web-0"))
        rest = (await client.get(pods, params={"cursor": first["next_cursor"]})).json()
        pending = (await client.get(pods, params={"phase": "Pending"})).json()["items"]
        there_too = (await client.get(pods, params={"node": "n0"})).json()["items"]
        none = (await client.get(pods, params={"selector": "app!=web"})).json()["items"]
        bad = await client.get(pods, params={"cursor": "x"})
        elsewhere = await client.get(
            pods.replace("/pods", "/services"), params={"cursor": first["next_cursor"]}
        )

    names = [one["name"] for one in first["items"] + rest["items"]]
    assert names == [f"web-{number}" for number in range(1, 8)]
    assert [one["name"] for one in pending] == ["web-3", "web-5", "web-7"]
    assert [one["name"] for one in there_too] == ["web-4", "web-6"]
    assert none == []
    assert (bad.status_code, elsewhere.status_code) == (422, 422)


async def test_what_has_not_changed_is_not_sent_again(
    program: Program, there: MemoryCluster
) -> None:
    """API-1: ETags by the generation of what is known."""
    async with program.running() as client:
        pods = f"{await registered(client, there)}/pods"
        first = await client.get(pods)
        same = await client.get(pods, headers={"If-None-Match": first.headers["etag"]})
        there.put(pod("web-9"))
        other = await client.get(pods, headers={"If-None-Match": first.headers["etag"]})

    assert (same.status_code, same.content) == (304, b"")
    assert (other.status_code, len(other.json()["items"])) == (200, 3)


async def test_config_maps_have_sizes_and_no_values(program: Program, there: MemoryCluster) -> None:
    """CLU-5."""
    entries = (Entry("app.conf", 20), Entry("more", 22))
    there.config_maps = [
        ConfigMapFacts("shop", name, datetime(2026, 3, 2, tzinfo=UTC), "7", entries)
        for name in ("b", "a")
    ]
    async with program.running() as client:
        maps = f"{await registered(client, there)}/configmaps"
        first = (await client.get(maps, params={"limit": 1})).json()
        rest = (await client.get(maps, params={"cursor": first["next_cursor"]})).json()
        none = (await client.get(maps, params={"namespace": "other"})).json()

    assert [one["name"] for one in first["items"] + rest["items"]] == ["a", "b"]
    assert first["items"][0]["entries"][0] == {"key": "app.conf", "bytes": 20}
    assert first["items"][0]["bytes"] == 42
    assert none["items"] == []


async def test_secrets_are_looked_at_only_once_somebody_opted_in(
    program: Program, there: MemoryCluster
) -> None:
    """CLU-5: off until opted in; then metadata only."""
    there.secrets = [SecretFacts("shop", "db", "Opaque", None, "9")]
    async with program.running() as client:
        place = await registered(client, there)
        refused = await client.get(f"{place}/secrets")
        asked = there.asked_for_secrets
        settings = place.replace("/clusters/", "/config/clusters/")
        opted = await client.put(settings, json={"secrets_metadata": True})
        shown = await client.get(f"{place}/secrets")

    assert (refused.status_code, refused.json()["code"]) == (403, "secrets_not_enabled")
    assert (asked, opted.status_code) == (0, 200)
    assert shown.json()["items"] == [
        {"namespace": "shop", "name": "db", "type": "Opaque", "created": None, "version": "9"}
    ]


async def test_usage_is_told_or_its_lack_explained_and_never_zero(
    program: Program, there: MemoryCluster
) -> None:
    async with program.running() as client:
        place = await registered(client, there)
        without = (await client.get(f"{place}/metrics")).json()
        there.put(node("n2"))
        there.usage = Usage(
            datetime.now(UTC),
            (ContainerReading("shop", "web-1", "app", 0.2, 2e8),),
            (NodeReading("n1", 1.5, 4e9),),
        )
        known = await answered(client, f"{place}/metrics", lambda found: found["read"] is not None)

    assert "no metrics server" in without["unknown"]
    assert without["used"] == {"cpu": None, "memory": None}
    assert without["nodes"][0]["used"] == {"cpu": None, "memory": None}
    assert known["used"] == {"cpu": 1.5, "memory": 4e9}
    assert known["requested"]["cpu"] == 0.5
    assert known["allocatable"]["cpu"] == 7.6
    assert known["nodes_without_usage"] == ["n2"]


async def test_a_connected_cluster_is_analysed_like_a_recording(
    program: Program, there: MemoryCluster
) -> None:
    """ANL on CLU-5: from the mirror and the usage of the last hour; never a stale answer."""
    async with program.running() as client:
        place = await registered(client, there)
        asked = {"cluster_id": place.rpartition("/")[2]}
        analyse = f"{URL.removesuffix('/clusters')}/analyze/cluster"
        without = await client.post(analyse, json=asked)
        there.usage = Usage(
            datetime.now(UTC),
            (ContainerReading("shop", "web-1", "app", 0.2, 2e8),),
            (NodeReading("n1", 1.5, 4e9),),
        )
        await answered(client, f"{place}/metrics", lambda found: found["read"] is not None)
        known = await client.post(analyse, json=asked)
        by_name = await client.post(analyse, json={"cluster_id": "prod"})
        there.put(node("n2"))
        there.usage = Usage(datetime.now(UTC), (), (NodeReading("n2", 1.0, 1e9),))
        await answered(client, f"{place}/metrics", lambda x: x["nodes_without_usage"] == ["n1"])
        later = await client.post(analyse, json=asked)

    assert without.status_code == 200, without.text
    assert "no metrics server" in without.text
    assert known.json()["total_monthly_cost"] == by_name.json()["total_monthly_cost"]
    assert later.json()["total_monthly_cost"] > known.json()["total_monthly_cost"]


async def test_a_recording_answers_the_same_questions_and_says_what_it_cannot_know(
    program: Program,
) -> None:
    objects = [version_of({**body}) for body in (node("n1"), deployment("web", 2), pod("web-1"))]
    gone = version_of(pod("web-0"), until=objects[0].since.replace(hour=1))
    source = MemorySource(facts_of(notes=()), [*objects, gone], series={Entity.CONTAINER: ()})
    program.clusters.attach(source)
    async with program.running() as client:
        place = f"{URL}/{source.facts().id}"
        pods = (await client.get(f"{place}/pods")).json()
        status = (await client.get(f"{place}/status")).json()
        live = [await client.get(f"{place}/{name}") for name in ("health", "metrics", "configmaps")]

    assert [one["name"] for one in pods["items"]] == ["web-1"]
    assert pods["freshness"] == "recorded"
    assert (status["source"], status["counts"]["pods"]) == ("recorded", 1)
    unknown = {c["presence"] for c in status["capabilities"]}
    assert "not permitted to know" in unknown
    assert {(x.status_code, x.json()["code"]) for x in live} == {(409, "cluster_recorded")}


async def test_status_tells_what_a_cluster_is_and_how_each_fact_was_found(
    program: Program, there: MemoryCluster
) -> None:
    there.denied.add("list services")
    async with program.running() as client:
        place = await registered(client, there)
        found = await answered(
            client, f"{place}/status", lambda found: found["capabilities"] and found["counts"]
        )

    assert (found["source"], found["version"]) == ("connected", "v1.36.0")
    assert found["counts"] == {
        "nodes": 1,
        "namespaces": 1,
        "workloads": 1,
        "pods": 2,
        "services": 1,
    }
    assert found["following"]["freshness"] == "live"
    assert found["missing_permissions"] == ["list services"]
    assert found["provider"]["distribution"]


async def test_nothing_is_known_of_a_cluster_that_is_not_followed(
    program: Program, there: MemoryCluster
) -> None:
    async with program.running() as client:
        place = await registered(client, there)
        settings = place.replace("/clusters/", "/config/clusters/")
        await client.put(settings, json={"following": False})

        async def refused() -> bool:
            return (await client.get(f"{place}/pods")).status_code != 200

        await until("what is known to be forgotten", refused)
        answer = await client.get(f"{place}/pods")
        status = (await client.get(f"{place}/status")).json()
        health = (await client.get(f"{place}/health")).json()

    assert (answer.status_code, answer.json()["code"]) == (409, "cluster_not_followed")
    assert (status["counts"], "not followed" in status["unknown"]) == (None, True)
    assert health["last_check"]["ok"] is True
