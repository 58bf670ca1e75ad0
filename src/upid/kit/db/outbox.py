"""News in and out of SQL: written with what caused it, read in order, settled, trimmed.

Two locks make the order exact on PostgreSQL, where a later number may be committed before an
earlier one: writers of one key commit one after the other, and numbers are drawn under that lock;
and one courier at a time holds a lane (handler, tenant, key) while it delivers.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from upid.kit.db.database import Transaction
from upid.kit.db.statements import insert, lock_number, try_lock, wait_for_locks
from upid.kit.db.tables import inbox, outbox
from upid.kit.events import Envelope

_SLOTS = 256  # locks for all keys of a tenant: a transaction with 10,000 keys holds no more
PARKED_SHOWN = 1000
_PAGE = 500  # events read at a time, so that no statement is long


@dataclass(frozen=True, slots=True)
class Waiting:
    """Events of one key and topic that some handler may not be through with."""

    tenant: str
    key: str
    topic: str


@dataclass(frozen=True, slots=True)
class Head:
    """The next event for one handler and key.

    attempts  how often it failed
    due       when it may be tried again; None for one that did not fail
    """

    seq: int
    envelope: Envelope
    attempts: int
    due: datetime | None


@dataclass(frozen=True, slots=True)
class Failure:
    """How a delivery failed: when it is tried again, or that it is not."""

    attempts: int
    due: datetime | None
    parked: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Settling:
    """Events of a topic and of some keys, or of all where nobody wants the topic.

    below  where a handler stands that waits: beyond, nothing can be settled, and nothing is read
    """

    topic: str
    keys: Sequence[str]
    handlers: Sequence[str]
    below: int | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that a handler was given up for: when, after how many tries, why the last failed."""

    envelope: Envelope
    handler: str
    attempts: int
    at: datetime
    reason: str


async def write(tx: Transaction) -> None:
    """Write what a transaction has emitted; the last thing before its commit."""
    keys = {envelope.key for envelope, _ in tx.emitted}
    slots = {lock_number(key) % _SLOTS for key in keys}
    await wait_for_locks(tx, [lock_number("emit", tx.tenant, str(slot)) for slot in slots])
    await tx.sql.execute(
        sa.insert(outbox),
        [
            {
                "id": envelope.id,
                "tenant": tx.tenant,
                "topic": envelope.topic,
                "key": envelope.key,
                "at": envelope.at,
                "actor": envelope.actor,
                "payload": payload,
            }
            for envelope, payload in tx.emitted
        ],
    )


async def waiting(tx: Transaction) -> list[Waiting]:
    """Return what waits, of every tenant, the longest first; takes a transaction for all."""
    pending = (
        sa.select(outbox.c.tenant, outbox.c.key, outbox.c.topic)
        .where(outbox.c.delivered.is_(None))
        .group_by(outbox.c.tenant, outbox.c.key, outbox.c.topic)
        .order_by(sa.func.min(outbox.c.seq))
    )
    return [Waiting(*row) for row in (await tx.sql.execute(pending)).all()]


async def claim(tx: Transaction, handler: str, key: str) -> bool:
    """Hold a lane until the transaction ends; return False when another courier does."""
    return await try_lock(tx, lock_number("lane", handler, tx.tenant, key))


async def head(
    tx: Transaction, handler: str, key: str, topics: Sequence[str], after: int
) -> Head | None:
    """Return the first event of a key, beyond `after`, that a handler is not through with."""
    lane = (outbox.c.key == key) & _any_of(topics)
    size = 1
    while events := await _page(tx, lane, after, size):
        known = await _known(tx, events.values(), [handler])
        for seq, event in events.items():
            told = known.get((event, handler))
            if told is None or (told.done is None and told.parked is None):
                row = (await tx.sql.execute(sa.select(outbox).where(outbox.c.seq == seq))).one()
                attempts, due = (told.attempts, told.due) if told else (0, None)
                return Head(seq, envelope(row), attempts, due)
        after, size = max(events), min(size * 8, _PAGE)
    return None


async def note_done(tx: Transaction, event: str, handler: str, at: datetime) -> bool:
    """Note that a handler is through with an event; return False when it was before."""
    noted = insert(tx, inbox).values(
        tenant=tx.tenant, event=event, handler=handler, attempts=0, done=at, reason=""
    )
    once = noted.on_conflict_do_update(
        index_elements=[inbox.c.tenant, inbox.c.event, inbox.c.handler],
        set_={"done": at, "due": None},
        where=inbox.c.done.is_(None) & inbox.c.parked.is_(None),
    )
    # what is returned is counted: psycopg knows no number of rows for an INSERT of SQLAlchemy's
    return (await tx.sql.execute(once.returning(inbox.c.event))).one_or_none() is not None


async def note_failure(tx: Transaction, event: str, handler: str, failure: Failure) -> None:
    """Note how a delivery failed, unless another courier has succeeded meanwhile."""
    facts = {
        "attempts": failure.attempts,
        "due": failure.due,
        "parked": failure.parked,
        "reason": failure.reason,
    }
    noted = insert(tx, inbox).values(tenant=tx.tenant, event=event, handler=handler, **facts)
    await tx.sql.execute(
        noted.on_conflict_do_update(
            index_elements=[inbox.c.tenant, inbox.c.event, inbox.c.handler],
            set_=facts,
            where=inbox.c.done.is_(None),
        )
    )


