"""Questions about what should change in a cluster."""

from upid.contexts.clusters import Cluster, ClusterService, Named
from upid.contexts.costs import CostService
from upid.contexts.insights import InsightService
from upid.contexts.metrics import PanelService
from upid.contexts.optimization.logic.advice import Material, Rules, advise
from upid.contexts.optimization.logic.grouping import Question, Samples
from upid.contexts.optimization.logic.sizing import Thresholds
from upid.contexts.optimization.settings import OptimizationSettings
from upid.contexts.optimization.types import Advice
from upid.core.metrics import CPU, MEMORY, OOM_KILLS, RESTARTS, THROTTLED, Entity, Metric
from upid.core.panel import Panel
from upid.core.window import Window
from upid.kit.recent import Recent

_KEPT = 4  # answers in memory: analysis, recommendations and explanations ask the same


class RecommendationService:
    """Advises on a cluster's requests and limits, idle workloads and orphaned costs."""

    def __init__(
        self,
        clusters: ClusterService,
        panels: PanelService,
        costs: CostService,
        insights: InsightService,
        settings: OptimizationSettings,
    ) -> None:
        self._clusters, self._panels = clusters, panels
        self._costs, self._insights = costs, insights
        self._settings = settings
        self._kept: Recent[tuple[str, str], Advice] = Recent(_KEPT)

    def recommend(self, cluster_id: Named = None, window: Window | None = None) -> Advice:
        """Return what should change in a cluster and what was left alone (OPT-1, OPT-4).

        Without a window, from all that the source holds.
        """
        cluster = self._clusters.resolve(cluster_id)
        key = (cluster.moment, str(window or ""))
        return self._kept.get(key, lambda: advise(self._material(cluster, window), self._rules()))

    def _material(self, cluster: Cluster, window: Window | None) -> Material:
        allocation = self._costs.allocation(cluster, window)
        return Material(
            cluster_id=cluster.id,
            window=allocation.window,
            inventory=cluster.inventory(),
            samples=self._samples(cluster, window),
            allocation=allocation,
            idle=self._insights.idle(cluster, window),
        )

    def _samples(self, cluster: Cluster, window: Window | None) -> Samples:
        def read(metric: Metric) -> Panel | None:
            if metric.name not in cluster.facts.metrics:
                return None
            return self._panels.panel(cluster, metric, window)

        labels = self._panels.catalogue(cluster, Entity.CONTAINER).labels
        return Samples(
            labels, read(CPU), read(MEMORY), read(THROTTLED), read(RESTARTS), read(OOM_KILLS)
        )

    def _rules(self) -> Rules:
        settings = self._settings
        return Rules(
            question=Question(settings.cpu_quantile, settings.half_life, settings.startup),
            thresholds=Thresholds(
                policy=settings.policy(),
                efficiency=settings.efficiency,
                least_history=settings.least_history,
                least_coverage=settings.least_coverage,
                least_runs=settings.least_runs,
            ),
            valid_for=settings.valid_for,
        )
