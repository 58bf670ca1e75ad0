"""Where a cluster's objects and samples come from: a recording now, a live cluster as well."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from upid.core.metrics import Entity, Metric
from upid.core.panel import Panel
from upid.core.window import Window


class ObjectVersion(NamedTuple):
    """One Kubernetes object as it was from `since` until `until` (None: until the end).

    `body` is the object as the API server prints it, in JSON.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    since: datetime
    until: datetime | None
    body: bytes


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What a source says of itself.

    id        stable, with the prefix `cl_`
    window    the time its objects and samples speak of
    cadence   time between two samples
    sources   where the samples came from, such as ("prometheus", "istio")
    metrics   names of the metrics that it has samples of
    notes     what the source could not read, a sentence each
    """

    id: str
    name: str
    window: Window
    cadence: timedelta
    sources: tuple[str, ...]
    metrics: frozenset[str]
    currency: str = "USD"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The series of one entity: their ids and labels, row by row.

    ids     (s,)  rising
    labels  label name → (s,) strings, as in `upid.core.metrics.LABELS`
    """

    entity: Entity
    ids: NDArray[np.int64]
    labels: Mapping[str, NDArray[np.object_]]

    def __len__(self) -> int:
        return int(self.ids.size)


@dataclass(frozen=True, slots=True)
class NodePrice:
    """What one node costs an hour, as the source itself knows it (a bill, or an override)."""

    node: str
    hourly: float  # in the sheet's currency
    source: str  # bill, list, override
    as_of: str = ""  # date


@dataclass(frozen=True, slots=True)
class PriceSheet:
    """Prices that travel with a source. Hourly rates per GiB for volumes by storage class."""

    currency: str = "USD"
    nodes: tuple[NodePrice, ...] = ()
    volume_gib_hour: Mapping[str, float] = field(default_factory=dict)
    load_balancer_hour: float | None = None
    control_plane_hour: float | None = None
    as_of: str = ""


class ClusterSource(Protocol):
    """A cluster's past, read lazily; safe to read from several threads."""

    @abstractmethod
    def facts(self) -> SourceFacts:
        """Return what the source says of itself."""

    @abstractmethod
    def objects(self, kinds: Sequence[str] | None = None) -> Iterator[ObjectVersion]:
        """Yield every object version, or those of the named kinds, in a stable order."""

    @abstractmethod
    def catalogue(self, entity: Entity) -> Catalogue:
        """Return the series of an entity; empty where there are none."""

    @abstractmethod
    def panel(
        self, metric: Metric, window: Window | None = None, ids: NDArray[np.int64] | None = None
    ) -> Panel:
        """Return a metric's samples in a window, for all series or those with the given ids.

        Rows follow the catalogue: one for every series asked for, empty where it has no sample.
        """

    @abstractmethod
    def prices(self) -> PriceSheet | None:
        """Return the prices that travel with the source, if any do."""
