"""`upid serve`: a server process, from its settings to its end."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from upid.adapters.recordings import open_recording
from upid.app.cluster_settings import SettingsOfClusters, fallbacks
from upid.app.clusters import cluster_parts, cluster_routers
from upid.app.modules import TARGETS, ServerModules
from upid.app.recording_files import RecordingsOnDisk
from upid.app.settings import Settings, load_settings
from upid.app.wiring import analysis_routers, answering
from upid.contexts.clusters import ClusterService
from upid.contexts.configuration import ConfigurationService
from upid.contexts.configuration.repository import ConfigurationRepository
from upid.contexts.metrics import RecordingService
from upid.contexts.metrics.endpoints import PATH
from upid.contexts.metrics.endpoints import router as recordings_router
from upid.contexts.metrics.folder import RecordingFolder
from upid.contexts.metrics.repository import RecordingRepository
from upid.gateway.app import create_app
from upid.gateway.health import Check
from upid.kit.clock import system_clock
from upid.kit.db import Database
from upid.kit.lifecycle import plan, run, stop_on_signals
from upid.kit.logs import configure_logs
from upid.kit.settings import Loaded


def serve(
    environ: Mapping[str, str],
    flags: Mapping[str, tuple[str, object]],
    *,
    target: str,
    recordings: Sequence[str],
    announce: Callable[[str], None],
) -> None:
    """Run a server until it is told to stop.

    flags       as in `load_settings`
    recordings  paths of recordings that can be asked about without being stored
    announce    is told the address once requests are welcome
    """
    loaded = load_settings(environ, flags)
    configure_logs(loaded.settings.logs.level, loaded.settings.logs.areas)
    modules = server_modules(loaded, recordings, announce)
    wanted = plan(modules.table(), TARGETS, target)

    async def until_stopped() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        await run(wanted, stop)

    asyncio.run(until_stopped())


def server_modules(
    loaded: Loaded[Settings], recordings: Sequence[str], announce: Callable[[str], None]
) -> ServerModules:
    """Return the modules of a server: every service, put together."""
    settings = loaded.settings
    clusters = ClusterService()
    for path in recordings:
        clusters.attach(open_recording(path))
    database = Database(settings.database_url, settings.database)
    folder = RecordingFolder(settings.recordings_folder, settings.metrics.recording_max_bytes)
    stored = RecordingService(
        database, RecordingRepository, folder, RecordingsOnDisk(), clusters, system_clock
    )
    configuration = ConfigurationService(
        database,
        ConfigurationRepository,
        lambda named: clusters.find(named).id,
        fallbacks(settings, loaded.origins),
        system_clock,
    )
    own = SettingsOfClusters(settings, configuration)
    parts = cluster_parts(settings, database, clusters, configuration, system_clock)
    app = create_app(
        [*analysis_routers(), recordings_router, *cluster_routers()],
        {
            **answering(clusters, settings, own),
            RecordingService: stored,
            **parts.services,
        },
        settings=settings.api,
        server=True,
        checks=[Check("database", database.ping), Check("recordings", stored.writable)],
        unlimited=frozenset({PATH}),
    )
    return ServerModules(settings, database, stored, configuration, parts, app, announce)
