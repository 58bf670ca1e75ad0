"""A courier that runs: woken, patient, and there again after an outage.

Broken on purpose                            Red test
the loop does not catch DatabaseUnreachable  is_waited_for
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.fixtures.clock import FixedClock
from tests.kit.news import Recorder, counted, emit
from tests.kit.test_courier import bus_of
from upid.kit.clock import system_clock
from upid.kit.courier import Courier, Pace
from upid.kit.db import Database, DatabaseUnreachable, Transaction
from upid.kit.events import Envelope

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def running(courier: Courier) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(courier.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def eventually(recorder: Recorder, numbers: list[int], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while recorder.numbers != numbers:
            recorder.called.clear()
            await recorder.called.wait()


async def test_a_running_courier_is_woken_by_a_commit(db: Database) -> None:
    recorder = Recorder()
    rarely = Pace(poll=timedelta(hours=1))
    async with running(Courier(db, bus_of(one=recorder), system_clock, rarely)):
        for number in range(3):
            await emit(db, counted("a", number))
            await eventually(recorder, list(range(number + 1)))


async def test_a_running_courier_finds_what_other_processes_emitted(
    db: Database, database_url: str
) -> None:
    recorder, other = Recorder(), Database(database_url)
    often = Pace(poll=timedelta(milliseconds=50))
    async with running(Courier(db, bus_of(one=recorder), system_clock, often)):
        await asyncio.sleep(0.1)
        await emit(other, counted("a", 1))
        await eventually(recorder, [1])
    await other.close()


async def test_a_running_courier_tries_again_when_it_is_time(db: Database) -> None:
    recorder = Recorder(fails=[1, 1])
    pace = Pace(poll=timedelta(hours=1), first=timedelta(milliseconds=20))
    async with running(Courier(db, bus_of(one=recorder), system_clock, pace)):
        await emit(db, counted("a", 1))
        await eventually(recorder, [1])


class Outage(Database):
    """A database that is away as long as it is told to be."""

    away = False

    @asynccontextmanager
    async def transaction(self, tenant: str = "default") -> AsyncIterator[Transaction]:
        if self.away:
            raise DatabaseUnreachable("here", "it is away")
        async with super().transaction(tenant) as tx:
            yield tx


async def test_a_database_that_is_away_is_waited_for(database_url: str) -> None:
    recorder, db = Recorder(), Outage(database_url)
    often = Pace(poll=timedelta(milliseconds=10))
    with capture_logs() as lines:
        async with running(Courier(db, bus_of(one=recorder), system_clock, often)) as task:
            db.away = True
            await asyncio.sleep(0.3)
            assert not task.done()
            db.away = False
            await emit(db, counted("a", 1))
            await eventually(recorder, [1])
            for _ in range(1000):
                if lines[-1]["event"] == "courier goes on":
                    break
                await asyncio.sleep(0.01)
    await db.close()

    assert lines[0]["event"] == "courier waits"
    assert [line["event"] for line in lines].count("courier goes on") == 1


async def test_a_database_that_is_away_costs_no_try(database_url: str) -> None:
    recorder, db, clock = Recorder(), Outage(database_url), FixedClock()

    async def loses(tx: Transaction, envelope: Envelope) -> None:
        if db.away:
            raise DatabaseUnreachable("here", "it is away")
        await recorder(tx, envelope)

    await emit(db, counted("a", 1))
    courier = Courier(db, bus_of(one=loses), clock, Pace(tries=1))

    async def handler_meets_the_outage(tx: Transaction, envelope: Envelope) -> None:
        db.away = True
        await loses(tx, envelope)

    meets = Courier(db, bus_of(one=handler_meets_the_outage), clock, Pace(tries=1))
    with pytest.raises(DatabaseUnreachable):
        await meets.deliver()
    db.away = False

    assert await courier.deliver() == 1
    assert recorder.numbers == [1]
    await db.close()
