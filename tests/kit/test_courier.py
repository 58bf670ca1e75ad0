"""Events reach their handlers: after the commit, again after failures, and others go on.

Broken on purpose                                      Red test
`emit` writes although the transaction failed          is_delivered_only_if_its_transaction_commits
`note_done` after the handler, in its own transaction  leaves_no_mark_and_is_tried_again
a lane that fails ends the round                       does_not_hold_up_another_key
`translated` left to see a handler's OSError           counts_as_a_failure_of_the_handler
`_settle` left out                                     is_removed_after_a_day
the loop without its `except`                          is_waited_for
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from tests.fixtures.clock import FixedClock
from tests.fixtures.postgres import EmptyDatabase
from tests.kit.news import INSTANT as START
from tests.kit.news import (
    Followed,
    Recorder,
    counted,
    emit,
    leave,
    make_marks,
    marks_of,
)
from upid.core.errors import UpidError
from upid.kit.bus import Bus, Handler
from upid.kit.clock import system_clock
from upid.kit.courier import Courier, Pace
from upid.kit.db import Database, DatabaseUnreachable, Transaction
from upid.kit.db.tables import inbox, outbox
from upid.kit.events import Envelope

pytestmark = pytest.mark.anyio


def bus_of(**handlers: Handler) -> Bus:
    bus = Bus()
    for name, handler in handlers.items():
        bus.subscribe(name, ["thing.*"], handler)
    return bus


async def rows(db: Database, table: sa.Table) -> int:
    async with db.transaction() as tx:
        counting = sa.select(sa.func.count()).select_from(table)
        return int((await tx.sql.execute(counting)).scalar_one())


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


async def test_an_event_is_delivered_only_if_its_transaction_commits(db: Database) -> None:
    """DESIGN 6: an event is a row of the transaction that caused it."""
    recorder = Recorder()
    courier = Courier(db, bus_of(one=recorder), FixedClock())

    async def fails() -> None:
        async with db.transaction() as tx:
            await tx.emit(counted("a", 1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    await emit(db, counted("a", 2))

    assert await courier.deliver() == 1
    assert await courier.deliver() == 0
    assert recorder.numbers == [2]


async def test_a_handler_sees_what_was_emitted(db: Database) -> None:
    recorder = Recorder()
    await emit(db, counted("a\u00e9\U0001f600", 1), tenant="ours")

    await Courier(db, bus_of(one=recorder), FixedClock()).deliver()

    (seen,) = recorder.seen
    assert (seen.topic, seen.key, seen.at) == ("thing.counted", "a\u00e9\U0001f600", START)
    assert (seen.tenant, seen.actor) == ("ours", "system")
    assert seen.payload == {"thing": "a\u00e9\U0001f600", "number": 1}


async def test_events_of_every_tenant_are_delivered_as_that_tenant(db: Database) -> None:
    tenants: list[tuple[str, str]] = []

    async def note(tx: Transaction, envelope: Envelope) -> None:
        tenants.append((tx.tenant, envelope.tenant))

    await emit(db, counted("a", 1), tenant="ours")
    await emit(db, counted("a", 1), tenant="theirs")

    assert await Courier(db, bus_of(one=note), FixedClock()).deliver() == 2
    assert sorted(tenants) == [("ours", "ours"), ("theirs", "theirs")]


async def test_nothing_happens_to_all_tenants_at_once(db: Database) -> None:
    with pytest.raises(ValueError, match="for all"):
        await emit(db, counted("a", 1), tenant="*")


async def test_what_a_handler_emits_is_delivered_as_well(db: Database) -> None:
    recorder = Recorder()

    async def follow(tx: Transaction, envelope: Envelope) -> None:
        await tx.emit(Followed(at=START, thing="f", number=envelope.payload["number"]))

    bus = bus_of(first=follow)
    bus.subscribe("second", ["follow.counted"], recorder)
    await emit(db, counted("a", 1), counted("a", 2))

    assert await Courier(db, bus, FixedClock()).deliver() == 4
    assert recorder.numbers == [1, 2]


async def test_a_handler_that_fails_leaves_no_mark_and_is_tried_again(
    db: Database, database_url: str
) -> None:
    """RELIABILITY S1: what a handler writes and that it did so are one transaction."""
    make_marks(database_url)
    clock, recorder = FixedClock(), Recorder(fails=[1, 1])

    async def mark(tx: Transaction, envelope: Envelope) -> None:
        await leave(tx, "one", envelope.key, envelope.payload["number"])
        await recorder(tx, envelope)

    courier = Courier(db, bus_of(one=mark), clock)
    await emit(db, counted("a", 1), counted("a", 2))

    assert await courier.deliver() == 0
    assert await marks_of(db, "one") == {}
    clock.move(timedelta(seconds=1))
    assert await courier.deliver() == 0
    clock.move(timedelta(seconds=1))
    assert await courier.deliver() == 0  # the pause has doubled
    clock.move(timedelta(seconds=1))
    assert await courier.deliver() == 2
    assert await marks_of(db, "one") == {"a": [1, 2]}


async def test_a_handler_that_fails_does_not_hold_up_another_key_or_another_handler(
    db: Database,
) -> None:
    failing, good = Recorder(fails=[7] * 9), Recorder()
    events = [counted("a", 7), *(counted("a", number) for number in range(100, 130))]
    await emit(db, *events, counted("b", 1), counted("b", 2))
    courier = Courier(db, bus_of(one=failing, two=good), FixedClock())

    await courier.deliver()

    assert (failing.of("a"), failing.of("b")) == ([], [1, 2])
    assert (good.of("a"), good.of("b")) == ([7, *range(100, 130)], [1, 2])


async def test_an_event_that_always_fails_is_parked_with_its_reason(db: Database) -> None:
    clock, failing = FixedClock(), Recorder(fails=[1] * 4)
    courier = Courier(db, bus_of(one=failing), clock, Pace(tries=3))
    await emit(db, counted("a", 1), counted("a", 2))

    with capture_logs() as lines:
        for _ in range(4):
            await courier.deliver()
            clock.move(timedelta(minutes=1))

    (parked,) = await courier.parked()
    assert (parked.handler, parked.attempts, parked.envelope.key) == ("one", 3, "a")
    assert parked.reason == "RuntimeError: number 1 is refused, password=***"
    assert [line["event"] for line in lines] == ["handler failed", "handler failed", "event parked"]
    assert failing.numbers == [2]  # what comes after goes on

    assert await courier.retry(parked.envelope.id, "one")
    assert not await courier.retry(parked.envelope.id, "one")
    await courier.deliver()
    clock.move(timedelta(minutes=1))
    await courier.deliver()
    assert failing.numbers == [2, 1]
    assert await courier.parked() == []


@pytest.mark.parametrize(
    "error",
    [OSError("no such host"), asyncio.CancelledError(), UpidError("no"), TimeoutError()],
    ids=["system", "cancelled", "ours", "time-out"],
)
async def test_whatever_a_handler_raises_counts_as_a_failure_of_the_handler(
    db: Database, error: BaseException
) -> None:
    async def raises(tx: Transaction, envelope: Envelope) -> None:
        raise error

    await emit(db, counted("a", 1))
    courier = Courier(db, bus_of(one=raises), FixedClock(), Pace(tries=1))

    assert await courier.deliver() == 1
    assert [one.handler for one in await courier.parked()] == ["one"]


async def test_a_handler_that_hangs_is_given_up_and_leaves_nothing(
    db: Database, database_url: str
) -> None:
    make_marks(database_url)

    async def hangs(tx: Transaction, envelope: Envelope) -> None:
        await leave(tx, "one", envelope.key, 1)
        await asyncio.Event().wait()

    await emit(db, counted("a", 1))
    short = Pace(tries=1, limit=timedelta(milliseconds=100))
    courier = Courier(db, bus_of(one=hangs), FixedClock(), short)

    assert await courier.deliver() == 1
    assert [one.reason for one in await courier.parked()] == [
        "the handler 'one' failed: it took too long"
    ]
    assert await marks_of(db, "one") == {}


async def test_a_handler_that_hangs_in_the_database_is_given_up_too(
    postgres_database: EmptyDatabase,
) -> None:
    db = Database(postgres_database.url)

    async def hangs(tx: Transaction, envelope: Envelope) -> None:
        await tx.sql.execute(sa.text("SELECT pg_sleep(60)"))

    await emit(db, counted("a", 1))
    short = Pace(tries=1, limit=timedelta(milliseconds=100))
    courier = Courier(db, bus_of(one=hangs), FixedClock(), short)

    assert await courier.deliver() == 1
    assert len(await courier.parked()) == 1
    await db.close()


async def test_a_handler_whose_connection_breaks_is_tried_again(
    postgres_database: EmptyDatabase,
) -> None:
    db, clock, recorder = Database(postgres_database.url), FixedClock(), Recorder()
    broken = [True]

    async def breaks(tx: Transaction, envelope: Envelope) -> None:
        if broken:
            broken.clear()
            await tx.sql.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
        await recorder(tx, envelope)

    await emit(db, counted("a", 1))
    courier = Courier(db, bus_of(one=breaks), clock)

    assert await courier.deliver() == 0
    clock.move(timedelta(seconds=1))
    assert await courier.deliver() == 1
    assert recorder.numbers == [1]
    await db.close()


async def test_what_was_delivered_is_removed_after_a_day(db: Database) -> None:
    clock, failing = FixedClock(), Recorder(fails=[3])
    courier = Courier(db, bus_of(one=failing), clock, Pace(tries=1))
    await emit(db, *(counted("a", number) for number in range(5)))
    await courier.deliver()

    assert await courier.trim() == 0
    clock.move(timedelta(hours=24, seconds=1))
    await emit(db, counted("b", 1))
    assert await courier.trim() == 4
    assert len(await courier.parked()) == 1  # stays, so that somebody sees it
    clock.move(timedelta(days=30))
    assert await courier.trim() == 1
    assert (await rows(db, outbox), await rows(db, inbox)) == (1, 0)
    assert await courier.deliver() == 1


async def test_an_event_that_nobody_wants_is_removed_as_well(db: Database) -> None:
    clock = FixedClock()
    courier = Courier(db, Bus(), clock)
    await emit(db, *(counted("a", number) for number in range(1200)))

    assert await courier.deliver() == 0
    clock.move(timedelta(hours=25))
    assert await courier.trim() == 1200
    assert await rows(db, outbox) == 0


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


async def test_a_busy_key_leaves_others_their_turn(db: Database) -> None:
    """A lane has half a second, then those that came meanwhile are looked for."""
    order: list[str] = []

    async def slow(tx: Transaction, envelope: Envelope) -> None:
        order.append(envelope.key)
        if len(order) == 1:
            await later.emit_one()
        await asyncio.sleep(0.05)

    class Later:
        """Emits from beside the delivery, as another request would."""

        def __init__(self) -> None:
            self.task: asyncio.Task[None] | None = None

        async def emit_one(self) -> None:
            self.task = asyncio.create_task(emit(db, counted("b", 1)))

    later = Later()
    await emit(db, *(counted("a", number) for number in range(30)))
    await Courier(db, bus_of(one=slow), FixedClock(), Pace(at_once=1)).deliver()

    assert later.task is not None
    await later.task
    assert order.count("a") == 30
    assert "b" in order[:-1]


async def test_a_long_queue_behind_one_failure_is_read_in_bounded_time(db: Database) -> None:
    """PostgreSQL knows little of tables that fill and empty, and plans accordingly."""
    failing, good = Recorder(fails=[0, 0]), Recorder()
    await emit(db, *(counted("a", number) for number in range(4000)))
    through = "INSERT INTO inbox SELECT tenant, id, 'two', 0, NULL, at, NULL, '' FROM outbox"
    async with db.transaction() as tx:
        await tx.sql.execute(sa.text(through))
    courier = Courier(db, bus_of(one=failing, two=good), FixedClock())

    await courier.deliver()
    await emit(db, counted("b", 1))
    async with asyncio.timeout(5):
        assert await courier.deliver() == 2
