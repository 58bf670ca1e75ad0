"""The way to one registered cluster: everything asked of it goes through here, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from upid.contexts.clusters.errors import (
    ClusterDiffers,
    ClusterLoading,
    ClusterLookTimeout,
    ClusterNotFound,
)
from upid.contexts.clusters.lines.following import Follower
from upid.contexts.clusters.lines.readings import UsageHour
from upid.contexts.clusters.lines.ways import Mirrored
from upid.contexts.clusters.logic.inventory import present
from upid.contexts.clusters.logic.permissions import READ, Need, needed
from upid.contexts.clusters.registered import Look, cluster_id_of, failed_look, good_look
from upid.contexts.clusters.types import Cluster, View
from upid.core.errors import Kind, UpidError
from upid.core.ports.cluster_connection import Following, Freshness
from upid.kit.breaker import Breaker, CircuitOpen, CircuitState
from upid.kit.bulkhead import Bulkhead, BulkheadFull
from upid.kit.db import DatabaseBusy, DatabaseUnreachable
from upid.kit.logs import logger

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from upid.contexts.clusters.lines.ways import Ways
    from upid.contexts.clusters.registered import Registered
    from upid.core.ports.cluster_connection import (
        ClusterConnection,
        ClusterMirror,
        Grant,
        Permission,
        Reach,
        Served,
        Usage,
    )
    from upid.core.ports.cluster_source import ObjectVersion

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds before a connection is made anew
_CONNECTING = 5.0  # seconds that a question waits for a connection that is being made
_WISHES_EVERY = 2.0  # seconds between two looks whether a cluster should be followed
_WHOLE_EVERY = 30  # looks between two that ask for all permissions and kinds: they change rarely
VITAL = tuple(need.permission for need in READ.needs if need.vital)

_log = logger("upid.clusters")


@dataclass(frozen=True, slots=True)
class _Reading:
    """A cluster as it was read for analyses: with usage until `newest`, and when that was."""

    cluster: Cluster
    newest: datetime | None
    made: datetime


class Line:
    """One cluster: its connection, its own queue (bulkhead), its breaker, its mirror.

    Lives in one event loop; `reading` may be called from any thread.
    """

    def __init__(self, cluster: Registered, ways: Ways) -> None:
        settings = ways.settings
        self.cluster, self._ways = cluster, ways
        self.breaker = Breaker(
            cluster.id,
            asyncio.get_running_loop().time,
            failures=settings.failures,
            pause=settings.pause.total_seconds(),
        )
        self._queue = Bulkhead(cluster.id, settings.at_once, settings.waiting)
        self._connection: ClusterConnection | None = None
        self._there = asyncio.Event()
        self._well = asyncio.Event()  # a look by this connection went well
        self.follower = Follower()
        self.usage = UsageHour()
        self.last: Look | None = None
        self.reach: Reach | None = None
        self.grants: dict[Permission, Grant] = {}
        self.served: Served | None = None
        self.trouble: UpidError | None = None  # why there is no connection
        self._stranger: ClusterDiffers | None = None  # who answers in its place
        self._epoch = secrets.token_hex(4)  # generations count anew when the program starts
        self._view: View | None = None
        self._viewing = asyncio.Lock()
        self._reading: _Reading | None = None
        self._reads = Lock()

    @property
    def id(self) -> str:
        """The cluster's id."""
        return self.cluster.id

    @property
    def name(self) -> str:
        """What people call the cluster."""
        return self.cluster.name

    async def run(self, after: float = 0.0) -> None:
        """Stay connected until cancelled; nothing that goes wrong here leaves this line.

        after  seconds to wait before, so that not all lines begin at once
        Raises ClusterNotFound when the cluster is no longer registered: there is nothing to keep.
        """
        await asyncio.sleep(after)
        now, pause = asyncio.get_running_loop().time, _FIRST_PAUSE
        while True:
            began, connection = now(), None
            try:
                async with await self._made() as connection:
                    self._connection, self.trouble = connection, None
                    self._there.set()
                    await self._stay(connection)
            except ClusterNotFound:
                raise
            except UpidError as error:
                await self._lost(error)
            except Exception:  # noqa: BLE001 - a fault on this line ends no other
                _log.exception("cluster_line_failed", cluster=self.id)
            finally:
                self._let_go(connection)
            pause = _FIRST_PAUSE if now() - began > _LONGEST_PAUSE else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _let_go(self, connection: ClusterConnection | None) -> None:
        """Forget a connection, unless it closed so slowly that another one is there by now."""
        if self._connection is connection:
            self._connection = None
            self._there.clear()
            self._well.clear()

    async def _lost(self, error: UpidError) -> None:
        self.trouble = error
        _log.warning("cluster_lost", cluster=self.id, code=error.code)
        if not isinstance(error, DatabaseBusy | DatabaseUnreachable):  # no word of the cluster
            await self.note(failed_look(error, self._ways.clock()))

    async def _made(self) -> AbstractAsyncContextManager[ClusterConnection]:
        kubeconfig = await self._ways.records.kubeconfig(self.id)
        wanted = await self._ways.configuration.preferences(self.id)
        connector = self._ways.connector(wanted.per_second, wanted.at_once)
        # in a thread: a stranger's YAML and certificates take a while to be read
        return await asyncio.to_thread(connector.connect, kubeconfig, self.cluster.context)

    async def _stay(self, connection: ClusterConnection) -> None:
        loops = [self._looking(), self._measuring(), self._following(connection)]
        tasks = [asyncio.ensure_future(loop) for loop in loops]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def ask(
        self, question: Callable[[ClusterConnection], Awaitable[T]], *, looks: bool = False
    ) -> T:
        """Ask the cluster something: in turn, and not while its breaker is open.

        looks  whether it is a look: only they go to another cluster at the same address
        Raises BulkheadFull, CircuitOpen, ClusterLoading, ClusterDiffers, and what it answers.
        """
        async with self._queue:
            connection = await self._connected(looks=looks)
            return await self.breaker.call(lambda: question(connection), counts=_is_failure)

    async def asked_out_of_turn(
        self, question: Callable[[ClusterConnection], Awaitable[T]], *, looks: bool = False
    ) -> T:
        """Ask the cluster also while its breaker is open: somebody waits for just this answer."""
        async with self._queue:
            return await question(await self._connected(looks=looks))

    async def look(self, *, whole: bool, at_once: bool = False) -> Look:
        """Look at the cluster; return what was found, or the error that it ended with.

        whole    whether every permission is asked about, not only those nothing works without
        at_once  whether the breaker is passed by
        Raises CircuitOpen and BulkheadFull: then there was no look.
        """
        limit = self._ways.settings.look_timeout.total_seconds()
        wanted = READ.permissions if whole else VITAL

        async def looked(connection: ClusterConnection) -> Reach:
            try:
                async with asyncio.timeout(limit):
                    return self._same(await connection.look(wanted))
            except TimeoutError as error:
                raise ClusterLookTimeout(self.cluster.name, limit) from error

        try:
            way = self.asked_out_of_turn if at_once else self.ask
            found = await way(looked, looks=True)
        except (CircuitOpen, BulkheadFull):
            raise
        except UpidError as error:
            return await self.note(failed_look(error, self._ways.clock()))
        self._well.set()
        return await self.note(self.saw(found))

    def _same(self, reach: Reach) -> Reach:
        """Return what a look found. Raises ClusterDiffers: the address leads to another one now.

        Who may not see what tells clusters apart, then or now, knows them by address only.
        """
        told = {self.cluster.identity, reach.identity}
        if len(told) > 1 and reach.by_address not in told:
            self._stranger = ClusterDiffers(self.name, cluster_id_of(reach))
            raise self._stranger
        self._stranger = None
        return reach

    def saw(self, reach: Reach) -> Look:
        """Take in what a look found; return it as it is remembered."""
        self.reach = reach
        self.grants |= {grant.permission: grant for grant in reach.grants}
        self.last = good_look(reach, [str(one.permission) for one in self.missing()])
        return self.last

    def missing(self) -> tuple[Need, ...]:
        """Return what UPID needs here and was refused when it was last asked about."""
        groups = self.served.groups if self.served else None
        return tuple(
            need
            for need in needed(READ.needs, groups)
            if need.permission in self.grants and not self.grants[need.permission].allowed
        )

    async def note(self, check: Look) -> Look:
        """Keep a look; where rows cannot be written now, it is known until the next one only."""
        self.last = check
        try:
            await self._ways.records.remember(self.cluster.id, check)
        except UpidError as error:
            _log.warning("check_not_stored", cluster=self.cluster.id, code=error.code)
        except Exception:  # noqa: BLE001 - the line goes on, whatever a row does not take
            _log.exception("check_not_stored", cluster=self.cluster.id)
        return check

    def following(self) -> Following | None:
        """Return how the cluster is followed; None: it is not yet, or never."""
        return self.follower.following()

    async def view(self) -> View:
        """Return what the cluster holds now, read in a thread, at most every few seconds.

        Raises ClusterLoading.
        """
        found = self._fresh_view()
        if found is not None:
            return found
        async with self._viewing:
            found = self._fresh_view()
            if found is None:
                mirror, told = self._mirror()
                mark = self._mark(told)
                at = self._ways.clock()
                held = await asyncio.to_thread(present, mirror.objects(), at)
                found = self._view = View(
                    self.cluster.id, held, mark, at, told.freshness, told.left_out
                )
            return found

    def objects(self, kinds: Sequence[str]) -> Iterator[ObjectVersion]:
        """Return what is known of some kinds of objects now."""
        mirror = self.follower.mirror
        return iter(()) if mirror is None else mirror.objects(kinds)

    def reading(self) -> Cluster:
        """Return the cluster as it was when its usage was last read, for an analysis.

        It is the same for a minute, so that every part of an analysis speaks of the same moment.
        Raises ClusterLoading.
        """
        with self._reads:
            newest, now = self.usage.newest, self._ways.clock()
            known = self._reading
            young = known is not None and _is_young(
                now - known.made, self._ways.settings.usage_interval
            )
            if known is not None and young and known.newest == newest:
                return known.cluster
            mirror, told = self._mirror()
            usages = self.usage.readings()
            source = self._ways.source(
                Mirrored(
                    identity=self.cluster.identity,
                    name=self.cluster.name,
                    version=self.reach.version if self.reach else self.cluster.version,
                    objects=_Objects(mirror),
                    left_out=(*told.left_out, *filter(None, [self.usage.unknown])),
                    usages=usages,
                    at=usages[-1].at if usages else now,
                )
            )
            self._reading = _Reading(Cluster(source, self._mark(told)), newest, now)
            return self._reading.cluster

    def mark(self) -> str | None:
        """Return what names the present state of what is known; None: nothing is."""
        told = self.following()
        return None if told is None else self._mark(told)

    def _mark(self, told: Following) -> str:
        return f"{self._epoch}.{self.follower.number}.{told.generation}.{told.freshness}"

    def _fresh_view(self) -> View | None:
        view = self._view
        if view is None:
            return None
        age = self._ways.clock() - view.at
        young = _is_young(age, self._ways.settings.snapshot_age)
        return view if young or self.mark() == view.mark else None

    def _mirror(self) -> tuple[ClusterMirror, Following]:
        mirror, told = self.follower.mirror, self.following()
        if mirror is None or told is None or told.freshness is Freshness.LOADING:
            trouble = self.follower.trouble or self.trouble
            why = trouble.message if trouble else ""
            if not why and self.last is not None and not self.last.ok:
                why = self.last.message
            raise ClusterLoading(self.cluster.name, why)
        return mirror, told

    async def _connected(self, *, looks: bool) -> ClusterConnection:
        """Return the connection; one that is just being made is waited for."""
        if self._connection is None and self.trouble is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CONNECTING):
                    await self._there.wait()
        if self._connection is None:
            if self.trouble is not None:
                raise self.trouble.with_traceback(None)  # it would grow with each raising
            raise ClusterLoading(self.name, "it is being connected to")
        if self._stranger is not None and not looks:
            raise self._stranger.with_traceback(None)
        return self._connection

    async def _looking(self) -> None:
        """Look at the cluster again and again."""
        number = 0
        while True:
            with contextlib.suppress(CircuitOpen, BulkheadFull):
                rare = number % _WHOLE_EVERY == 0
                check = await self.look(whole=rare)
                if self._stranger is not None:  # nothing of another cluster is to be followed
                    raise self._stranger
                if rare and check.ok:
                    with contextlib.suppress(UpidError):
                        self.served = await self.ask(_served)
                number += 1 if check.ok else 0
            wanted = await self._ways.configuration.preferences(self.id)
            await asyncio.sleep(wanted.check_interval.total_seconds())

    async def _following(self, connection: ClusterConnection) -> None:
        """Follow while that is wanted; what was known is forgotten when it no longer is.

        Only a cluster that a look found well, and not while its breaker is open: a hostile one
        would answer twenty lists with a gigabyte (O1). What was known stays readable meanwhile.
        """
        running: asyncio.Task[None] | None = None
        try:
            await self._well.wait()
            while True:
                wanted = (await self._ways.configuration.preferences(self.id)).following
                if self._is_left_alone():
                    await _ended(running)
                    running = None
                elif wanted and running is None:
                    running = asyncio.ensure_future(self.follower.run(connection))
                elif running is not None and running.done():
                    running.result()
                elif running is not None and not wanted:
                    await _ended(running)
                    running, self.follower, self._view = None, Follower(), None
                await asyncio.sleep(_WISHES_EVERY)
        finally:
            await _ended(running)

    async def _measuring(self) -> None:
        """Read usage again and again; what fails is told in place of usage.

        Past the breaker, which looks decide: "usage is unknown" is an answer as well, and would
        speak for a cluster that does not answer at all.
        """
        await self._well.wait()
        while True:
            try:
                found = await self._usage_now()
            except UpidError as error:
                found = f"usage is unknown: {error.message}"
            self.usage.take(found, self._ways.clock())
            await asyncio.sleep(self._ways.settings.usage_interval.total_seconds())

    async def _usage_now(self) -> Usage | str:
        if self._is_left_alone():
            why = self.last.message if self.last else ""
            return f"usage is unknown: the cluster failed several times in a row: {why}"
        return await self.asked_out_of_turn(_usage)

    def _is_left_alone(self) -> bool:
        """Say whether the cluster failed so often that only a look goes there now and then."""
        return self.breaker.state is not CircuitState.CLOSED


def _is_young(age: timedelta, limit: timedelta) -> bool:
    """Say whether something is young; what was made in the future was before the clock was set."""
    return timedelta(0) <= age < limit


async def _ended(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _Objects:
    """What a mirror holds, read anew with each iteration."""

    def __init__(self, mirror: ClusterMirror) -> None:
        self._mirror = mirror

    def __iter__(self) -> Iterator[ObjectVersion]:
        return self._mirror.objects()


async def _usage(connection: ClusterConnection) -> Usage | str:
    return await connection.usage()


async def _served(connection: ClusterConnection) -> Served:
    return await connection.served()


def _is_failure(error: BaseException) -> bool:
    """Say whether an error speaks against the cluster, not against the question."""
    return not isinstance(error, UpidError) or error.kind not in (Kind.DENIED, Kind.MISSING)
