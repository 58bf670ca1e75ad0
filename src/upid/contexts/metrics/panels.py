"""Panels of a cluster's samples, kept within bounds so that each is decoded once."""

from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock

from upid.contexts.clusters import Cluster
from upid.core.metrics import Entity, Metric
from upid.core.panel import Panel
from upid.core.ports.cluster_source import Catalogue
from upid.core.window import Window

_KEPT_BYTES = 600 << 20  # three metrics of 10,000 containers over 7 days at 5 minutes, and some
_PART_SAMPLES = 1 << 21  # of a panel that is read in parts: 16 MiB, which malloc keeps for the next
_PART_SERIES = 2048  # of one that is in memory, so that what is made of each stays small too


class PanelService:
    """Reads panels and catalogues; the most recently used stay in memory."""

    def __init__(self, kept_bytes: int = _KEPT_BYTES, part_samples: int = _PART_SAMPLES) -> None:
        self._bound = kept_bytes
        self._part = part_samples
        self._panels: OrderedDict[tuple[str, str, str], Panel] = OrderedDict()
        self._lock = Lock()

    def panel(self, cluster: Cluster, metric: Metric, window: Window | None = None) -> Panel:
        """Return a metric of all series of its entity, in rows that follow the catalogue.

        The window is held to the source's own; without one, all of it.
        """
        span = cluster.facts.window if window is None else window
        key = (cluster.moment, metric.name, str(span))
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

    def parts(
        self, cluster: Cluster, metric: Metric, window: Window | None = None
    ) -> Iterator[Panel]:
        """Yield a metric's panel some series at a time, for what reads each series once.

        A panel that is in memory, or is small enough to be kept, comes as views of it; of a
        larger one only a part is in memory at a time.
        """
        span = cluster.facts.window if window is None else window
        ids = self.catalogue(cluster, metric.entity).ids
        steps = -(-span.seconds // max(1, round(cluster.facts.cadence.total_seconds())))
        with self._lock:
            known = (cluster.moment, metric.name, str(span)) in self._panels
        if known or ids.size * steps <= self._part:
            whole = self.panel(cluster, metric, span)
            for first in range(0, len(whole), _PART_SERIES):
                yield whole.part(first, min(len(whole), first + _PART_SERIES))
            return
        series = max(1, self._part // steps)
        for first in range(0, ids.size, series):
            yield cluster.source.panel(metric, span, ids[first : first + series])

    def catalogue(self, cluster: Cluster, entity: Entity) -> Catalogue:
        """Return the series of an entity."""
        return cluster.source.catalogue(entity)

    def _bytes(self) -> int:
        return sum(panel.nbytes for panel in self._panels.values())
