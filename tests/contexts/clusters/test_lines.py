"""Each cluster has a line of its own: what goes wrong on one is told, and felt by no other."""

import asyncio
import json
from datetime import timedelta

import httpx2
import pytest
import sqlalchemy as sa

from tests.contexts.clusters.conftest import TOKEN, deployment, node, pod, service
from tests.contexts.clusters.registry_world import URL, Program, answered, registration, until
from tests.fixtures.memory_cluster import MemoryCluster
from upid.adapters.kubernetes.client.errors import (
    ConnectionRefused,
    Forbidden,
    ServerFailed,
)
from upid.app.settings import Settings
from upid.kit.crypto import Vault
from upid.kit.db import Database

pytestmark = pytest.mark.anyio

REFUSED = ConnectionRefused("prod", "prod.example:6443")


async def registered(client: httpx2.AsyncClient, cluster: MemoryCluster, name: str = "prod") -> str:
    answer = await client.post(URL, json=registration(cluster, name))
    assert answer.status_code == 201, answer.text
    place: str = answer.headers["location"]
    return place


async def test_a_cluster_that_fails_is_left_alone_after_three_times_and_told_so(
    program: Program, there: MemoryCluster
) -> None:
    """CLU-7: the breaker opens after 3 failures; O1: what is known stays readable, as stale."""
    async with program.running() as client:
        place = await registered(client, there)
        healthy = await answered(
            client, f"{place}/health", lambda found: found["following"] is not None
        )
        await answered(client, f"{place}/pods", lambda found: len(found["items"]) == 2)
        there.failing = REFUSED
        sick = await answered(
            client, f"{place}/health", lambda found: found["breaker"]["state"] == "open"
        )
        looks = there.looks
        await asyncio.sleep(0.4)
        asked = await client.get(f"{place}/configmaps")
        pods = (await client.get(f"{place}/pods")).json()
        checked = (await client.post(f"{place}/validate")).json()
        checks = (await client.get(f"{place}/checks")).json()["items"]

    assert healthy["overall"] in ("healthy", "degraded")
    assert sick["overall"] == "unreachable"
    assert "refuses connections" in sick["reasons"][0]
    assert 0 < sick["breaker"]["retry_in_seconds"] <= 60
    assert there.looks == looks + 1, "only the person who asked made it look again"
    assert (asked.status_code, asked.json()["code"]) == (503, "circuit_open")
    assert (pods["freshness"], len(pods["items"])) == ("stale", 2)
    assert (checked["ok"], checked["error"]["code"]) == (False, "cluster_refused")
    assert checked["error"]["hint"]
    assert checks[0]["ok"] is False
    assert len(checks) <= program.settings.clusters.checks_kept


async def test_a_failing_cluster_is_found_well_again_by_itself(
    db: Database, vault: Vault, there: MemoryCluster, settings: Settings
) -> None:
    quick = settings.clusters.model_copy(update={"pause": timedelta(seconds=0.3)})
    program = Program(db, vault, (there,), settings.model_copy(update={"clusters": quick}))
    async with program.running() as client:
        place = await registered(client, there)
        there.failing = REFUSED
        await answered(client, f"{place}/health", lambda x: x["overall"] == "unreachable")
        there.failing = None
        await answered(
            client,
            f"{place}/health",
            lambda x: x["last_check"]["ok"] and x["breaker"]["state"] == "closed",
        )


async def test_one_hanging_cluster_does_not_slow_another(
    db: Database, vault: Vault, there: MemoryCluster, settings: Settings
) -> None:
    """CLU-7, GW-1: bulkheads."""
    other = MemoryCluster("https://other.example", TOKEN, "uid-other")
    other.put(node("n1"))
    program = Program(db, vault, (there, other), settings)
    async with program.running() as client:
        sick = await registered(client, there)
        well = await registered(client, other, "other")
        await answered(client, f"{well}/nodes", lambda found: len(found["items"]) == 1)
        there.hanging = True
        waiting = [asyncio.create_task(client.get(f"{sick}/configmaps")) for _ in range(60)]
        await asyncio.sleep(0.05)
        async with asyncio.timeout(1):
            answer = await client.get(f"{well}/configmaps")
        looks = other.looks
        await until("the other to be looked at meanwhile", lambda: other.looks > looks)
        there.hanging = False
        codes = [one.status_code for one in await asyncio.gather(*waiting)]

    assert answer.status_code == 200
    assert 503 in codes, "more than may wait are refused at once"
    assert 200 in codes


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Forbidden("prod", "list pods", "no"), "cluster_forbidden"),
        (ServerFailed("prod", "list pods", 500, "etcd is gone", None), "cluster_failing"),
    ],
)
async def test_each_trouble_keeps_its_own_error_and_remedy(
    program: Program, there: MemoryCluster, error: Exception, code: str
) -> None:
    """CLU-7."""
    async with program.running() as client:
        place = await registered(client, there)
        there.failing = error  # type: ignore[assignment]
        found = (await client.post(f"{place}/validate")).json()

    assert (found["ok"], found["error"]["code"]) == (False, code)
    assert found["error"]["hint"]
    assert found["reached"] is (code == "cluster_forbidden")


