"""A transaction, and the events that it causes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from upid.kit.db.settings import ALL_TENANTS
from upid.kit.events import Envelope, Event, enclosed, encoded

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


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
