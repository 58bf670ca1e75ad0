"""Looks at a cluster are remembered, the last ones only, and go with their cluster."""

from datetime import UTC, datetime, timedelta

import pytest

from upid.contexts.clusters.registered import Look, Registered
from upid.contexts.clusters.repository import CheckRepository, ClusterRepository
from upid.kit.db import Database

pytestmark = pytest.mark.anyio
START = datetime(2026, 3, 2, tzinfo=UTC)


def cluster(number: int) -> Registered:
    told = ("https://c.example", "prod", "upid", "token", "v1.36.0", START, START)
    return Registered(f"cl_{number:016x}", f"c{number}", {}, f"{number:064x}", *told)


async def test_only_the_last_looks_at_each_cluster_are_kept(db: Database) -> None:
    async with db.transaction() as tx:
        for number in (1, 2):
            await ClusterRepository(tx).add(cluster(number), b"sealed")
    async with db.transaction() as tx:
        for minute in range(8):
            for number in (1, 2):
                at = START + timedelta(minutes=minute)
                look = Look(f"chk_{minute}_{number}", at, ok=True)
                await CheckRepository(tx).add(cluster(number).id, look, 3)
        kept = await CheckRepository(tx).latest(cluster(1).id, 100)
    assert [one.id for one in kept] == ["chk_7_1", "chk_6_1", "chk_5_1"]


async def test_a_look_at_a_cluster_that_was_forgotten_is_not_stored(db: Database) -> None:
    async with db.transaction() as tx:
        await ClusterRepository(tx).add(cluster(1), b"sealed")
        await CheckRepository(tx).add(cluster(1).id, Look("chk_1", START, ok=True), 3)
        assert await ClusterRepository(tx).remove(cluster(1).id)
    async with db.transaction() as tx:
        await CheckRepository(tx).add(cluster(1).id, Look("chk_2", START, ok=True), 3)
        assert await CheckRepository(tx).latest(cluster(1).id, 100) == []
