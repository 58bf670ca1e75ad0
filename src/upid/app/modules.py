"""What a server process runs: the one table of modules, what each needs, and the targets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from upid.app.clusters import ClusterParts
from upid.app.home import home_of_one
from upid.app.settings import Settings
from upid.contexts.configuration import ConfigurationService
from upid.contexts.metrics import RecordingService
from upid.gateway.server import address_of, bound, serving
from upid.kit.bus import Bus
from upid.kit.clock import system_clock
from upid.kit.courier import Courier
from upid.kit.db import Database
from upid.kit.lifecycle import Loop, Module

MIGRATIONS = Path(__file__).parent / "migrations"
TARGETS: Mapping[str, Sequence[str]] = {"all": ("gateway",), "gateway": ("gateway",)}
_NEEDED = ("settings", "courier")  # what clusters are followed by, and who tells of them
_ASKED = ("store", "recordings", "settings", "clusters")  # what answers speak of


class ServerModules:
    """The modules of a server, made from its parts."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        recordings: RecordingService,
        configuration: ConfigurationService,
        clusters: ClusterParts,
        app: FastAPI,
        announce: Callable[[str], None],
    ) -> None:
        self._settings, self._database, self._recordings = settings, database, recordings
        self._configuration, self._clusters = configuration, clusters
        self._app, self._announce = app, announce

    def table(self) -> tuple[Module, ...]:
        """Return every module of the program."""
        return (
            Module("home", "holds the folder of all state", self._home),
            Module("store", "keeps rows; brings their tables up to date", self._store, ("home",)),
            Module("recordings", "attaches stored recordings", self._attached, ("store",)),
            Module("settings", "reads what single clusters have", self._own, ("store",)),
            Module("courier", "hands news to who wants it", self._courier, ("store",)),
            Module("clusters", "keeps a line to each registered one", self._lines, _NEEDED),
            Module("gateway", "answers HTTP requests", self._gateway, _ASKED),
        )

    @asynccontextmanager
    async def _home(self) -> AsyncIterator[Loop | None]:
        with home_of_one(self._settings):
            yield None

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[Loop | None]:
        from upid.kit.db.migrate import upgrade

        settings = self._settings
        await asyncio.to_thread(upgrade, settings.owner_url, MIGRATIONS, settings.database)
        try:
            yield None
        finally:
            await self._database.close()

    @asynccontextmanager
    async def _attached(self) -> AsyncIterator[Loop | None]:
        await self._recordings.start()
        yield None

    @asynccontextmanager
    async def _own(self) -> AsyncIterator[Loop | None]:
        await self._configuration.start()
        yield None

    @asynccontextmanager
    async def _courier(self) -> AsyncIterator[Loop | None]:
        yield Courier(self._database, Bus(), system_clock).run

    @asynccontextmanager
    async def _lines(self) -> AsyncIterator[Loop | None]:
        await asyncio.to_thread(self._clusters.vault)  # keys that cannot be read end the start
        await self._clusters.lines.start()
        try:
            yield self._clusters.lines.run
        finally:
            await self._clusters.lines.stop()

    @asynccontextmanager
    async def _gateway(self) -> AsyncIterator[Loop | None]:
        place = bound(self._settings.api)
        try:
            self._announce(address_of(place))
            yield serving(self._app, place, self._settings.api)
        finally:
            place.close()
