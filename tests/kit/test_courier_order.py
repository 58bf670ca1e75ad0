"""No event is skipped and the order of each key is exact, whoever commits when (RELIABILITY S2).

Broken on purpose                              Red test
`write` takes no lock                          commits_of_one_key_follow_their_numbers
the courier reads beyond the last number only  are_all_delivered
`claim` always succeeds                        does_not_wait_for_what_another_is_at
"""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from tests.fixtures.clock import FixedClock
from tests.fixtures.postgres import EmptyDatabase
from tests.kit.news import Recorder, counted, emit, leave, make_marks, marks_of
from upid.kit.bus import Bus
from upid.kit.courier import Courier, Pace
from upid.kit.db import Database, DatabaseSettings, Transaction
from upid.kit.db.outbox import write
from upid.kit.events import Envelope

pytestmark = pytest.mark.anyio

SEED = 20260302
LIMIT = 30  # seconds for any wait here


class Writer:
    """A transaction that has drawn its number, and commits when it is told to."""

    def __init__(self, db: Database, thing: str, number: int) -> None:
        self._db, self._thing, self._number = db, thing, number
        self.numbered, self.may_commit = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with self._db.transaction() as tx:
            await tx.emit(counted(self._thing, self._number))
            await write(tx)
            tx.emitted.clear()
            self.numbered.set()
            await self.may_commit.wait()

    async def commit(self) -> None:
        self.may_commit.set()
        async with asyncio.timeout(LIMIT):
            await self.task


async def interleaved(db: Database, courier: Courier, writers: int, draw: Random) -> None:
    """Draw numbers in one order and commit in another, some at a time, delivering between."""
    for first in range(0, writers, 10):
        group = []
        for number in range(first, first + 10):
            group.append(Writer(db, f"key {number % 10}", number))
            async with asyncio.timeout(LIMIT):
                await group[-1].numbered.wait()
        draw.shuffle(group)
        for writer in group:
            await writer.commit()
            if draw.random() < 0.5:
                await courier.deliver()
    await courier.deliver()


@pytest.mark.parametrize(
    "writers",
    [
        pytest.param(40, id="40"),
        pytest.param(1000, id="1000", marks=[pytest.mark.slow, pytest.mark.full]),
    ],
)
async def test_events_that_are_committed_in_another_order_than_numbered_are_all_delivered(
    postgres_database: EmptyDatabase, writers: int
) -> None:
    db, recorder, bus = Database(postgres_database.url), Recorder(), Bus()
    bus.subscribe("one", ["thing.*"], recorder)

    await interleaved(db, Courier(db, bus, FixedClock()), writers, Random(SEED))
    await db.close()

    assert sorted(recorder.numbers) == list(range(writers))
    for key in range(10):
        assert list(recorder.of(f"key {key}")) == list(range(key, writers, 10))


async def test_commits_of_one_key_follow_their_numbers(postgres_database: EmptyDatabase) -> None:
    """The second writer of a key draws its number when the first has committed."""
    db, recorder, bus = Database(postgres_database.url), Recorder(), Bus()
    bus.subscribe("one", ["thing.*"], recorder)
    courier = Courier(db, bus, FixedClock())

    first = Writer(db, "a", 1)
    await first.numbered.wait()
    second = Writer(db, "a", 2)
    second.may_commit.set()
    await asyncio.wait({second.task}, timeout=0.3)
    early = await courier.deliver()
    await first.commit()
    await second.commit()
    await courier.deliver()
    await db.close()

    assert (early, recorder.numbers) == (0, [1, 2])


async def test_writers_of_the_same_keys_in_another_order_do_not_lock_each_other_out(
    db: Database,
) -> None:
    keys = [f"key {number}" for number in range(40)]
    forward = [counted(key, 1) for key in keys]
    backward = [counted(key, 2) for key in reversed(keys)]

    async with asyncio.timeout(LIMIT):
        await asyncio.gather(*(emit(db, *events) for events in [forward, backward] * 5))


async def test_a_transaction_may_emit_about_more_keys_than_the_database_has_locks(
    db: Database,
) -> None:
    await emit(db, *(counted(f"key {number}", number) for number in range(10_000)))

    async with asyncio.timeout(LIMIT):  # and what nobody wants is settled in one go
        assert await Courier(db, Bus(), FixedClock()).deliver() == 0


async def test_two_couriers_at_once_deliver_each_event_once_and_in_order(
    db: Database, database_url: str
) -> None:
    """RELIABILITY S1, S2: two processes work on one outbox; writers write meanwhile."""
    make_marks(database_url)
    other = Database(database_url, DatabaseSettings())
    draw = Random(SEED)

    async def mark(tx: Transaction, envelope: Envelope) -> None:
        await asyncio.sleep(draw.random() / 200)
        await leave(tx, "one", envelope.key, envelope.payload["number"])

    bus = Bus()
    bus.subscribe("one", ["thing.*"], mark)
    couriers = [Courier(each, bus, FixedClock()) for each in (db, other)]

    async def write_all(key: str, numbers: Sequence[int]) -> None:
        for number in numbers:
            await emit(db, counted(key, number))

    async def deliver_meanwhile(courier: Courier, writing: "asyncio.Task[None]") -> None:
        while not writing.done():
            await courier.deliver()
            await asyncio.sleep(0.01)

    async with asyncio.timeout(2 * LIMIT), asyncio.TaskGroup() as group:
        writing = [group.create_task(write_all(key, range(12))) for key in "abc"]
        for courier in couriers:
            for task in writing:
                group.create_task(deliver_meanwhile(courier, task))
    await couriers[0].deliver()
    await other.close()

    assert await marks_of(db, "one") == {key: list(range(12)) for key in "abc"}


async def test_a_courier_does_not_wait_for_what_another_is_at(
    postgres_database: EmptyDatabase,
) -> None:
    db, other = Database(postgres_database.url), Database(postgres_database.url)
    begun, go = asyncio.Event(), asyncio.Event()
    seen: list[tuple[str, str]] = []

    def bus_of(name: str, *, waits: bool) -> Bus:
        async def handler(tx: Transaction, envelope: Envelope) -> None:
            seen.append((name, envelope.key))
            begun.set()
            if waits:
                await go.wait()

        bus = Bus()
        bus.subscribe("one", ["thing.*"], handler)
        return bus

    pace = Pace(at_once=1)
    await emit(db, counted("a", 1))
    first = Courier(db, bus_of("first", waits=True), FixedClock(), pace)
    delivering = asyncio.create_task(first.deliver())
    await begun.wait()
    await emit(db, counted("b", 1))
    second = Courier(other, bus_of("second", waits=False), FixedClock(), pace)
    async with asyncio.timeout(3):
        assert await second.deliver() == 1
    go.set()
    assert await delivering == 1
    await db.close()
    await other.close()

    assert seen == [("first", "a"), ("second", "b")]


def test_the_numbers_of_locks_are_the_same_in_every_process() -> None:
    from upid.kit.db.statements import lock_number

    assert lock_number("lane", "one", "default", "a") == lock_number("lane", "one", "default", "a")
    assert lock_number("a", "bc") != lock_number("ab", "c")
    assert -(2**63) <= lock_number("x") < 2**63
