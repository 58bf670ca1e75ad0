"""The whole analysis of a recording, stage by stage, in a process of its own that prints JSON.

The same services as the program's, wired by hand with a clock between them. A stage's seconds
leave out the panels that it is the first to ask for: those have rows of their own.
"""

import gc
import json
import os
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import TypeVar

from upid.adapters.pricelist import ShippedPrices
from upid.adapters.recordings import open_recording
from upid.app.settings import load_settings
from upid.contexts.clusters import Cluster, ClusterService
from upid.contexts.costs import CostService
from upid.contexts.insights import InsightService
from upid.contexts.metrics import PanelService
from upid.contexts.optimization import RecommendationService
from upid.contexts.optimization.analysis import AnalysisService
from upid.core.metrics import Entity, Metric
from upid.core.panel import Panel
from upid.core.ports.cluster_source import Catalogue
from upid.core.window import Window
from upid.kit.web import json_response

Answer = TypeVar("Answer")
_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss


class Watch:
    """Seconds by stage, each without what was measured within it, and how the peak grew in it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self.grew: Counter[str] = Counter()  # bytes of peak memory
        self._peak = 0
        self._within = 0.0

    def time(self, name: str, work: Callable[[], Answer]) -> Answer:
        """Do some work and add its time to a stage."""
        outer, self._within = self._within, 0.0
        started = time.perf_counter()
        try:
            return work()
        finally:
            whole = time.perf_counter() - started
            self.seconds[name] += whole - self._within
            self.calls[name] += 1
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
            self.grew[name] += peak - self._peak
            self._peak = peak
            self._within = outer + whole


class WatchedPanels(PanelService):
    """Panels as ever, with the time that each metric takes."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def panel(self, cluster: Cluster, metric: Metric, window: Window | None = None) -> Panel:
        """Return a panel."""
        ask = super().panel
        return self._watch.time(f"panel {metric.name}", lambda: ask(cluster, metric, window))

    def parts(
        self, cluster: Cluster, metric: Metric, window: Window | None = None
    ) -> Iterator[Panel]:
        """Yield a panel in parts."""
        parts = super().parts(cluster, metric, window)
        while True:
            part = self._watch.time(f"panel {metric.name}", lambda: next(parts, None))
            if part is None:
                return
            yield part

    def catalogue(self, cluster: Cluster, entity: Entity) -> Catalogue:
        """Return a catalogue."""
        ask = super().catalogue
        return self._watch.time("catalogues", lambda: ask(cluster, entity))


def analysed(path: str) -> Watch:
    """Analyse a recording as `upid analyze cluster -o json` does, up to the body of the answer."""
    watch = Watch()
    watch.time("imports", gc.collect)  # what the process holds before the work begins
    settings = load_settings(os.environ).settings
    clusters = ClusterService()
    cluster = watch.time("open", lambda: clusters.attach(open_recording(path)))
    watch.time("inventory", cluster.inventory)
    panels, window = WatchedPanels(watch), cluster.facts.window
    costs = CostService(clusters, panels, ShippedPrices(), settings.costs)
    insights = InsightService(clusters, panels, costs, settings.insights)
    advice = RecommendationService(clusters, panels, costs, insights, settings.optimization)
    analyses = AnalysisService(clusters, panels, costs, advice)
    watch.time("costs", lambda: costs.allocation(cluster.id, window))
    watch.time("idle", lambda: insights.idle(cluster.id, window))
    watch.time("advice", lambda: advice.recommend(cluster.id, window))
    answer = watch.time("answer", lambda: analyses.cluster(cluster.id, None))
    watch.time("encode", lambda: json_response(answer))
    return watch


if __name__ == "__main__":
    found = analysed(sys.argv[1])
    print(json.dumps({"seconds": found.seconds, "calls": found.calls, "grew": found.grew}))
