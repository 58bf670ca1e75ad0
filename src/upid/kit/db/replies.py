"""Remembered replies in and out of SQL."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from upid.kit.db.statements import insert
from upid.kit.db.tables import replies
from upid.kit.db.transaction import Transaction

_TRIMMED = 100  # rows at a time: what one request does for those before it


@dataclass(frozen=True, slots=True)
class Remembered:
    """A reply as it was given, and what was asked for."""

    fingerprint: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes


async def reserve(tx: Transaction, key: str, fingerprint: bytes, expires: datetime) -> bool:
    """Take a key; return False when it is taken.

    Waits for another transaction that is about to take it: it takes it or, failing, leaves it.
    """
    taken = insert(tx, replies).values(
        tenant=tx.tenant,
        key=key,
        fingerprint=fingerprint,
        status=0,
        headers="{}",
        body=b"",
        expires=expires,
    )
    taken = taken.on_conflict_do_nothing(index_elements=[replies.c.tenant, replies.c.key])
    return (await tx.sql.execute(taken.returning(replies.c.key))).one_or_none() is not None


async def remember(
    tx: Transaction, key: str, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """Keep the reply of the transaction that took the key."""
    told = {"status": status, "headers": json.dumps(dict(headers)), "body": body}
    await tx.sql.execute(sa.update(replies).where(_mine(tx, key)).values(told))


async def recall(tx: Transaction, key: str) -> Remembered | None:
    """Return what was replied under a key."""
    row = (await tx.sql.execute(sa.select(replies).where(_mine(tx, key)))).one_or_none()
    if row is None:
        return None
    return Remembered(row.fingerprint, row.status, json.loads(row.headers), row.body)


async def forget(tx: Transaction, key: str, now: datetime) -> None:
    """Remove the reply under this key, and some others, whose time is over."""
    over = (replies.c.tenant == tx.tenant) & (replies.c.expires <= now)
    await tx.sql.execute(sa.delete(replies).where(over, replies.c.key == key))
    others = sa.select(replies.c.key).where(over).limit(_TRIMMED).with_for_update(skip_locked=True)
    mine = replies.c.tenant == tx.tenant
    await tx.sql.execute(sa.delete(replies).where(mine, replies.c.key.in_(others)))


def _mine(tx: Transaction, key: str) -> sa.ColumnElement[bool]:
    return (replies.c.tenant == tx.tenant) & (replies.c.key == key)
