"""Transactions, on SQLite and on PostgreSQL, each for one tenant."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from upid.kit.db.settings import DatabaseSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

DEFAULT_TENANT = "default"  # the only one until there are logins


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction: `sql` runs statements, `tenant` is whose rows they may touch.

    Statements filter by tenant themselves. On PostgreSQL row level security holds even where one
    forgets to; on SQLite the filter is all there is.
    """

    sql: AsyncConnection
    tenant: str


class Database:
    """Hands out transactions; connects, and imports SQLAlchemy, when the first is wanted."""

    def __init__(self, url: str, settings: DatabaseSettings | None = None) -> None:
        self._url = url
        self._settings = settings or DatabaseSettings()
        self._engine: AsyncEngine | None = None

    @asynccontextmanager
    async def transaction(self, tenant: str = DEFAULT_TENANT) -> AsyncIterator[Transaction]:
        """Open a transaction that commits at the end of the block and rolls back on an error.

        Raises DatabaseUnreachable and DatabaseBusy, also for statements within the block.
        """
        from upid.kit.db.engine import begun, translated

        if self._engine is None:
            from upid.kit.db.engine import async_engine

            self._engine = async_engine(self._url, self._settings)
        with translated(self._url):
            async with self._engine.begin() as sql:
                await begun(sql, tenant, self._settings)
                yield Transaction(sql, tenant)

    async def ping(self) -> None:
        """Return when the database answers. Raises what `transaction` raises."""
        async with self.transaction() as tx:
            await tx.sql.exec_driver_sql("SELECT 1")

    async def close(self) -> None:
        """Close every connection; the next transaction opens them again."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()
