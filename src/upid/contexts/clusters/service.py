"""What can be done with clusters."""

from upid.contexts.clusters.errors import ClusterExists, ClusterNotFound, ClusterUnclear
from upid.contexts.clusters.types import Cluster
from upid.core.ports.cluster_source import ClusterSource


class ClusterService:
    """The clusters that this program can answer for, by id."""

    def __init__(self) -> None:
        self._clusters: dict[str, Cluster] = {}
        self._aliases: dict[str, str] = {}  # another id → cluster id

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

    def list(self) -> tuple[Cluster, ...]:
        """Return all clusters, by name, then id."""
        return tuple(sorted(self._clusters.values(), key=lambda c: (c.name, c.id)))

    def resolve(self, cluster_id: str | None) -> Cluster:
        """Return the named cluster, by id or unique name; without a name, the only one (API-3)."""
        known = self.list()
        if cluster_id is None:
            if len(known) != 1:
                raise ClusterUnclear([c.id for c in known])
            return known[0]
        wanted = self._aliases.get(cluster_id, cluster_id)
        found = [c for c in known if wanted in (c.id, c.name)]
        if not found:
            raise ClusterNotFound(cluster_id, [c.id for c in known])
        if len(found) > 1:
            raise ClusterUnclear([c.id for c in found])
        return found[0]