async def test_a_fault_of_ours_on_one_line_ends_neither_the_others_nor_the_program(
    db: Database,
    vault: Vault,
    there: MemoryCluster,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = MemoryCluster("https://other.example", TOKEN, "uid-other")
    quick = settings.clusters.model_copy(update={"pause": timedelta(seconds=0.1)})
    settings = settings.model_copy(update={"clusters": quick})
    program = Program(db, vault, (there, other), settings)
    async with program.running() as client:
        await registered(client, there)
        well = await registered(client, other, "other")
        there.failing = RuntimeError("a bug")  # type: ignore[assignment]
        await until("it to fail", lambda: "cluster_line_failed" in caplog.text)
        before = other.looks
        await until("the other to be looked at", lambda: other.looks > before + 2)
        assert (await client.get(f"{well}/health")).status_code == 200
        there.failing = None
        looks = there.looks
        await until("the first to be looked at again", lambda: there.looks > looks)


async def test_lines_end_within_seconds_also_while_clusters_hang(
    program: Program, there: MemoryCluster
) -> None:
    """O1."""
    async with program.running() as client:
        await registered(client, there)
        there.hanging = True
        await asyncio.sleep(0.15)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 2


async def test_a_missing_permission_is_named_with_what_is_lost_and_how_to_grant_it(
    program: Program, there: MemoryCluster
) -> None:
    """CLU-5."""
    there.denied |= {"list pods", "list services"}
    async with program.running() as client:
        place = await registered(client, there)
        found = (await client.post(f"{place}/validate")).json()
        health = (await client.get(f"{place}/health")).json()

    lacking = {one["permission"]: one for one in found["permissions"] if not one["allowed"]}
    assert set(lacking) == {"list pods", "list services"}
    assert (found["ok"], found["reached"], found["authenticated"]) == (False, True, True)
    assert "kind: ClusterRole" in found["missing_rbac"]
    assert "resources: [pods, services]" in found["missing_rbac"]
    assert health["overall"] == "degraded"
    assert any("list pods: no analysis" in reason for reason in health["reasons"])


async def news(program: Program) -> list[tuple[str, dict[str, object]]]:
    async with program.db.transaction() as tx:
        rows = await tx.sql.execute(sa.text("SELECT topic, payload FROM outbox ORDER BY seq"))
        return [(row[0], json.loads(row[1])) for row in rows]


async def test_what_happens_in_a_cluster_is_told_once_and_what_was_there_is_not(
    program: Program, there: MemoryCluster
) -> None:
    """EVT-1."""
    async with program.running() as client:
        place = await registered(client, there)
        await answered(client, f"{place}/pods", lambda found: len(found["items"]) == 2)
        await asyncio.sleep(1.1)
        assert await program.topics() == ["cluster.registered"]

        there.put(node("n2"))
        there.put(node("n2", unschedulable=True))
        there.drop("Node", "", "n2")
        there.put(pod("web-3", "Pending"))
        there.put(pod("web-3", "Running"))
        there.put(pod("web-3", "Running"))
        there.put(pod("web-3", "Failed"))
        there.drop("Pod", "shop", "web-3")
        there.put(deployment("web", 5))
        there.put(deployment("web", 5, image="web:2"))
        there.put(service("api"))
        there.drop("Service", "shop", "api")

        async def told_all() -> bool:
            return len(await program.topics()) >= 13

        await until("the news", told_all)
        await asyncio.sleep(1.1)
        told = await news(program)

    assert [topic for topic, _ in told[1:]] == [
        "node.added",
        "node.cordoned",
        "node.removed",
        "pod.created",
        "pod.updated",
        "pod.updated",
        "pod.failed",
        "pod.deleted",
        "deployment.scaled",
        "deployment.updated",
        "service.created",
        "service.deleted",
    ]
    scaled = next(payload for topic, payload in told if topic == "deployment.scaled")
    assert (scaled["before"], scaled["after"]) == ({"replicas": 2}, {"replicas": 5})
    assert scaled["cluster_id"] == place.rpartition("/")[2]
