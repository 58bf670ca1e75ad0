"""What can be done with clusters."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from upid.contexts.clusters.errors import ClusterExists, ClusterNotFound, ClusterUnclear
from upid.contexts.clusters.logic.inventory import present
from upid.contexts.clusters.types import Cluster, View
from upid.core.ports.cluster_source import ClusterSource
from upid.kit.recent import Recent

Named = Cluster | str | None
"""How a cluster is named: itself, its id or unique name, or nothing where there is only one."""

RECORDED = "recorded"  # how fresh what a recording holds is
_VIEWS = 4  # of recordings, each as it ends


class Connected(Protocol):
    """A cluster that UPID is connected to: each reading of it is of another moment."""

    @property
    @abstractmethod
    def id(self) -> str:
        """Its id."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What people call it."""

    @abstractmethod
    def reading(self) -> Cluster:
        """Return it as it was when it was last read. Raises ClusterLoading."""


class ClusterService:
    """The clusters that this program can answer for, by id."""

    def __init__(self) -> None:
        self._clusters: dict[str, Cluster] = {}
        self._aliases: dict[str, str] = {}  # another id → cluster id
        self._connected: dict[str, Connected] = {}
        self._views: Recent[str, View] = Recent(_VIEWS)

    def attach(self, source: ClusterSource) -> Cluster:
        """Take in a source; from now on its cluster can be asked about."""
        cluster = Cluster(source)
        if cluster.id in self._clusters:
            raise ClusterExists(cluster.id)
        self._clusters[cluster.id] = cluster
        return cluster

    def alias(self, other_id: str, cluster_id: str) -> None:
        """Let a cluster be found by another id too, such as that of its stored recording."""
        self._aliases[other_id] = cluster_id

    def detach(self, cluster_id: str) -> None:
        """Forget a cluster, or only another id of it; what is not here is forgotten already."""
        if self._aliases.pop(cluster_id, None) is None:
            self._clusters.pop(cluster_id, None)
            self._aliases = {a: c for a, c in self._aliases.items() if c != cluster_id}

    def connect(self, line: Connected) -> None:
        """Let a cluster that is connected be asked about; it goes before a recording of it."""
        self._connected[line.id] = line

    def disconnect(self, cluster_id: str) -> None:
        """Forget a cluster that was connected."""
        self._connected.pop(cluster_id, None)

    def list(self) -> tuple[Cluster, ...]:
        """Return all attached clusters, by name, then id."""
        return tuple(sorted(self._clusters.values(), key=lambda c: (c.name, c.id)))

    def resolve(self, named: Named) -> Cluster:
        """Return the named cluster, by id or unique name; without a name, the only one (API-3).

        A cluster stands for itself: one that is connected is another a minute later, and every
        part of an answer has to speak of the same.
        """
        if isinstance(named, Cluster):
            return named
        found = self.find(named)
        return found if isinstance(found, Cluster) else found.reading()

    def find(self, named: str | None) -> Cluster | Connected:
        """Return the named cluster as it is attached or connected; nothing of it is read."""
        recorded = named in self._aliases
        attached = [c for c in self.list() if recorded or c.id not in self._connected]
        known: Sequence[Cluster | Connected] = [*attached, *self._lines()]
        if named is None:
            if len(known) != 1:
                raise ClusterUnclear([c.id for c in known])
            return known[0]
        wanted = self._aliases.get(named, named)
        among = attached if recorded else known
        found = [c for c in among if wanted in (c.id, c.name)]
        if not found:
            raise ClusterNotFound(named, [c.name for c in known])
        if len(found) > 1:
            raise ClusterUnclear([c.id for c in found])
        return found[0]

    def ended(self, cluster: Cluster) -> View:
        """Return what an attached cluster held at the end of what its source knows."""

        def look() -> View:
            facts, end = cluster.facts, cluster.facts.window.end
            held = present(cluster.source.objects(), end)
            return View(cluster.id, held, cluster.moment, end, RECORDED, facts.notes)

        return self._views.get(cluster.moment, look)

    def _lines(self) -> Sequence[Connected]:
        return sorted(self._connected.values(), key=lambda line: (line.name, line.id))
