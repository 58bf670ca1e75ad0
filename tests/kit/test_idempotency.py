"""The same request sent again is answered the same, and done once (RELIABILITY S3).

Broken on purpose                                  Red test
`reserve` looks first and inserts then             sent_eight_ways_at_once
`remember` in a transaction of its own             answered_with_the_same_bytes
the fingerprint is not compared                    key_for_another_request
what `work` refuses is remembered                  refused_work_is_done_when_it_comes_again
"""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.fixtures.clock import FixedClock
from tests.kit.news import Recorder, counted, leave, make_marks, marks_of
from upid.core.errors import Kind, UpidError
from upid.kit.bus import Bus
from upid.kit.courier import Courier
from upid.kit.db import Database, DatabaseSettings, Transaction
from upid.kit.db.tables import replies
from upid.kit.idempotency import IdempotencyKeyInvalid, IdempotencyKeyReused, Reply, once
from upid.kit.problems import status_of

pytestmark = pytest.mark.anyio

CLOCK = FixedClock()
BODY = bytes(range(256))
IMPATIENT = 60  # seconds for any wait here


class Work:
    """Leaves a mark each time, and tells in its reply how often it was done."""

    def __init__(self, key: str = "k") -> None:
        self.key, self.times = key, 0

    async def __call__(self, tx: Transaction) -> Reply:
        self.times += 1
        await leave(tx, "done", self.key, self.times)
        await asyncio.sleep(0)
        return Reply(201, BODY + str(self.times).encode(), {"ETag": '"1"', "X-Name": "\u00e9"})


@pytest.fixture
def marked(database_url: str) -> None:
    make_marks(database_url)


async def test_a_repeated_request_is_answered_with_the_same_bytes(
    db: Database, marked: None
) -> None:
    work = Work()
    first = await once(db, "k", b"POST /x", work, clock=CLOCK)
    second = await once(db, "k", b"POST /x", work, clock=CLOCK)

    assert first == second
    assert (work.times, await marks_of(db, "done")) == (1, {"k": [1]})


async def test_a_key_for_another_request_is_refused(db: Database, marked: None) -> None:
    """S3: the same key with another body is 422."""
    work = Work()
    await once(db, "k", b"one", work, clock=CLOCK)
    with pytest.raises(IdempotencyKeyReused, match="'k'") as caught:
        await once(db, "k", b"other", work, clock=CLOCK)

    assert (status_of(caught.value), caught.value.code) == (422, "idempotency_key_reused")
    assert work.times == 1


async def test_without_a_key_everything_is_done_each_time(db: Database, marked: None) -> None:
    work = Work()
    for _ in range(2):
        await once(db, None, b"one", work, clock=CLOCK)

    assert await marks_of(db, "done") == {"k": [1, 2]}


async def test_refused_work_is_done_when_it_comes_again(db: Database, marked: None) -> None:
    work = Work()

    async def refuses(tx: Transaction) -> Reply:
        await work(tx)
        raise UpidError("not now")

    with pytest.raises(UpidError, match="not now"):
        await once(db, "k", b"one", refuses, clock=CLOCK)
    reply = await once(db, "k", b"one", work, clock=CLOCK)

    assert reply.body.endswith(b"2")
    assert await marks_of(db, "done") == {"k": [2]}


async def test_events_of_repeated_work_are_emitted_once(db: Database) -> None:
    recorder, bus = Recorder(), Bus()
    bus.subscribe("one", ["thing.*"], recorder)

    async def emits(tx: Transaction) -> Reply:
        await tx.emit(counted("a", 1))
        return Reply(204, b"")

    for _ in range(3):
        await once(db, "k", b"one", emits, clock=CLOCK)
    await Courier(db, bus, CLOCK).deliver()

    assert recorder.numbers == [1]


async def test_one_tenants_keys_are_not_anothers(db: Database, marked: None) -> None:
    work = Work()
    await once(db, "k", b"one", work, clock=CLOCK, tenant="ours")
    await once(db, "k", b"other", work, clock=CLOCK, tenant="theirs")

    assert work.times == 2


async def test_a_key_is_forgotten_after_a_day(db: Database, marked: None) -> None:
    clock, work = FixedClock(), Work()
    for name in ("a", "b"):
        await once(db, name, b"one", work, clock=clock)
    clock.move(timedelta(hours=23, minutes=59))
    await once(db, "a", b"one", work, clock=clock)
    assert work.times == 2

    clock.move(timedelta(minutes=1))
    await once(db, "a", b"other", work, clock=clock)
    assert work.times == 3
    async with db.transaction() as tx:
        kept = (await tx.sql.execute(sa.select(replies.c.key))).scalars().all()
    assert list(kept) == ["a"]  # the others' rows went with it


@pytest.mark.parametrize("key", ["", " ", " a", "a ", "a\n", "\u00e9", "x" * 256, "a\x7f"])
async def test_a_key_is_short_printable_text(db: Database, key: str) -> None:
    with pytest.raises(IdempotencyKeyInvalid) as caught:
        await once(db, key, b"one", Work(), clock=CLOCK)

    assert caught.value.kind is Kind.INVALID


@pytest.mark.parametrize("key", ["a", "x" * 255, "8f14e45f ceea", '"quoted"'])
async def test_any_other_text_is_a_key(db: Database, marked: None, key: str) -> None:
    assert (await once(db, key, b"one", Work(), clock=CLOCK)).status == 201


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(50, id="50"),
        pytest.param(1250, id="1250", marks=[pytest.mark.slow, pytest.mark.full]),
    ],
)
async def test_a_request_sent_eight_ways_at_once_is_done_once(
    db: Database, database_url: str, marked: None, keys: int
) -> None:
    """S3: from two programs at once, 1 effect and identical replies."""
    other = Database(database_url, DatabaseSettings())
    for number in range(keys):
        key, work = f"key {number}", Work(f"key {number}")
        async with asyncio.timeout(IMPATIENT):
            sent = [once(each, key, b"one", work, clock=CLOCK) for each in [db, other] * 4]
            found = await asyncio.gather(*sent)
        assert len({(one.status, one.body, str(one.headers)) for one in found}) == 1
    await other.close()

    assert len(await marks_of(db, "done")) == keys
    assert all(len(marked) == 1 for marked in (await marks_of(db, "done")).values())


async def test_a_request_whose_program_is_killed_at_any_moment_is_done_once(
    db: Database, database_url: str, marked: None, root: Path
) -> None:
    """S3: a client that heard nothing sends again, until it hears; the effect is there once."""
    asked = (sys.executable, "-m", "tests.kit.sender", database_url)
    sender = await asyncio.create_subprocess_exec(
        *asked, cwd=root, stdout=asyncio.subprocess.PIPE, env=os.environ
    )
    async with asyncio.timeout(IMPATIENT):
        told, _ = await sender.communicate()

    # each statement, before the commit, after it; only the last one lives
    assert told.decode().split("\n") == [*[" -9"] * 8, "the reply 0", ""]
    assert (await once(db, "k", b"one", Work(), clock=CLOCK)).body == b"the reply"
    assert await marks_of(db, "done") == {"k": [1]}
