"""Panels of a cluster's samples, kept within bounds so that each is decoded once."""

from collections import OrderedDict
from threading import Lock

from upid.contexts.clusters import Cluster
from upid.core.metrics import Entity, Metric
from upid.core.panel import Panel
from upid.core.ports.cluster_source import Catalogue
from upid.core.window import Window

_KEPT_BYTES = 400 << 20  # two metrics of 10,000 containers over 7 days at 5 minutes, and some


class PanelService:
    """Reads panels and catalogues; the most recently used stay in memory."""

    def __init__(self, kept_bytes: int = _KEPT_BYTES) -> None:
        self._bound = kept_bytes
        self._panels: OrderedDict[tuple[str, str, str], Panel] = OrderedDict()
        self._lock = Lock()

    def panel(self, cluster: Cluster, metric: Metric, window: Window | None = None) -> Panel:
        """Return a metric of all series of its entity, in rows that follow the catalogue.

        The window is held to the source's own; without one, all of it.
        """
        span = cluster.facts.window if window is None else window
        key = (cluster.id, metric.name, str(span))
        with self._lock:
            found = self._panels.get(key)
            if found is not None:
                self._panels.move_to_end(key)
                return found
        found = cluster.source.panel(metric, span)
        with self._lock:
            self._panels[key] = found
            while len(self._panels) > 1 and self._bytes() > self._bound:
                self._panels.popitem(last=False)
        return found

    def catalogue(self, cluster: Cluster, entity: Entity) -> Catalogue:
        """Return the series of an entity."""
        return cluster.source.catalogue(entity)

    def _bytes(self) -> int:
        return sum(panel.nbytes for panel in self._panels.values())
