"""Transactions, on SQLite and on PostgreSQL, each for one tenant."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from upid.kit.db.errors import DatabaseBusy
from upid.kit.db.settings import ALL_TENANTS, DEFAULT_TENANT, DatabaseSettings
from upid.kit.events import Envelope, Event, enclosed, encoded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction: `sql` runs statements, `tenant` is whose rows they may touch.

    Statements filter by tenant themselves. On PostgreSQL row level security holds even where one
    forgets to; on SQLite the filter is all there is.

    emitted  events and their payloads as text, written to the outbox as the last thing before the
             commit: only then is what keeps the events of one key in order held for a moment
    """

    sql: AsyncConnection
    tenant: str
    emitted: list[tuple[Envelope, str]] = field(default_factory=list)

    async def emit(self, event: Event) -> None:
        """Let an event be delivered if, and only if, this transaction commits.

        A savepoint that is rolled back does not take it back. Raises ValueError for an event that
        is none, see `enclosed`.
        """
        if self.tenant == ALL_TENANTS:
            raise ValueError(f"{event.topic!r} happened to nobody: the transaction is for all")
        envelope = enclosed(event, self.tenant)
        self.emitted.append((envelope, encoded(envelope.payload, envelope.topic)))


class Database:
    """Hands out transactions; connects, and imports SQLAlchemy, when the first is wanted."""

    def __init__(self, url: str, settings: DatabaseSettings | None = None) -> None:
        self._url = url
        self._settings = settings or DatabaseSettings()
        self._engine: AsyncEngine | None = None
        self._turn = asyncio.Lock()
        self._listeners: list[Callable[[], None]] = []

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
            async with self._in_turn(self._engine), self._engine.begin() as sql:
                await begun(sql, tenant, self._settings)
                tx = Transaction(sql, tenant)
                yield tx
                if tx.emitted:
                    from upid.kit.db.outbox import write

                    await write(tx)
        if tx.emitted:
            for heard in tuple(self._listeners):
                heard()

    @asynccontextmanager
    async def _in_turn(self, engine: AsyncEngine) -> AsyncIterator[None]:
        """Let SQLite's transactions have their turn as they come.

        SQLite lets waiters look again now and then, in no order: one task that writes without a
        pause, such as a courier, would let no other one in.
        """
        from upid.kit.db.engine import shown

        if engine.dialect.name != "sqlite":
            yield
            return
        try:
            async with asyncio.timeout(self._settings.query_timeout.total_seconds()):
                await self._turn.acquire()
        except TimeoutError as error:
            raise DatabaseBusy(shown(self._url), "the transaction before takes long") from error
        try:
            yield
        finally:
            self._turn.release()

    def on_emitted(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Call `heard` after each commit of events by this process; return what ends that."""
        self._listeners.append(heard)
        return lambda: self._listeners.remove(heard)

    async def ping(self) -> None:
        """Return when the database answers. Raises what `transaction` raises."""
        async with self.transaction() as tx:
            await tx.sql.exec_driver_sql("SELECT 1")

    async def close(self) -> None:
        """Close every connection; the next transaction opens them again."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()
