"""Versions of clusters' settings in and out of SQL."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from upid.contexts.configuration.errors import ConfigurationConflict
from upid.contexts.configuration.tables import cluster_settings as table
from upid.contexts.configuration.types import Revision, Section
from upid.kit.db import Transaction


class ConfigurationRepository:
    """Versions of clusters' settings of one tenant, within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._sql, self._tenant = tx.sql, tx.tenant

    async def add(self, revision: Revision) -> None:
        """Store a version; of two that count the same, the key lets in the first."""
        row = {
            "tenant": self._tenant,
            "cluster_id": revision.cluster_id,
            "section": revision.section.value,
            "version": revision.version,
            "own": revision.own,
            "before": revision.before,
            "at": revision.at,
            "by": revision.by,
        }
        try:
            await self._sql.execute(sa.insert(table).values(row))
        except IntegrityError as error:
            raise ConfigurationConflict(revision.cluster_id, revision.section) from error

    async def latest(self, cluster_id: str, section: Section) -> Revision:
        """Return the version that holds; an empty one where nothing was ever set."""
        wanted = self._of(cluster_id, section).order_by(table.c.version.desc()).limit(1)
        row = (await self._sql.execute(wanted)).one_or_none()
        return Revision(cluster_id, section) if row is None else _revision(row)

    async def all_latest(self) -> list[Revision]:
        """Return the version that holds of everything that was ever set."""
        newest = sa.func.max(table.c.version).label("version")
        keys = (table.c.tenant, table.c.cluster_id, table.c.section)
        held = sa.select(*keys, newest).where(self._mine).group_by(*keys).subquery()
        same = [table.c[column.name] == column for column in held.c]
        rows = await self._sql.execute(sa.select(table).join(held, sa.and_(*same)))
        return [_revision(row) for row in rows.all()]

    async def before(
        self, cluster_id: str, section: Section, version: int | None, limit: int
    ) -> list[Revision]:
        """Return versions, the newest first; only those below `version` where one is given."""
        wanted = self._of(cluster_id, section).order_by(table.c.version.desc()).limit(limit)
        if version is not None:
            wanted = wanted.where(table.c.version < version)
        return [_revision(row) for row in (await self._sql.execute(wanted)).all()]

    @property
    def _mine(self) -> sa.ColumnElement[bool]:
        return table.c.tenant == self._tenant

    def _of(self, cluster_id: str, section: Section) -> sa.Select[Any]:
        mine = self._mine & (table.c.cluster_id == cluster_id)
        return sa.select(table).where(mine & (table.c.section == section.value))


def _revision(row: sa.Row[Any]) -> Revision:
    return Revision(
        cluster_id=row.cluster_id,
        section=Section(row.section),
        version=row.version,
        own=row.own,
        before=row.before,
        at=row.at,
        by=row.by,
    )
