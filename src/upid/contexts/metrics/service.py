"""What can be done with stored recordings."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from upid.contexts.metrics.errors import (
    RecordingFileLost,
    RecordingNameRefused,
    RecordingNotFound,
    RecordingUnfit,
)
from upid.contexts.metrics.types import Recording
from upid.kit.pagination import Page, read_cursor, write_cursor

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable
    from pathlib import Path

    from upid.contexts.clusters import ClusterService
    from upid.contexts.metrics.folder import Incoming, RecordingFolder
    from upid.contexts.metrics.repository import RecordingRepository
    from upid.core.ports.cluster_source import ClusterSource
    from upid.core.ports.recordings import RecordingFiles
    from upid.kit.clock import Clock
    from upid.kit.db import Database, Transaction

_LISTING = "recordings"
_NAME_LENGTH = 253  # characters; what Kubernetes allows the longest of its names
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class RecordingService:
    """Takes recordings in, hands them out, and lets each be asked about as a cluster.

    A file is on the disk before its row, and a row goes before its file: a crash leaves at most a
    file without a row, which the next start removes.
    """

    def __init__(
        self,
        db: Database,
        repository: Callable[[Transaction], RecordingRepository],
        folder: RecordingFolder,
        files: RecordingFiles,
        clusters: ClusterService,
        clock: Clock,
    ) -> None:
        self._db, self._repository = db, repository
        self._folder, self._files = folder, files
        self._clusters, self._clock = clusters, clock
        self._attached: dict[str, str] = {}  # recording id → cluster id
        self._order = asyncio.Lock()  # a file must not be removed while its row is written

    async def start(self) -> int:
        """Remove what a crash left behind and attach every stored recording; return how many."""
        async with self._db.transaction() as tx:
            stored = await self._repository(tx).all()
        await asyncio.to_thread(self._folder.sweep, {one.sha256 for one in stored})
        for recording in stored:
            path = self._folder.path(recording.sha256)
            if await asyncio.to_thread(path.is_file):
                self._attach(recording, await asyncio.to_thread(self._files.open, str(path)))
        return len(self._attached)

    async def add(self, parts: AsyncIterable[bytes], name: str | None) -> tuple[Recording, bool]:
        """Take in a recording; return it, and whether it is one that was not stored before.

        Nothing is kept of what is too large, damaged, or not a recording.
        """
        if name is not None:
            _check_name(name)
        incoming = await asyncio.to_thread(self._folder.incoming)
        try:
            async for part in parts:
                await asyncio.to_thread(incoming.write, part)
            await asyncio.to_thread(incoming.flush)
            wrong = await asyncio.to_thread(self._files.check, str(incoming.path))
            if wrong:
                raise RecordingUnfit(wrong)
            async with self._order:
                return await self._accept(incoming, name)
        finally:
            incoming.drop()

    async def page(self, cursor: str | None, limit: int) -> Page[Recording]:
        """Return stored recordings, the oldest first. Raises BadCursor."""
        position = None if cursor is None else _position(cursor)
        async with self._db.transaction() as tx:
            rows = await self._repository(tx).after(position, limit + 1)
        return Page.cut(rows, limit, _cursor)

    async def get(self, recording_id: str) -> Recording:
        """Return one stored recording. Raises RecordingNotFound."""
        async with self._db.transaction() as tx:
            found = await self._repository(tx).by_id(recording_id)
        if found is None:
            raise RecordingNotFound(recording_id)
        return found

    async def file(self, recording_id: str) -> tuple[Recording, Path]:
        """Return a stored recording and its file. Raises RecordingFileLost when it has gone."""
        recording = await self.get(recording_id)
        path = self._folder.path(recording.sha256)
        if not await asyncio.to_thread(path.is_file):
            raise RecordingFileLost(recording_id)
        return recording, path

    async def remove(self, recording_id: str) -> None:
        """Remove a stored recording; its cluster can no longer be asked about."""
        async with self._order:
            recording = await self.get(recording_id)
            async with self._db.transaction() as tx:
                await self._repository(tx).remove(recording_id)
            self._clusters.detach(recording_id)
            cluster_id = self._attached.pop(recording_id, None)
            if cluster_id is not None:
                self._clusters.detach(cluster_id)
            await asyncio.to_thread(self._folder.remove, recording.sha256)

    async def writable(self) -> None:
        """Return when a recording could be stored now. Raises OSError."""
        await asyncio.to_thread(self._folder.writable)

    async def _accept(self, incoming: Incoming, name: str | None) -> tuple[Recording, bool]:
        digest = incoming.sha256
        async with self._db.transaction() as tx:
            known = await self._repository(tx).by_content(digest)
        if known is not None:
            return known, False
        path = await asyncio.to_thread(incoming.keep)
        try:
            source = await asyncio.to_thread(self._files.open, str(path))
            recording = self._described(incoming, source, name)
            async with self._db.transaction() as tx:
                await self._repository(tx).add(recording)
        except BaseException:
            self._folder.remove(digest)
            raise
        self._attach(recording, source)
        return recording, True

    def _described(self, incoming: Incoming, source: ClusterSource, name: str | None) -> Recording:
        facts = source.facts()
        return Recording(
            id=f"rcd_{secrets.token_hex(8)}",
            name=name or facts.name[:_NAME_LENGTH],
            sha256=incoming.sha256,
            bytes=incoming.bytes,
            cluster_id=facts.id,
            cluster_name=facts.name,
            window=facts.window,
            cadence=facts.cadence,
            created=self._clock(),
        )

    def _attach(self, recording: Recording, source: ClusterSource) -> None:
        """Let the recording be asked about, by its cluster's id and by its own.

        One that was given at the start is attached already, and stays when this one is removed.
        """
        if all(cluster.id != recording.cluster_id for cluster in self._clusters.list()):
            self._clusters.attach(source)
            self._attached[recording.id] = recording.cluster_id
        self._clusters.alias(recording.id, recording.cluster_id)


def _check_name(name: str) -> None:
    bad = any(unicodedata.category(letter)[0] == "C" for letter in name)
    if bad or not name.strip() or len(name) > _NAME_LENGTH:
        raise RecordingNameRefused(name)


def _cursor(last: Recording) -> str:
    return write_cursor(_LISTING, (last.created - _EPOCH) // _MICROSECOND, last.id)


def _position(cursor: str) -> tuple[datetime, str]:
    created, recording_id = read_cursor(cursor, _LISTING, int, str)
    return _EPOCH + int(created) * _MICROSECOND, str(recording_id)
