"""Stored recordings in and out of SQL."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from upid.contexts.metrics.errors import RecordingConflict
from upid.contexts.metrics.tables import recordings
from upid.contexts.metrics.types import Recording
from upid.core.window import Window
from upid.kit.db import Transaction


class RecordingRepository:
    """Stored recordings of one tenant, within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._sql, self._tenant = tx.sql, tx.tenant

    async def add(self, recording: Recording) -> None:
        """Store a recording; the unique indexes on content and cluster decide races."""
        row = {
            "id": recording.id,
            "tenant": self._tenant,
            "name": recording.name,
            "sha256": recording.sha256,
            "bytes": recording.bytes,
            "cluster_id": recording.cluster_id,
            "cluster_name": recording.cluster_name,
            "window_start": recording.window.start,
            "window_end": recording.window.end,
            "cadence_seconds": round(recording.cadence.total_seconds()),
            "created": recording.created,
        }
        try:
            await self._sql.execute(sa.insert(recordings).values(row))
        except IntegrityError as error:
            raise RecordingConflict(recording.cluster_id) from error

    async def by_id(self, recording_id: str) -> Recording | None:
        """Return the recording with this id, if there is one."""
        return await self._one(recordings.c.id == recording_id)

    async def by_content(self, sha256: str) -> Recording | None:
        """Return the recording with these bytes, if there is one."""
        return await self._one(recordings.c.sha256 == sha256)

    async def after(self, position: tuple[datetime, str] | None, limit: int) -> list[Recording]:
        """Return recordings, the oldest first, after a position of `created` and id."""
        wanted = self._mine().order_by(recordings.c.created, recordings.c.id).limit(limit)
        if position is not None:
            place = sa.tuple_(recordings.c.created, recordings.c.id)
            created = sa.bindparam("created", position[0], recordings.c.created.type)
            wanted = wanted.where(place > sa.tuple_(created, sa.literal(position[1])))
        return [_recording(row) for row in (await self._sql.execute(wanted)).all()]

    async def all(self) -> list[Recording]:
        """Return every recording that this tenant has stored, the oldest first."""
        wanted = self._mine().order_by(recordings.c.created, recordings.c.id)
        return [_recording(row) for row in (await self._sql.execute(wanted)).all()]

    async def remove(self, recording_id: str) -> None:
        """Forget a recording; one that is not there is forgotten already."""
        mine = (recordings.c.tenant == self._tenant) & (recordings.c.id == recording_id)
        await self._sql.execute(sa.delete(recordings).where(mine))

    async def _one(self, condition: sa.ColumnElement[bool]) -> Recording | None:
        row = (await self._sql.execute(self._mine().where(condition))).one_or_none()
        return None if row is None else _recording(row)

    def _mine(self) -> sa.Select[Any]:
        return sa.select(recordings).where(recordings.c.tenant == self._tenant)


def _recording(row: sa.Row[Any]) -> Recording:
    return Recording(
        id=row.id,
        name=row.name,
        sha256=row.sha256,
        bytes=row.bytes,
        cluster_id=row.cluster_id,
        cluster_name=row.cluster_name,
        window=Window(row.window_start, row.window_end),
        cadence=timedelta(seconds=row.cadence_seconds),
        created=row.created,
    )
