"""What SQLite and PostgreSQL say differently: upserts, and locks that a transaction holds."""

import hashlib
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from upid.kit.db.transaction import Transaction


def insert(tx: Transaction, table: sa.Table) -> "postgresql.Insert | sqlite.Insert":
    """Return an INSERT that may say what happens on a conflict; both databases mean the same."""
    return postgresql.insert(table) if is_postgresql(tx) else sqlite.insert(table)


def is_postgresql(tx: Transaction) -> bool:
    """Return whether several transactions may be under way at once."""
    return tx.sql.dialect.name == "postgresql"


async def wait_for_locks(tx: Transaction, numbers: Sequence[int]) -> None:
    """Hold locks until the transaction ends; taken in order, so that nobody waits in a ring.

    SQLite has one writer, who holds everything.
    """
    if is_postgresql(tx):
        taken = sa.text("SELECT pg_advisory_xact_lock(n) FROM unnest(CAST(:all AS bigint[])) n")
        await tx.sql.execute(taken, {"all": sorted(set(numbers))})


async def try_lock(tx: Transaction, number: int) -> bool:
    """Hold a lock until the transaction ends; return False at once when another one does."""
    if not is_postgresql(tx):
        return True
    taken = sa.text("SELECT pg_try_advisory_xact_lock(:number)")
    return bool((await tx.sql.execute(taken, {"number": number})).scalar_one())


def lock_number(*parts: str) -> int:
    """Return the number of a lock, of 64 bits with sign as PostgreSQL wants it."""
    named = "".join(f"{len(part)}:{part}" for part in parts)
    return int.from_bytes(hashlib.sha256(named.encode()).digest()[:8], signed=True)
