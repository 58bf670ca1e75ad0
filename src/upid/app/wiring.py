"""Puts the parts together: plain constructor calls, once, for one process or a server."""

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from fastapi import APIRouter, FastAPI

from upid.adapters.pricelist import ShippedPrices
from upid.adapters.recordings import open_recording
from upid.app.cluster_settings import SettingsOfClusters
from upid.app.settings import Settings, load_settings
from upid.contexts.clusters import ClusterService
from upid.contexts.costs import CostService
from upid.contexts.insights import InsightService
from upid.contexts.metrics import PanelService
from upid.contexts.optimization import RecommendationService
from upid.contexts.optimization.analysis import AnalysisService
from upid.contexts.optimization.endpoints import router as analysis_router
from upid.core.errors import UpidError
from upid.core.ports.cluster_source import ClusterSource
from upid.gateway.app import create_app


def answering(
    clusters: ClusterService, settings: Settings, own: SettingsOfClusters | None = None
) -> Mapping[type, object]:
    """Return the services that answer questions about clusters, by type.

    own  what single clusters have of their own; without it, all are judged by `settings`
    """
    panels = PanelService()
    costs = CostService(clusters, panels, ShippedPrices(), settings.costs)
    insights = InsightService(
        clusters, panels, costs, settings.insights, own.insights if own else None
    )
    recommendations = RecommendationService(
        clusters, panels, costs, insights, settings.optimization, own.optimization if own else None
    )
    analyses = AnalysisService(clusters, panels, costs, recommendations)
    return {ClusterService: clusters, AnalysisService: analyses}


def analysis_routers() -> Sequence[APIRouter]:
    """Return the routers that need nothing but `answering`."""
    return (analysis_router,)


def local_app(recordings: Sequence[str]) -> FastAPI:
    """Return the API over recordings in this process: no network, no database, nothing written."""
    settings = load_settings(os.environ).settings
    clusters = ClusterService()
    for path in recordings:
        clusters.attach(open_recording(path))
    return create_app(analysis_routers(), answering(clusters, settings), settings=settings.api)


def live_app(wanted: Mapping[str, object], progress: Callable[[str], None]) -> FastAPI:
    """Return the API over the cluster that kubectl would speak to, read now; nothing is changed.

    wanted  the fields of `upid.app.live.Wanted`
    """
    from upid.app.live import Wanted, read_cluster

    settings = load_settings(os.environ).settings
    asked = Wanted(**wanted)  # type: ignore[arg-type]  # the command line's own names
    return _app_of(read_cluster(asked, os.environ, Path.home(), progress), settings)


def live_apps(
    wanted: Mapping[str, object], patterns: Sequence[str], progress: Callable[[str], None]
) -> Generator[tuple[str, FastAPI | UpidError | str]]:
    """Yield for each context that a pattern fits the API over its cluster, as it is read.

    In its place stands the error of a cluster that could not be read, or the name of the context
    that leads to the same cluster. No pattern: all contexts. Each API holds one cluster, so that
    who lets go of one before taking the next never holds them all.
    """
    from upid.adapters.kubernetes.live import LiveSource
    from upid.app.live import Wanted
    from upid.app.several import read_clusters

    settings = load_settings(os.environ).settings
    asked = Wanted(**wanted)  # type: ignore[arg-type]  # the command line's own names
    reading = read_clusters(asked, patterns, os.environ, Path.home(), progress)
    with closing(reading):
        for name, found in reading:
            yield name, _app_of(found, settings) if isinstance(found, LiveSource) else found


def _app_of(source: ClusterSource, settings: Settings) -> FastAPI:
    """Return the API over one source."""
    clusters = ClusterService()
    clusters.attach(source)
    return create_app(analysis_routers(), answering(clusters, settings), settings=settings.api)


def described_app() -> FastAPI:
    """Return the API with every route there is, to be described, not to be asked."""
    from upid.app.clusters import cluster_routers
    from upid.contexts.metrics.endpoints import router as recordings_router

    return create_app([*analysis_routers(), recordings_router, *cluster_routers()], {})
