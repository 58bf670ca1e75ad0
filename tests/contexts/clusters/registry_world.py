"""A program that keeps registered clusters, over a database and clusters in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from inspect import isawaitable
from typing import Any

import httpx2
import sqlalchemy as sa
from fastapi import FastAPI

from tests.fixtures.asgi import calling
from tests.fixtures.memory_cluster import MemoryCluster, MemoryConnector, kubeconfig
from upid.app.clusters import cluster_routers, source_of
from upid.app.settings import Settings
from upid.app.wiring import analysis_routers, answering
from upid.contexts.clusters import ClusterService
from upid.contexts.clusters.held import ClusterViews
from upid.contexts.clusters.held.telling import ClusterStates
from upid.contexts.clusters.lines import Lines, Ways
from upid.contexts.clusters.records import ClusterRecords
from upid.contexts.clusters.registry import ClusterRegistry
from upid.contexts.clusters.repository import CheckRepository, ClusterRepository
from upid.contexts.clusters.settings import ClusterSettings
from upid.contexts.configuration import ConfigurationService, Fallback, Section
from upid.contexts.configuration.repository import ConfigurationRepository
from upid.gateway.app import create_app
from upid.kit.crypto import Vault
from upid.kit.db import Database

URL = "/api/v1/clusters"
PATIENCE = 5.0  # seconds; everything here takes hundredths
QUICK = ClusterSettings(
    check_interval=timedelta(seconds=0.1),
    usage_interval=timedelta(seconds=0.1),
    snapshot_age=timedelta(0),
    look_timeout=timedelta(seconds=0.5),
    pause=timedelta(seconds=60),
    checks_kept=5,
)


class SteppingClock:
    """The time of day, which goes on and can be moved."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Program:
    """One run of the program; another one over the same database is a restart."""

    def __init__(
        self, db: Database, vault: Vault, clusters: tuple[MemoryCluster, ...], settings: Settings
    ) -> None:
        self.db, self.settings = db, settings
        self.clock = SteppingClock()
        self.clusters = ClusterService()
        connector = MemoryConnector(*clusters, clock=self.clock)
        quick = settings.clusters
        seconds = Fallback(quick.check_interval.total_seconds(), "default")
        self.configuration = ConfigurationService(
            db,
            ConfigurationRepository,
            lambda named: self.clusters.find(named).id,
            {Section.GENERAL: {"check_interval_seconds": seconds}},
            self.clock,
        )
        records = ClusterRecords(
            db, ClusterRepository, CheckRepository, lambda: vault, quick.checks_kept
        )
        ways = Ways(lambda *_: connector, self.configuration, records, source_of, quick, self.clock)
        self.lines = Lines(ways, self.clusters)
        self.registry = ClusterRegistry(records, connector, self.lines, quick, self.clock)
        views = ClusterViews(self.clusters, self.lines, self.configuration, self.clock)
        self.states = ClusterStates(self.clusters, views, self.registry, self.clock)
        self.services: Mapping[type, object] = {
            **answering(self.clusters, settings),
            ClusterRegistry: self.registry,
            ClusterViews: views,
            ClusterStates: self.states,
            ConfigurationService: self.configuration,
        }

    def app(self) -> FastAPI:
        """Return the API of it."""
        return create_app(
            [*analysis_routers(), *cluster_routers()],
            self.services,
            settings=self.settings.api,
            server=True,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[httpx2.AsyncClient]:
        """Open a line to every registered cluster and yield a client of the API."""
        await self.lines.start()
        news = asyncio.create_task(self.lines.run())
        try:
            async with calling(self.app()) as client:
                yield client
        finally:
            news.cancel()
            await asyncio.gather(news, return_exceptions=True)
            await self.lines.stop()

    async def topics(self) -> list[str]:
        """Return the topics of the outbox, in order."""
        async with self.db.transaction() as tx:
            rows = await tx.sql.execute(sa.text("SELECT topic FROM outbox ORDER BY seq"))
            return [str(row[0]) for row in rows]


def registration(cluster: MemoryCluster, name: str = "prod", **more: object) -> dict[str, Any]:
    """Return what is sent to register a cluster."""
    sent = kubeconfig(cluster.server, cluster.token)
    return {"name": name, "kubeconfig": sent, **more}


async def until(what: str, true: Callable[[], Any]) -> None:
    """Wait until something is true, for seconds at most."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = true()
            if await found if isawaitable(found) else found:
                return
            await asyncio.sleep(0.01)


async def answered(
    client: httpx2.AsyncClient, path: str, true: Callable[[Any], bool], **query: str
) -> Any:  # noqa: ANN401 - any JSON
    """Ask until the answer is as wanted, for seconds at most."""
    found: Any = None
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await client.get(path, params=query)
            found = answer.json()
            if answer.status_code == 200 and true(found):
                return found
            await asyncio.sleep(0.02)
