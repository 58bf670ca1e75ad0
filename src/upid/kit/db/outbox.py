"""News in and out of SQL: written with what caused it, read in order, settled, trimmed.

Two locks make the order exact on PostgreSQL, where a later number may be committed before an
earlier one: writers of one key commit one after the other, and numbers are drawn under that lock;
and one courier at a time holds a lane (handler, tenant, key) while it delivers.
"""

import json
from collections.abc import Sequence
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
_TRIMMED = 500  # events at a time, so that no transaction is long


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
    wanted = (
        sa.select(outbox, inbox.c.attempts, inbox.c.due)
        .select_from(outbox.outerjoin(inbox, _of(handler)))
        .where(outbox.c.tenant == tx.tenant, outbox.c.key == key, outbox.c.delivered.is_(None))
        .where(outbox.c.seq > after, _any_of(topics))
        .where(inbox.c.done.is_(None), inbox.c.parked.is_(None))
        .order_by(outbox.c.seq)
        .limit(1)
    )
    row = (await tx.sql.execute(wanted)).one_or_none()
    return None if row is None else Head(row.seq, envelope(row), row.attempts or 0, row.due)


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
    mine = (outbox.c.tenant == tx.tenant) & outbox.c.delivered.is_(None)
    settled = sa.update(outbox).where(mine, outbox.c.topic == batch.topic)
    if batch.below is not None:
        settled = settled.where(outbox.c.seq < batch.below)
    if batch.handlers:
        through = (
            sa.select(sa.func.count())
            .where(inbox.c.tenant == tx.tenant, inbox.c.event == outbox.c.id)
            .where(inbox.c.handler.in_(batch.handlers))
            .where(inbox.c.done.is_not(None) | inbox.c.parked.is_not(None))
            .scalar_subquery()
        )
        every = through == len(batch.handlers)
        settled = settled.where(outbox.c.key.in_(batch.keys), every)
    await tx.sql.execute(settled.values(delivered=at))


async def tenants_to_trim(tx: Transaction, before: datetime) -> list[str]:
    """Return whose events were delivered before an instant; takes a transaction for all."""
    old = sa.select(outbox.c.tenant).where(outbox.c.delivered < before).distinct()
    return sorted((await tx.sql.execute(old)).scalars())


async def trim(tx: Transaction, before: datetime, parked_before: datetime) -> int:
    """Remove some events delivered before an instant, with what handlers did; return how many.

    Parked ones stay until the second instant, so that somebody sees them.
    """
    kept = sa.exists().where(
        inbox.c.tenant == tx.tenant, inbox.c.event == outbox.c.id, inbox.c.parked >= parked_before
    )
    old = (
        sa.select(outbox.c.id)
        .where(outbox.c.tenant == tx.tenant, outbox.c.delivered < before, ~kept)
        .order_by(outbox.c.seq)
        .limit(_TRIMMED)
        .with_for_update(skip_locked=True)  # SQLite needs none, and is told none
    )
    ids = list((await tx.sql.execute(old)).scalars())
    if ids:
        for table, column in ((inbox, inbox.c.event), (outbox, outbox.c.id)):
            mine = table.c.tenant == tx.tenant
            await tx.sql.execute(sa.delete(table).where(mine, column.in_(ids)))
    return len(ids)


def envelope(row: sa.Row[Any]) -> Envelope:
    """Return a row of the outbox as it travels."""
    payload = json.loads(row.payload)
    return Envelope(row.id, row.topic, row.key, row.at, row.actor, row.tenant, payload)


def _of(handler: str) -> sa.ColumnElement[bool]:
    return (
        (inbox.c.tenant == outbox.c.tenant)
        & (inbox.c.event == outbox.c.id)
        & (inbox.c.handler == handler)
    )


def _any_of(topics: Sequence[str]) -> sa.ColumnElement[bool]:
    """Return the condition that a topic is one of these, or below one such as "cluster.*"."""
    exact = [topic for topic in topics if not topic.endswith(".*")]
    below = [topic.removesuffix("*") for topic in topics if topic.endswith(".*")]
    patterns = [outbox.c.topic.startswith(prefix, autoescape=True) for prefix in below]
    return sa.or_(outbox.c.topic.in_(exact), *patterns)
