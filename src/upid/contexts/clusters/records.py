"""What is stored of registered clusters: rows, sealed credentials, looks, news."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upid.contexts.clusters.errors import ClusterNotFound
from upid.kit.crypto import Cell
from upid.kit.db import DEFAULT_TENANT
from upid.kit.logs import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from upid.contexts.clusters.registered import Look, Registered
    from upid.contexts.clusters.repository import CheckRepository, ClusterRepository
    from upid.kit.crypto import Vault
    from upid.kit.db import Database, Transaction
    from upid.kit.events import Event


_log = logger("upid.clusters")


class ClusterRecords:
    """The rows of registered clusters, and what seals and opens their credentials.

    vault  is called when credentials are sealed or opened: its keys are read after the start
    """

    def __init__(
        self,
        db: Database,
        clusters: Callable[[Transaction], ClusterRepository],
        checks: Callable[[Transaction], CheckRepository],
        vault: Callable[[], Vault],
        checks_kept: int,
    ) -> None:
        self.db, self._vault, self._kept = db, vault, checks_kept
        self.clusters, self.checks = clusters, checks

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction on the rows."""
        return self.db.transaction()

    async def all(self) -> list[Registered]:
        """Return every registered cluster."""
        async with self.db.transaction() as tx:
            return await self.clusters(tx).all()

    def sealed(self, cluster_id: str, kubeconfig: bytes) -> bytes:
        """Return credentials as they are stored: they open in this cluster's row only."""
        return self._vault().seal(kubeconfig, _cell(cluster_id))

    async def kubeconfig(self, cluster_id: str) -> bytes:
        """Return the credentials of a cluster. Raises ClusterNotFound, and what the vault does."""
        async with self.db.transaction() as tx:
            sealed = await self.clusters(tx).credentials(cluster_id)
        if sealed is None:
            raise ClusterNotFound(cluster_id, ())
        return self._vault().open(sealed, _cell(cluster_id))

    async def remember(self, cluster_id: str, check: Look) -> None:
        """Store a look at a cluster."""
        async with self.db.transaction() as tx:
            await self.checks(tx).add(cluster_id, check, self._kept)

    async def announce(self, events: Sequence[Event]) -> None:
        """Store news for the courier, all or none but those that no outbox takes."""
        async with self.db.transaction() as tx:
            for event in events:
                try:
                    await tx.emit(event)
                except ValueError as error:  # nothing of it was written: the rest can be
                    _log.error("news_refused", topic=event.topic, reason=str(error)[:200])


def _cell(cluster_id: str) -> Cell:
    return Cell(DEFAULT_TENANT, "clusters", "credentials", cluster_id)
