"""A cluster as the rest of UPID sees it."""

from threading import Lock

from upid.contexts.clusters.logic.inventory import read_inventory
from upid.core.ports.cluster_source import ClusterSource, SourceFacts
from upid.core.snapshot import Snapshot


class Cluster:
    """One cluster: its id, where its past is read from, and what it holds."""

    def __init__(self, source: ClusterSource) -> None:
        self.source = source
        self.facts: SourceFacts = source.facts()
        self.id = self.facts.id
        self._lock = Lock()
        self._inventory: Snapshot | None = None

    @property
    def name(self) -> str:
        """The name people gave it; not unique."""
        return self.facts.name

    def inventory(self) -> Snapshot:
        """Return everything that existed in the source's window; read once, then kept."""
        with self._lock:
            if self._inventory is None:
                self._inventory = read_inventory(self.source.objects(), self.facts.window)
            return self._inventory
