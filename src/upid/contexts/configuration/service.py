"""What can be done with the settings of single clusters."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from upid.contexts.configuration.events import ConfigurationChanged
from upid.contexts.configuration.logic.settling import changed, flat, settled
from upid.contexts.configuration.sections import known_of, section_of
from upid.contexts.configuration.types import (
    ClusterPreferences,
    Configured,
    Revision,
    Section,
)
from upid.kit.etags import etag, require_match
from upid.kit.pagination import Page, read_cursor, write_cursor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from upid.contexts.configuration.repository import ConfigurationRepository
    from upid.contexts.configuration.sections import AnySection
    from upid.contexts.configuration.types import Fallback
    from upid.kit.clock import Clock
    from upid.kit.db import Database, Transaction

_LISTING = "revisions"


class ConfigurationService:
    """Keeps every version of what is set for a cluster, and knows what holds now.

    What holds is kept in memory beside the rows: analyses ask from their threads and do not wait
    for a database. It is read at the start and follows each change after its commit; one server
    works on a database's clusters, as it does on their recordings.
    """

    def __init__(
        self,
        db: Database,
        repository: Callable[[Transaction], ConfigurationRepository],
        named: Callable[[str], str],
        fallbacks: Mapping[Section, Mapping[str, Fallback]],
        clock: Clock,
    ) -> None:
        """Take the parts.

        named      returns the id of a cluster by its id or name. Raises ClusterNotFound
        fallbacks  what all clusters have, where that is not this context's own default
        """
        self._db, self._repository = db, repository
        self._named, self._clock = named, clock
        self._known = {one: known_of(one, fallbacks.get(one, {})) for one in Section}
        self._held: dict[tuple[str, Section], Revision] = {}

    async def start(self) -> None:
        """Read what holds."""
        async with self._db.transaction() as tx:
            for revision in await self._repository(tx).all_latest():
                self._keep(revision)

    async def section(self, cluster: str, section: Section) -> Configured:
        """Return a section of a cluster's settings. Raises ClusterNotFound."""
        cluster_id = self._named(cluster)
        async with self._db.transaction() as tx:
            return self._configured(await self._repository(tx).latest(cluster_id, section))

    async def change(
        self, cluster: str, sent: AnySection, *, if_match: str | None, by: str
    ) -> Configured:
        """Set a section of a cluster's settings to what was sent; the rest of it is not set.

        Raises ClusterNotFound, PreconditionFailed, ConfigurationConflict.
        """
        cluster_id, section = self._named(cluster), section_of(sent)
        own = sent.model_dump(mode="json", exclude_unset=True)
        now = self._clock()
        async with self._db.transaction() as tx:
            repository = self._repository(tx)
            before = await repository.latest(cluster_id, section)
            require_match(if_match, self._configured(before).tag, f"{section} of {cluster}")
            after = replace(
                before, version=before.version + 1, own=own, before=before.own, at=now, by=by
            )
            await repository.add(after)
            names = changed(before.own, own)
            await tx.emit(
                ConfigurationChanged(
                    at=now,
                    actor=by,
                    cluster_id=cluster_id,
                    section=section.value,
                    version=after.version,
                    changed=names,
                )
            )
        self._keep(after)
        return self._configured(after)

    async def history(
        self, cluster: str, section: Section, cursor: str | None, limit: int
    ) -> Page[Revision]:
        """Return versions of a section, the newest first. Raises ClusterNotFound, BadCursor."""
        cluster_id = self._named(cluster)
        version = None
        if cursor is not None:
            version = cast("int", read_cursor(cursor, f"{_LISTING} {section}", int)[0])
        async with self._db.transaction() as tx:
            rows = await self._repository(tx).before(cluster_id, section, version, limit + 1)
        return Page.cut(rows, limit, lambda r: write_cursor(f"{_LISTING} {section}", r.version))

    async def preferences(self, cluster_id: str) -> ClusterPreferences:
        """Return how a cluster is kept, reached and followed, by its id, known or not."""
        held = self.values(cluster_id, Section.GENERAL)
        return ClusterPreferences(
            following=cast("bool", held["following"]),
            per_second=cast("float", held["requests_per_second"]),
            at_once=cast("int", held["requests_at_once"]),
            secrets_metadata=cast("bool", held["secrets_metadata"]),
            time_zone=cast("str", held["time_zone"]),
            check_interval=timedelta(seconds=cast("float", held["check_interval_seconds"])),
            excluded_namespaces=tuple(cast("list[str]", held["excluded_namespaces"])),
        )

    def values(self, cluster_id: str, section: Section) -> Mapping[str, object]:
        """Return the values that hold for a cluster, by dotted name; from any thread."""
        held = self._held.get((cluster_id, section), Revision(cluster_id, section))
        return {one.name: one.value for one in settled(self._known[section], held.own)}

    def own(self, cluster_id: str, section: Section) -> Mapping[str, object]:
        """Return only what is set for this cluster, by dotted name; from any thread."""
        held = self._held.get((cluster_id, section))
        return {} if held is None else dict(flat(held.own))

    def _keep(self, revision: Revision) -> None:
        """Take a version for the one that holds, unless a later one came before it."""
        place = (revision.cluster_id, revision.section)
        held = self._held.get(place)
        if held is None or held.version < revision.version:
            self._held[place] = revision

    def _configured(self, revision: Revision) -> Configured:
        settings = settled(self._known[revision.section], revision.own)
        shown = [(one.name, one.value, one.origin) for one in settings]
        tag = etag(revision.cluster_id, revision.section, revision.version, *shown)
        return Configured(revision, settings, tag)
