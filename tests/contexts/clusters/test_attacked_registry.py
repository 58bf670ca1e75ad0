"""What hostile callers and bad timing may not do to the registry of clusters."""

import asyncio

import pytest

from tests.contexts.clusters.registry_world import URL, Program, registration, until
from tests.fixtures.memory_cluster import MemoryCluster
from upid.contexts.clusters.registered import Registered
from upid.contexts.clusters.repository import ClusterRepository

pytestmark = pytest.mark.anyio


async def test_a_registration_that_nobody_waits_for_any_longer_still_has_its_line(
    program: Program, there: MemoryCluster
) -> None:
    """O1: the time limit of requests cancels; what is stored is followed all the same."""
    async with program.running() as client:
        store = program.registry._records.clusters

        class Cancelling(ClusterRepository):
            """Cancels who registers, once the row is written."""

            async def add(self, cluster: Registered, credentials: bytes) -> None:
                await super().add(cluster, credentials)
                asking.cancel()

        program.registry._records.clusters = Cancelling
        asking = asyncio.create_task(client.post(URL, json=registration(there)))
        await asyncio.gather(asking, return_exceptions=True)
        program.registry._records.clusters = store

        async def alike() -> bool:
            rows = (await client.get(URL)).json()["items"]
            return [row["id"] for row in rows] == list(program.lines._lines)

        await asyncio.sleep(0.1)
        await until("rows and lines to be alike", alike)


@pytest.mark.parametrize("name", ["%00", "a%00b", "%ED%A0%80", "x" * 5000, "..%2F..%2Fetc"])
async def test_no_id_from_outside_is_more_than_not_found(program: Program, name: str) -> None:
    """API-3: on PostgreSQL too, whose texts hold no zero byte."""
    async with program.running() as client:
        for answer in (
            await client.get(f"{URL}/{name}"),
            await client.delete(f"{URL}/{name}"),
            await client.get(f"{URL}/{name}/health"),
            await client.get(f"{URL}/{name}/pods"),
            await client.get(f"/api/v1/config/clusters/{name}"),
        ):
            assert answer.status_code in (404, 422), answer.text
