"""The lines to all registered clusters, side by side: none can end another."""

import asyncio
from collections.abc import Awaitable

from upid.contexts.clusters.errors import ClusterNotFound
from upid.contexts.clusters.events import ObjectEvent, object_event
from upid.contexts.clusters.lines.line import Line
from upid.contexts.clusters.lines.ways import Ways
from upid.contexts.clusters.logic.tidings import tidings
from upid.contexts.clusters.registered import Registered
from upid.contexts.clusters.service import ClusterService
from upid.core.errors import UpidError
from upid.core.ports.cluster_connection import Reach
from upid.kit.logs import logger

_STARTS = 20  # lines that begin in a second: each reads a whole cluster
_NEWS_EVERY = 1.0  # seconds
_NEWS_AT_ONCE = 500  # events of one cluster in one transaction
_NEWS_KEPT = 10_000  # events of one cluster that wait while no row can be written
_ENDING = 5.0  # seconds that lines are given to end

_log = logger("upid.clusters")


class Lines:
    """Opens a line to each registered cluster, and tells what happens in them."""

    def __init__(self, ways: Ways, clusters: ClusterService) -> None:
        self._ways, self._clusters = ways, clusters
        self._lines: dict[str, Line] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()  # in whose place another one is
        self._untold: dict[str, list[ObjectEvent]] = {}

    async def start(self) -> int:
        """Open a line to every registered cluster; return how many."""
        for number, cluster in enumerate(await self._ways.records.all()):
            self.open(cluster, after=number / _STARTS)
        return len(self._lines)

    def open(self, cluster: Registered, seen: Reach | None = None, *, after: float = 0.0) -> None:
        """Open a line to a cluster, or tell the open one that its cluster changed.

        seen  what its credentials found, where they are fresh: then it connects anew
        after  seconds to wait before
        """
        line = self._lines.get(cluster.id)
        if line is None:
            line = self._lines[cluster.id] = Line(cluster, self._ways)
            self._clusters.connect(line)
        line.cluster = cluster
        if seen is not None:
            line.saw(seen)
        running = self._tasks.get(cluster.id)
        if running is None or seen is not None:
            if running is not None:
                running.cancel()
                self._leaving.add(running)
                running.add_done_callback(self._leaving.discard)
            self._tasks[cluster.id] = asyncio.create_task(self._keep(line, after, running))

    async def _keep(self, line: Line, after: float, former: "asyncio.Task[None] | None") -> None:
        """Run a line once the former connection is closed; it ends when its cluster is forgotten.

        That may be in the moment in which the line is opened, or by another program.
        """
        if former is not None:
            await asyncio.wait([former], timeout=_ENDING)
        try:
            await line.run(after)
        except ClusterNotFound:
            if self._lines.get(line.id) is line:
                self._forget(line.id)

    def close(self, cluster_id: str) -> Awaitable[None]:
        """Close the line to a cluster: from now on it cannot be asked about; await its end."""
        task = self._forget(cluster_id)
        return _ended([] if task is None else [task])

    def _forget(self, cluster_id: str) -> "asyncio.Task[None] | None":
        self._clusters.disconnect(cluster_id)
        self._lines.pop(cluster_id, None)
        self._untold.pop(cluster_id, None)
        return self._tasks.pop(cluster_id, None)

    async def stop(self) -> None:
        """Close every line, within seconds."""
        for cluster_id in self._lines:
            self._clusters.disconnect(cluster_id)
        tasks = [*self._tasks.values(), *self._leaving]
        self._lines.clear()
        self._tasks.clear()
        await _ended(tasks)

    def get(self, cluster_id: str) -> Line | None:
        """Return the line to a cluster, if there is one."""
        return self._lines.get(cluster_id)

    async def run(self) -> None:
        """Tell what happens in the clusters, once a second, until cancelled."""
        while True:
            await asyncio.sleep(_NEWS_EVERY)
            for line in tuple(self._lines.values()):
                try:
                    await self.tell(line)
                except Exception:  # noqa: BLE001 - what one cluster sent silences no other
                    _log.exception("news_failed", cluster=line.id)

    async def tell(self, line: Line) -> None:
        """Store the news of one cluster in one transaction; what cannot be stored now waits."""
        cluster_id = line.cluster.id
        mirror = line.follower.mirror
        fresh = [] if mirror is None else tidings(mirror.changes())
        events = [object_event(cluster_id, one) for one in fresh]
        waiting = [*self._untold.pop(cluster_id, ()), *events]
        if not waiting:
            return
        try:
            await self._ways.records.announce(waiting[:_NEWS_AT_ONCE])
            waiting = waiting[_NEWS_AT_ONCE:]
        except UpidError as error:
            _log.warning("news_not_stored", cluster=cluster_id, code=error.code)
        if len(waiting) > _NEWS_KEPT:
            _log.error("news_dropped", cluster=cluster_id, count=len(waiting) - _NEWS_KEPT)
            waiting = waiting[-_NEWS_KEPT:]
        if waiting and cluster_id in self._lines:
            self._untold[cluster_id] = waiting


async def _ended(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_ENDING)
