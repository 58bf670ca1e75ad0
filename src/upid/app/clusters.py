"""Registered clusters, wired: where their keys and rows are, and how they are reached."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from fastapi import APIRouter

from upid.adapters.kubernetes.addresses import AddressPolicy
from upid.adapters.kubernetes.client import Limits
from upid.adapters.kubernetes.connecting import KubernetesConnector
from upid.adapters.kubernetes.live import Held, LiveSource
from upid.app.settings import Settings
from upid.contexts.clusters import ClusterService
from upid.contexts.clusters.endpoints import router as registry_router
from upid.contexts.clusters.held import ClusterViews
from upid.contexts.clusters.held.endpoints import router as held_router
from upid.contexts.clusters.held.telling import ClusterStates
from upid.contexts.clusters.lines import Lines, Mirrored, Ways
from upid.contexts.clusters.records import ClusterRecords
from upid.contexts.clusters.registry import ClusterRegistry
from upid.contexts.clusters.repository import CheckRepository, ClusterRepository
from upid.contexts.configuration import ConfigurationService
from upid.contexts.configuration.endpoints import router as configuration_router
from upid.core.ports.cluster_connection import ClusterConnector
from upid.core.ports.cluster_source import ClusterSource
from upid.kit.clock import Clock
from upid.kit.crypto import Keys, Vault
from upid.kit.db import Database

Connecting = Callable[[float, int], ClusterConnector]


@dataclass(frozen=True, slots=True)
class ClusterParts:
    """What keeps registered clusters: the lines to them, and the services that requests need.

    vault  reads the keys when first called; raises where they cannot be read
    """

    lines: Lines
    vault: Callable[[], Vault]
    services: Mapping[type, object]


def cluster_routers() -> Sequence[APIRouter]:
    """Return the routers of registered clusters and their settings."""
    return (registry_router, held_router, configuration_router)


def cluster_parts(
    settings: Settings,
    database: Database,
    clusters: ClusterService,
    configuration: ConfigurationService,
    clock: Clock,
) -> ClusterParts:
    """Return what keeps registered clusters; nothing is read or connected yet."""

    @cache
    def vault() -> Vault:
        return Vault(Keys.from_file(settings.key_file))

    ours = settings.clusters
    connecting = _connecting(settings, clock)
    records = ClusterRecords(database, ClusterRepository, CheckRepository, vault, ours.checks_kept)
    lines = Lines(Ways(connecting, configuration, records, source_of, ours, clock), clusters)
    usual = Limits()
    strangers = connecting(usual.per_second, usual.concurrent)
    registry = ClusterRegistry(records, strangers, lines, ours, clock)
    views = ClusterViews(clusters, lines, configuration, clock)
    services: dict[type, object] = {
        ClusterRegistry: registry,
        ClusterViews: views,
        ClusterStates: ClusterStates(clusters, views, registry, clock),
        ConfigurationService: configuration,
    }
    return ClusterParts(lines, vault, services)


def source_of(mirrored: Mirrored) -> ClusterSource:
    """Return a cluster at one moment as a source."""
    held = Held(mirrored.identity, mirrored.version, mirrored.objects, mirrored.left_out)
    return LiveSource(held, mirrored.name, mirrored.usages, mirrored.at)


def _connecting(settings: Settings, clock: Clock) -> Connecting:
    allowed = AddressPolicy.allowing(settings.clusters.allowed_networks)
    # a line gives up before the request of whoever waits for it does
    usual = replace(Limits(), patience=settings.clusters.look_timeout.total_seconds())

    def connector(per_second: float, at_once: int) -> ClusterConnector:
        limits = replace(usual, per_second=per_second, concurrent=at_once)
        return KubernetesConnector(allowed, limits=limits, clock=clock)

    return connector
