"""Questions about what should change in a cluster."""

from collections.abc import Callable

from upid.contexts.clusters import Cluster, ClusterService, Named
from upid.contexts.costs import CostService
from upid.contexts.insights import InsightService, InsightSettings
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

_Question = tuple[str, str, OptimizationSettings, InsightSettings]
_KEPT = 4  # answers in memory: analysis, recommendations and explanations ask the same


class RecommendationService:
    """Advises on a cluster's requests and limits, idle workloads and orphaned costs.

    What is advised by one cluster's settings is kept by them, and is no answer for another's.
    """

    def __init__(
        self,
        clusters: ClusterService,
        panels: PanelService,
        costs: CostService,
        insights: InsightService,
        settings: OptimizationSettings,
        of_cluster: Callable[[str], OptimizationSettings] | None = None,
    ) -> None:
        """Take the parts.

        of_cluster  returns what holds for one cluster, by its id; without it `settings` hold for
                    all
        """
        self._clusters, self._panels = clusters, panels
        self._costs, self._insights = costs, insights
        self._settings = of_cluster or (lambda _: settings)
        self._kept: Recent[_Question, Advice] = Recent(_KEPT)

    def recommend(self, cluster_id: Named = None, window: Window | None = None) -> Advice:
        """Return what should change in a cluster and what was left alone (OPT-1, OPT-4).

        Without a window, from all that the source holds.
        """
        cluster = self._clusters.resolve(cluster_id)
        by, judged_by = self._settings(cluster.id), self._insights.settings(cluster)
        key = (cluster.moment, str(window or ""), by, judged_by)

        def make() -> Advice:
            return advise(self._material(cluster, window, judged_by), _rules(by))

        return self._kept.get(key, make)

    def _material(
        self, cluster: Cluster, window: Window | None, judged_by: InsightSettings
    ) -> Material:
        allocation = self._costs.allocation(cluster, window)
        return Material(
            cluster_id=cluster.id,
            window=allocation.window,
            inventory=cluster.inventory(),
            samples=self._samples(cluster, window),
            allocation=allocation,
            idle=self._insights.idle(cluster, window, judged_by),
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


def _rules(settings: OptimizationSettings) -> Rules:
    return Rules(
        question=Question(settings.cpu_quantile, settings.half_life, settings.startup),
        thresholds=Thresholds(
            policy=settings.policy(),
            efficiency=settings.efficiency,
            least_history=settings.least_history,
            least_coverage=settings.least_coverage,
            least_runs=settings.least_runs,
        ),
        switches=settings.switches(),
        valid_for=settings.valid_for,
    )
