"""Whoever is cancelled in a transaction leaves a database that others can use."""

import asyncio

import pytest
import sqlalchemy as sa

from upid.kit.db import Database

pytestmark = pytest.mark.anyio

MOMENTS = 25  # at each of 60, a plain connection failed in 4 to 6


async def test_transactions_cancelled_at_any_moment_lock_nobody_out(sqlite_url: str) -> None:
    """OPS-3: request time limits and closing lines cancel what runs."""
    for moment in range(MOMENTS):
        db = Database(sqlite_url)

        async def busy(db: Database = db) -> None:
            while True:
                await db.ping()

        tasks = [asyncio.create_task(busy()) for _ in range(4)]
        await asyncio.sleep(0.01 + moment * 0.0007)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in ended] == [asyncio.CancelledError] * 4
        async with asyncio.timeout(5):
            await db.ping()
            await db.close()


async def test_a_time_limit_around_a_transaction_is_still_a_time_limit(sqlite_url: str) -> None:
    db = Database(sqlite_url)
    slow = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 2000000)"
        " SELECT count(*) FROM n"
    )

    async def late() -> None:
        async with asyncio.timeout(0.05), db.transaction() as tx:
            await tx.sql.execute(sa.text(slow))
            await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        await late()
    await db.ping()
    await db.close()
