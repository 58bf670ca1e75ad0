"""What can be done with registered clusters: taken in, changed, forgotten, listed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from upid.contexts.clusters.errors import (
    ClusterDiffers,
    ClusterLookTimeout,
    ClusterNameTaken,
    ClusterNotFound,
)
from upid.contexts.clusters.events import ClusterDeleted, ClusterRegistered, ClusterUpdated
from upid.contexts.clusters.logic.naming import checked_labels, checked_name, endings
from upid.contexts.clusters.logic.permissions import READ
from upid.contexts.clusters.registered import Look, Registered, cluster_id_of, good_look
from upid.kit.bulkhead import Bulkhead
from upid.kit.etags import etag, require_match
from upid.kit.idempotency import once
from upid.kit.logs import logger
from upid.kit.pagination import Page, read_cursor, write_cursor

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from datetime import datetime

    from upid.contexts.clusters.lines import Lines
    from upid.contexts.clusters.records import ClusterRecords
    from upid.contexts.clusters.settings import ClusterSettings
    from upid.core.ports.cluster_connection import ClusterConnector, Identified, Reach
    from upid.core.selector import Selector
    from upid.kit.clock import Clock
    from upid.kit.db import Transaction
    from upid.kit.idempotency import Reply

T = TypeVar("T")

_log = logger("upid.clusters")
_LISTING = "clusters"
_STRANGERS_AT_ONCE, _STRANGERS_WAITING = 8, 32  # looks at clusters that are not registered yet


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a cluster should be called, and the credentials to reach it with.

    kubeconfig  None where those that are stored should stay
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    kubeconfig: bytes | None = field(default=None, repr=False)
    context: str = ""


class _NotYetError(Exception):
    """A key was never answered; raising it leaves no trace of the key."""


class ClusterRegistry:
    """Registers clusters that answer, and keeps what is needed to reach them again (CLU-5, CLU-6).

    The network is asked first and outside of any transaction; credentials are stored sealed, for
    their own cell, and leave this class only towards the line of their cluster.
    """

    def __init__(
        self,
        records: ClusterRecords,
        connector: ClusterConnector,
        lines: Lines,
        settings: ClusterSettings,
        clock: Clock,
    ) -> None:
        self._records, self._connector, self._lines = records, connector, lines
        self._limit = settings.look_timeout.total_seconds()
        self._clock = clock
        self._strangers = Bulkhead("registration", _STRANGERS_AT_ONCE, _STRANGERS_WAITING)

    async def register(
        self,
        wanted: Wanted,
        answer: Callable[[Registered], Reply],
        *,
        key: str | None = None,
        asked: bytes = b"",
    ) -> Reply:
        """Register a cluster that answers; nothing is stored for one that does not.

        answer  what is answered about a cluster that is registered
        key     what the sender calls this registration: the same one is answered the same again
        asked   what tells one request from another
        Raises ClusterExists, ClusterNameTaken, and whatever is wrong on the way to the cluster.
        """
        checked_name(wanted.name)
        labels = checked_labels(wanted.labels)
        known = None if key is None else await self._known(key, asked)
        if known is not None:
            return known
        await self._refuse_taken(wanted.name)
        credentials = wanted.kubeconfig or b""
        said, reach = await self._look(wanted.name, credentials, wanted.context)
        now = self._clock()
        cluster = Registered(
            id=cluster_id_of(reach),
            name=wanted.name,
            labels=labels,
            identity=reach.identity,
            created=now,
            updated=now,
            **_told(said, reach),
        )
        sealed = self._records.sealed(cluster.id, credentials)
        registered = False

        async def store(tx: Transaction) -> Reply:
            nonlocal registered
            await self._records.clusters(tx).add(cluster, sealed)
            await self._records.checks(tx).add(cluster.id, _first_look(reach), 1)
            told = {"cluster_id": cluster.id, "name": cluster.name, "version": cluster.version}
            await tx.emit(ClusterRegistered(at=now, **told))
            registered = True
            return answer(cluster)

        async def stored() -> Reply:
            reply = await once(self._records.db, key, asked, store, clock=self._clock)
            if registered:
                self._lines.open(cluster, reach)
            return reply

        return await _to_its_end(stored())

    async def _known(self, key: str, asked: bytes) -> Reply | None:
        """Return what was answered to this key before, without asking the cluster again."""

        async def not_yet(_: Transaction) -> Reply:
            raise _NotYetError

        try:
            return await once(self._records.db, key, asked, not_yet, clock=self._clock)
        except _NotYetError:
            return None

    async def update(self, wanted_id: str, wanted: Wanted, if_match: str | None) -> Registered:
        """Give a cluster another name, other labels and, where there are any, other credentials.

        Raises ClusterNotFound, PreconditionFailed, ClusterNameTaken, ClusterDiffers.
        """
        before = await self.get(wanted_id)
        require_match(if_match, self.tag(before), f"cluster {before.name}")
        checked_name(wanted.name)
        after = replace(
            before,
            name=wanted.name,
            labels=checked_labels(wanted.labels),
            revision=before.revision + 1,
            updated=self._clock(),
        )
        reach = None
        if wanted.kubeconfig is not None:
            said, reach = await self._look(wanted.name, wanted.kubeconfig, wanted.context)
            if reach.identity != before.identity:
                raise ClusterDiffers(before.name, cluster_id_of(reach))
            after = replace(after, **_told(said, reach))

        async def stored() -> Registered:
            await self._store(before, after, wanted.kubeconfig)
            self._lines.open(after, reach)
            if reach is not None:
                await self._records.remember(after.id, _first_look(reach))
            return after

        return await _to_its_end(stored())

    async def remove(self, wanted_id: str) -> None:
        """Forget a cluster with its credentials and its history. Raises ClusterNotFound."""
        cluster = await self.get(wanted_id)
        event = ClusterDeleted(at=self._clock(), cluster_id=cluster.id, name=cluster.name)

        async def gone() -> None:
            async with self._records.transaction() as tx:
                if not await self._records.clusters(tx).remove(cluster.id):
                    raise ClusterNotFound(wanted_id, ())
                await tx.emit(event)
            await self._lines.close(cluster.id)

        await _to_its_end(gone())

    async def get(self, wanted_id: str) -> Registered:
        """Return a registered cluster by id or name. Raises ClusterNotFound."""
        async with self._records.transaction() as tx:
            repository = self._records.clusters(tx)
            found = await repository.known_as(wanted_id)
            known = [] if found else [one.name for one in await repository.all()]
        if found is None:
            raise ClusterNotFound(wanted_id, known)
        return found

    async def page(
        self, name: str | None, selector: Selector, cursor: str | None, limit: int
    ) -> Page[Registered]:
        """Return registered clusters by name, those with a name or labels only. Raises BadCursor.

        A selector cannot be told to both databases alike, and there are some thousands of rows at
        most: they are filtered here.
        """
        after = ("", "") if cursor is None else read_cursor(cursor, _LISTING, str, str)
        async with self._records.transaction() as tx:
            rows = await self._records.clusters(tx).all()
        found = [
            one
            for one in rows
            if (one.name, one.id) > after
            and (name is None or one.name == name)
            and selector.matches(one.labels)
        ]
        return Page.cut(
            found[: limit + 1], limit, lambda one: write_cursor(_LISTING, one.name, one.id)
        )

    async def checks(self, cluster_id: str, limit: int) -> list[Look]:
        """Return the latest looks at a cluster, the newest first."""
        async with self._records.transaction() as tx:
            return await self._records.checks(tx).latest(cluster_id, limit)

    def now(self) -> datetime:
        """Return the present instant."""
        return self._clock()

    def tag(self, cluster: Registered) -> str:
        """Return the ETag of a cluster as it is shown now: its warnings come with time."""
        warnings = [text for *_, text in endings(cluster, self._clock())]
        return etag(cluster.id, cluster.created.isoformat(), cluster.revision, *warnings)

    async def _look(self, name: str, kubeconfig: bytes, context: str) -> tuple[Identified, Reach]:
        """Look at a cluster that is not trusted yet; what is no kubeconfig takes no place for it.

        What a stranger sent is read in threads: it may take seconds.
        """
        said = await asyncio.to_thread(self._connector.identify, kubeconfig, context)
        async with self._strangers:
            made = await asyncio.to_thread(self._connector.connect, kubeconfig, context)
            try:
                async with asyncio.timeout(self._limit), made as connection:
                    return said, await connection.look(READ.permissions)
            except TimeoutError as error:
                raise ClusterLookTimeout(name, self._limit) from error

    async def _refuse_taken(self, name: str) -> None:
        """Refuse a taken name before a packet is sent; the unique index decides races."""
        async with self._records.transaction() as tx:
            if await self._records.clusters(tx).by_name(name) is not None:
                raise ClusterNameTaken(name)

    async def _store(self, before: Registered, after: Registered, given: bytes | None) -> None:
        sealed = None if given is None else self._records.sealed(after.id, given)
        changed = [part for part in ("name", "labels") if _differ(before, after, part)]
        event = ClusterUpdated(
            at=after.updated,
            cluster_id=after.id,
            name=after.name,
            changed=(*changed, *(("credentials",) if given is not None else ())),
        )
        async with self._records.transaction() as tx:
            repository = self._records.clusters(tx)
            if not await repository.change(after, sealed):
                now = await repository.by_id(after.id)
                if now is None:
                    raise ClusterNotFound(after.id, ())
                require_match(self.tag(before), self.tag(now), f"cluster {now.name}")
            await tx.emit(event)


async def _to_its_end(change: Coroutine[Any, Any, T]) -> T:
    """Return what comes of a change, which is made whole also when nobody waits any longer.

    A request that takes too long is cancelled; rows would be there then without their line.
    """
    task = asyncio.ensure_future(change)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_tell_failure)
        raise


def _tell_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("late_change_failed", reason=type(error).__name__)


def _told(said: Identified, reach: Reach) -> dict[str, Any]:
    """Return what credentials and the first look tell of a cluster."""
    return {
        "server": said.server,
        "context": said.context,
        "user": said.user,
        "proof": said.proof,
        "version": reach.version,
        "certificate_until": said.certificate_until,
        "authority_until": said.authority_until,
        "token_until": said.token_until,
    }


def _differ(before: Registered, after: Registered, part: str) -> bool:
    return bool(getattr(before, part) != getattr(after, part))


def _first_look(reach: Reach) -> Look:
    refused = [str(grant.permission) for grant in reach.grants if not grant.allowed]
    return good_look(reach, refused)
