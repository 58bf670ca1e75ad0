"""A cluster as the rest of UPID sees it."""

from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from upid.contexts.clusters.logic.inventory import read_inventory
from upid.core.ports.cluster_source import ClusterSource, SourceFacts
from upid.core.snapshot import Snapshot


class Cluster:
    """One cluster: its id, where its past is read from, and what it holds.

    mark  tells two readings of one window apart
    """

    def __init__(self, source: ClusterSource, mark: str = "") -> None:
        self.source, self._mark = source, mark
        self.facts: SourceFacts = source.facts()
        self.id = self.facts.id
        self._lock = Lock()
        self._inventory: Snapshot | None = None

    @property
    def name(self) -> str:
        """The name people gave it; not unique."""
        return self.facts.name

    @property
    def moment(self) -> str:
        """What names this cluster at this moment: what is computed of it may be kept by it.

        A recording has one; a cluster that is connected is read anew each minute.
        """
        return f"{self.id} {self.facts.window} {self._mark}"

    def inventory(self) -> Snapshot:
        """Return everything that existed in the source's window; read once, then kept."""
        with self._lock:
            if self._inventory is None:
                self._inventory = read_inventory(self.source.objects(), self.facts.window)
            return self._inventory


@dataclass(frozen=True, slots=True)
class View:
    """What a cluster holds at one instant: what is gone is not in it.

    mark       names this state of it; an equal one holds the same
    freshness  live, stale, or recorded
    left_out   what could not be read, a sentence each
    """

    cluster_id: str
    snapshot: Snapshot
    mark: str
    at: datetime
    freshness: str
    left_out: tuple[str, ...] = ()