async def parked(tx: Transaction) -> list[Parked]:
    """Return what was given up, the latest first, at most PARKED_SHOWN."""
    found = (
        sa.select(outbox, inbox.c.handler, inbox.c.attempts, inbox.c.parked, inbox.c.reason)
        .select_from(outbox.join(inbox, inbox.c.event == outbox.c.id))
        .where(outbox.c.tenant == tx.tenant, inbox.c.tenant == tx.tenant)
        .where(inbox.c.parked.is_not(None))
        .order_by(inbox.c.parked.desc(), outbox.c.seq.desc())
        .limit(PARKED_SHOWN)
    )
    rows = (await tx.sql.execute(found)).all()
    return [
        Parked(envelope(row), row.handler, row.attempts, row.parked, row.reason) for row in rows
    ]


async def unpark(tx: Transaction, event: str, handler: str) -> bool:
    """Let a handler be given an event again; return False when it is not parked for it."""
    mine = (inbox.c.tenant == tx.tenant) & (inbox.c.event == event) & (inbox.c.handler == handler)
    afresh = sa.update(inbox).where(mine, inbox.c.parked.is_not(None))
    freed = await tx.sql.execute(afresh.values(parked=None, due=None, attempts=0))
    if freed.rowcount:
        again = sa.update(outbox).where(outbox.c.tenant == tx.tenant, outbox.c.id == event)
        await tx.sql.execute(again.values(delivered=None))
    return bool(freed.rowcount)


async def settle(tx: Transaction, batch: Settling, at: datetime) -> None:
    """Mark the events of a batch that every one of their handlers is through with.

    One courier does so at a time: two that touch the same rows could wait in a ring.
    """
    if not await try_lock(tx, lock_number("settle", tx.tenant)):
        return
    wanted = outbox.c.topic == batch.topic
    if batch.below is not None:
        wanted &= outbox.c.seq < batch.below
    mark = sa.update(outbox).where(outbox.c.tenant == tx.tenant).values(delivered=at)
    if not batch.handlers:
        await tx.sql.execute(mark.where(wanted, outbox.c.delivered.is_(None)))
        return
    wanted &= outbox.c.key.in_(batch.keys)
    after = 0
    while events := await _page(tx, wanted, after, _PAGE):
        known = await _known(tx, events.values(), batch.handlers)
        through = Counter(event for (event, _), one in known.items() if one.done or one.parked)
        ids = [event for event, count in through.items() if count == len(batch.handlers)]
        if ids:
            await tx.sql.execute(mark.where(outbox.c.id.in_(ids)))
        after = max(events)


async def tenants_to_trim(tx: Transaction, before: datetime) -> list[str]:
    """Return whose events were delivered before an instant; takes a transaction for all."""
    old = sa.select(outbox.c.tenant).where(outbox.c.delivered < before).distinct()
    return sorted((await tx.sql.execute(old)).scalars())


async def trim(
    tx: Transaction, before: datetime, parked_before: datetime, after: int
) -> tuple[int, int] | None:
    """Remove some events delivered before an instant, with what handlers did.

    Return how many, and the number up to which they were looked at; None when there are none
    beyond `after`. Parked ones stay until the second instant, so that somebody sees them.
    """
    old = (
        sa.select(outbox.c.seq, outbox.c.id)
        .where(outbox.c.tenant == tx.tenant, outbox.c.delivered < before, outbox.c.seq > after)
        .order_by(outbox.c.seq)
        .limit(_PAGE)
        .with_for_update(skip_locked=True)  # SQLite needs none, and is told none
    )
    events = {row.id: row.seq for row in (await tx.sql.execute(old)).all()}
    if not events:
        return None
    parked = (
        sa.select(inbox.c.event)
        .where(inbox.c.tenant == tx.tenant, inbox.c.event.in_(events))
        .where(inbox.c.parked >= parked_before)
    )
    ids = events.keys() - set((await tx.sql.execute(parked)).scalars())
    for table, column in ((inbox, inbox.c.event), (outbox, outbox.c.id)):
        mine = table.c.tenant == tx.tenant
        await tx.sql.execute(sa.delete(table).where(mine, column.in_(sorted(ids))))
    return len(ids), max(events.values())


def envelope(row: sa.Row[Any]) -> Envelope:
    """Return a row of the outbox as it travels."""
    payload = json.loads(row.payload)
    return Envelope(row.id, row.topic, row.key, row.at, row.actor, row.tenant, payload)


async def _page(
    tx: Transaction, wanted: sa.ColumnElement[bool], after: int, size: int
) -> dict[int, str]:
    """Return the ids of some events that wait, by number, the first ones beyond `after`."""
    page = (
        sa.select(outbox.c.seq, outbox.c.id)
        .where(outbox.c.tenant == tx.tenant, outbox.c.delivered.is_(None), outbox.c.seq > after)
        .where(wanted)
        .order_by(outbox.c.seq)
        .limit(size)
    )
    return {row.seq: row.id for row in (await tx.sql.execute(page)).all()}


async def _known(
    tx: Transaction, events: Iterable[str], handlers: Sequence[str]
) -> dict[tuple[str, str], sa.Row[Any]]:
    """Return what some handlers did with some events.

    Asked for by itself: joined with the outbox, PostgreSQL, which knows little of tables that
    fill and empty, compares each row with each: beyond 10 s for 10,000 events.
    """
    found = (
        sa.select(inbox)
        .where(inbox.c.tenant == tx.tenant, inbox.c.event.in_(list(events)))
        .where(inbox.c.handler.in_(handlers))
    )
    return {(row.event, row.handler): row for row in (await tx.sql.execute(found)).all()}


def _any_of(topics: Sequence[str]) -> sa.ColumnElement[bool]:
    """Return the condition that a topic is one of these, or below one such as "cluster.*"."""
    exact = [topic for topic in topics if not topic.endswith(".*")]
    below = [topic.removesuffix("*") for topic in topics if topic.endswith(".*")]
    patterns = [outbox.c.topic.startswith(prefix, autoescape=True) for prefix in below]
    return sa.or_(outbox.c.topic.in_(exact), *patterns)
