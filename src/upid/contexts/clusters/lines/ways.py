"""What a line is made with, and what it makes an analysis with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from upid.contexts.clusters.records import ClusterRecords
    from upid.contexts.clusters.settings import ClusterSettings
    from upid.contexts.configuration import ConfigurationService
    from upid.core.ports.cluster_connection import ClusterConnector, Usage
    from upid.core.ports.cluster_source import ClusterSource, ObjectVersion
    from upid.kit.clock import Clock


@dataclass(frozen=True, slots=True)
class Mirrored:
    """A cluster at one moment, for an analysis.

    objects  read anew with each iteration
    usages   readings of the last hour, in order of time
    """

    identity: str
    name: str
    version: str
    objects: Iterable[ObjectVersion]
    left_out: tuple[str, ...]
    usages: Sequence[Usage]
    at: datetime


@dataclass(frozen=True, slots=True)
class Ways:
    """What a line is made with.

    connector  makes connections with so many requests a second and at once
    source     makes a source of a cluster at one moment
    """

    connector: Callable[[float, int], ClusterConnector]
    configuration: ConfigurationService
    records: ClusterRecords
    source: Callable[[Mirrored], ClusterSource]
    settings: ClusterSettings
    clock: Clock
