"""What a hostile cluster, an unlucky operator and bad timing may not do to lines.

Broken on purpose: each test was red against the code before its mend.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from tests.contexts.clusters.conftest import service
from tests.contexts.clusters.registry_world import URL, Program, answered, registration, until
from tests.fixtures.memory_cluster import MemoryCluster, MemoryConnector
from upid.app.settings import Settings
from upid.contexts.clusters.records import ClusterRecords
from upid.contexts.clusters.registered import Look
from upid.core.ports.cluster_connection import ClusterConnection
from upid.kit.crypto import Cell, SealBroken, Vault
from upid.kit.db import Database

pytestmark = pytest.mark.anyio


async def test_a_cluster_whose_news_are_too_large_to_store_ends_nobodys_news(
    program: Program, there: MemoryCluster
) -> None:
    """O1, EVT-1: the loop that tells news is the program's; one hostile Service ended it."""
    async with program.running() as client:
        answer = await client.post(URL, json=registration(there))
        await answered(client, f"{answer.headers['location']}/pods", lambda x: len(x["items"]) == 2)
        huge = service("huge")
        huge["spec"] = {"selector": {"app": "x" * 300_000}}
        there.put(huge)
        there.put(service("small"))

        async def told() -> bool:
            return "service.created" in await program.topics()

        await until("the news after the huge ones", told)
        async with program.db.transaction() as tx:
            rows = await tx.sql.execute(sa.text("SELECT payload FROM outbox ORDER BY seq"))
            payloads = [str(row[0]) for row in rows]

    assert any('"small"' in one for one in payloads)
    assert max(map(len, payloads)) < 300_000


async def test_another_cluster_at_the_same_address_is_not_taken_for_the_one_that_was_registered(
    program: Program, there: MemoryCluster
) -> None:
    """CLU-6: an id is of one cluster; an address may be given to another one."""
    async with program.running() as client:
        place = (await client.post(URL, json=registration(there))).headers["location"]
        await answered(client, f"{place}/health", lambda x: x["overall"] in ("healthy", "degraded"))
        there.uid = "22222222-2222-2222-2222-222222222222"
        sick = await answered(client, f"{place}/health", lambda x: not x["last_check"]["ok"])
        checked = (await client.post(f"{place}/validate")).json()
        asked = (await client.get(f"{place}/configmaps")).json()
        there.uid = "11111111-1111-1111-1111-111111111111"
        await answered(client, f"{place}/health", lambda x: x["last_check"]["ok"])

    assert sick["overall"] == "unreachable"
    assert checked["error"]["code"] == "cluster_differs"
    assert asked["code"] in ("cluster_differs", "circuit_open")


class SlowToClose(MemoryConnector):
    """Its connections take a while to close, as TLS to a peer that hangs does."""

    def connect(
        self, kubeconfig: bytes, context: str = ""
    ) -> AbstractAsyncContextManager[ClusterConnection]:
        inner = super().connect(kubeconfig, context)

        @asynccontextmanager
        async def slow() -> AsyncIterator[ClusterConnection]:
            async with inner as connection:
                try:
                    yield connection
                finally:
                    await asyncio.sleep(0.3)

        return slow()


async def test_fresh_credentials_work_also_while_the_former_connection_still_closes(
    program: Program, there: MemoryCluster
) -> None:
    """CLU-6: what the former connection leaves behind is its own."""
    connector = SlowToClose(there, clock=program.clock)
    program.lines._ways = replace(program.lines._ways, connector=lambda *_: connector)
    async with program.running() as client:
        first = await client.post(URL, json=registration(there))
        place = first.headers["location"]
        await answered(client, f"{place}/pods", lambda x: len(x["items"]) == 2)
        there.token = "another-token"  # noqa: S105
        sent = registration(there)
        changed = await client.put(place, json=sent, headers={"If-Match": first.headers["etag"]})
        assert changed.status_code == 200, changed.text
        await asyncio.sleep(0.6)
        looks = there.looks
        await until("it to be looked at again", lambda: there.looks > looks + 1)
        assert (await client.get(f"{place}/configmaps")).status_code == 200


class LateRecords(ClusterRecords):
    """Rows of looks that come late."""

    async def remember(self, cluster_id: str, check: Look) -> None:
        await asyncio.sleep(0.1)
        await super().remember(cluster_id, check)


class BrokenRecords(ClusterRecords):
    """No credentials can be read and no look be stored, each for a reason nobody thought of."""

    async def kubeconfig(self, cluster_id: str) -> bytes:
        raise SealBroken(Cell("default", "clusters", "credentials", cluster_id), "a test")

    async def remember(self, cluster_id: str, check: Look) -> None:
        raise RuntimeError("a bug")


def over(records: ClusterRecords, kind: type[ClusterRecords]) -> ClusterRecords:
    """Return another kind of records over the same rows."""
    return kind(records.db, records.clusters, records.checks, records._vault, records._kept)


async def test_a_cluster_deleted_while_it_is_changed_leaves_no_line_behind(
    program: Program, there: MemoryCluster
) -> None:
    """CLU-5: a deleted cluster is not asked again."""
    async with program.running() as client:
        first = await client.post(URL, json=registration(there))
        place = first.headers["location"]
        cluster_id = place.rpartition("/")[2]
        program.registry._records = over(program.registry._records, LateRecords)
        changing = asyncio.create_task(
            client.put(
                place,
                json=registration(there, "other"),
                headers={"If-Match": first.headers["etag"]},
            )
        )

        async def stored() -> bool:
            return bool((await client.get(place)).json()["name"] == "other")

        await until("the change to be stored", stored)
        assert (await client.delete(place)).status_code == 204
        await changing
        await until("the line to end", lambda: program.lines.get(cluster_id) is None)
        assert (await client.get(f"{place}/health")).status_code == 404


async def test_a_line_goes_on_when_a_look_cannot_be_stored_for_whatever_reason(
    program: Program, there: MemoryCluster
) -> None:
    """CLU-7: nothing ends a line but its end."""
    ways = program.lines._ways
    program.lines._ways = replace(ways, records=over(ways.records, BrokenRecords))
    async with program.running() as client:
        place = (await client.post(URL, json=registration(there))).headers["location"]
        task = program.lines._tasks[place.rpartition("/")[2]]
        health = await answered(client, f"{place}/health", lambda x: not x["last_check"]["ok"])
        await asyncio.sleep(0.2)
        assert not task.done()

    assert "cannot be opened" in health["reasons"][0]


async def test_what_is_shown_is_fresh_also_after_the_clock_was_set_back(
    db: Database, vault: Vault, there: MemoryCluster, settings: Settings
) -> None:
    """O1: an age below zero was taken for a young one, so that pods stood still for hours."""
    quick = settings.clusters.model_copy(update={"snapshot_age": timedelta(seconds=5)})
    program = Program(db, vault, (there,), settings.model_copy(update={"clusters": quick}))
    program.clock.ahead = timedelta(days=1)
    async with program.running() as client:
        place = (await client.post(URL, json=registration(there))).headers["location"]
        await answered(client, f"{place}/pods", lambda x: len(x["items"]) == 2)
        program.clock.ahead = timedelta(0)
        there.drop("Pod", "shop", "web-2")
        await answered(client, f"{place}/pods", lambda x: len(x["items"]) == 1)
        line = program.lines.get(place.rpartition("/")[2])
        assert line is not None
        program.clock.ahead = timedelta(days=1)
        before = line.reading()
        program.clock.ahead = timedelta(0)
        assert line.reading() is not before
