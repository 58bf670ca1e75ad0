"""Registered clusters and the looks at them, in and out of SQL."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from upid.contexts.clusters.errors import ClusterExists, ClusterNameTaken
from upid.contexts.clusters.registered import Look, Registered
from upid.contexts.clusters.tables import checks, clusters
from upid.kit.db import Transaction

_SHOWN = tuple(column for column in clusters.c if column.name not in ("tenant", "credentials"))
_TOLD = tuple(column for column in checks.c if column.name not in ("tenant", "cluster_id"))


class ClusterRepository:
    """Registered clusters of one tenant, within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._sql, self._tenant = tx.sql, tx.tenant

    async def add(self, cluster: Registered, credentials: bytes) -> None:
        """Store a cluster with its sealed credentials; the unique indexes decide races.

        Raises ClusterExists and ClusterNameTaken.
        """
        try:
            async with self._sql.begin_nested():
                row = {**_row(cluster), "tenant": self._tenant, "credentials": credentials}
                await self._sql.execute(sa.insert(clusters).values(row))
        except IntegrityError as error:
            known = await self.by_id(cluster.id)
            if known is not None:
                raise ClusterExists(cluster.id, known.name) from error
            raise ClusterNameTaken(cluster.name) from error

    async def change(self, cluster: Registered, credentials: bytes | None) -> bool:
        """Store a changed cluster in place of the revision before; return whether that was there.

        credentials  sealed, or None to keep those that are there
        Raises ClusterNameTaken.
        """
        row = _row(cluster)
        if credentials is not None:
            row["credentials"] = credentials
        before = clusters.c.revision == cluster.revision - 1
        wanted = sa.update(clusters).where(self._mine(cluster.id), before).values(row)
        try:
            async with self._sql.begin_nested():
                changed = await self._sql.execute(wanted)
        except IntegrityError as error:
            raise ClusterNameTaken(cluster.name) from error
        return changed.rowcount == 1

    async def by_id(self, cluster_id: str) -> Registered | None:
        """Return the cluster with this id, if there is one."""
        wanted = sa.select(*_SHOWN).where(self._mine(cluster_id))
        row = (await self._sql.execute(wanted)).one_or_none()
        return None if row is None else _registered(row)

    async def by_name(self, name: str) -> Registered | None:
        """Return the cluster with this name, if there is one."""
        mine = (clusters.c.tenant == self._tenant) & (clusters.c.name == name)
        row = (await self._sql.execute(sa.select(*_SHOWN).where(mine))).one_or_none()
        return None if row is None else _registered(row)

    async def known_as(self, wanted: str) -> Registered | None:
        """Return the cluster with this id or name; PostgreSQL knows no text with a zero byte."""
        if "\0" in wanted:
            return None
        return await self.by_id(wanted) or await self.by_name(wanted)

    async def all(self) -> list[Registered]:
        """Return every registered cluster, by name."""
        wanted = sa.select(*_SHOWN).where(clusters.c.tenant == self._tenant)
        rows = (await self._sql.execute(wanted)).all()
        return sorted(map(_registered, rows), key=lambda one: (one.name, one.id))

    async def credentials(self, cluster_id: str) -> bytes | None:
        """Return the sealed credentials of a cluster, if it is there."""
        wanted = sa.select(clusters.c.credentials).where(self._mine(cluster_id))
        return (await self._sql.execute(wanted)).scalar_one_or_none()

    async def remove(self, cluster_id: str) -> bool:
        """Forget a cluster and every look at it; return whether it was there."""
        gone = await self._sql.execute(sa.delete(clusters).where(self._mine(cluster_id)))
        return gone.rowcount == 1

    def _mine(self, cluster_id: str) -> sa.ColumnElement[bool]:
        return (clusters.c.tenant == self._tenant) & (clusters.c.id == cluster_id)


class CheckRepository:
    """The looks at registered clusters of one tenant, within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._sql, self._tenant = tx.sql, tx.tenant

    async def add(self, cluster_id: str, check: Look, kept: int) -> None:
        """Store a look, and forget those before the last `kept`; nothing of one that is gone."""
        there = sa.select(clusters.c.id).where(
            clusters.c.tenant == self._tenant, clusters.c.id == cluster_id
        )
        if (
            await self._sql.execute(there.with_for_update(read=True, key_share=True))
        ).first() is None:
            return
        row = {name: getattr(check, name) for name in (column.name for column in _TOLD)}
        row |= {"missing": list(check.missing)}
        row |= {"tenant": self._tenant, "cluster_id": cluster_id}
        await self._sql.execute(sa.insert(checks).values(row))
        older = (
            sa.select(checks.c.id)
            .where(self._of(cluster_id))
            .order_by(checks.c.at.desc(), checks.c.id.desc())
            .offset(kept)
        )
        await self._sql.execute(sa.delete(checks).where(checks.c.id.in_(older)))

    async def latest(self, cluster_id: str, limit: int) -> list[Look]:
        """Return the latest looks at a cluster, the newest first."""
        wanted = (
            sa.select(*_TOLD)
            .where(self._of(cluster_id))
            .order_by(checks.c.at.desc(), checks.c.id.desc())
            .limit(limit)
        )
        return [_check(row) for row in (await self._sql.execute(wanted)).all()]

    def _of(self, cluster_id: str) -> sa.ColumnElement[bool]:
        return (checks.c.tenant == self._tenant) & (checks.c.cluster_id == cluster_id)


def _row(cluster: Registered) -> dict[str, Any]:
    row = {column.name: getattr(cluster, column.name) for column in _SHOWN}
    return row | {"labels": dict(cluster.labels)}


def _registered(row: sa.Row[Any]) -> Registered:
    return Registered(**row._mapping)  # noqa: SLF001 - SQLAlchemy's own way to a row's columns


def _check(row: sa.Row[Any]) -> Look:
    fields = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's own way to a row's columns
    return Look(**{**fields, "missing": tuple(fields["missing"])})
