"""Questions about what a cluster costs."""

from upid.contexts.clusters import Cluster, ClusterService, Named
from upid.contexts.costs.errors import NothingInWindow
from upid.contexts.costs.logic.breakdown import breakdown
from upid.contexts.costs.logic.closing import Rules, allocation_of
from upid.contexts.costs.logic.demand import Usage
from upid.contexts.costs.settings import CostSettings
from upid.contexts.costs.types import Allocation, CostLine
from upid.contexts.metrics import PanelService
from upid.core.allocation import Basis, Model, Sharing
from upid.core.metrics import CPU, MEMORY, Entity, Metric
from upid.core.panel import Panel
from upid.core.ports.prices import PriceList
from upid.core.window import Window
from upid.kit.recent import Recent

_Question = tuple[str, str, Model, Basis, Sharing]


class CostService:
    """Divides the bills of a cluster's nodes, and prices what stands around them."""

    def __init__(
        self,
        clusters: ClusterService,
        panels: PanelService,
        prices: PriceList,
        settings: CostSettings,
    ) -> None:
        self._clusters, self._panels, self._prices = clusters, panels, prices
        self._settings = settings
        self._kept: Recent[_Question, Allocation] = Recent(settings.kept)

    def allocation(
        self,
        cluster_id: Named = None,
        window: Window | None = None,
        *,
        model: Model | None = None,
        basis: Basis | None = None,
        share_idle: Sharing | None = None,
    ) -> Allocation:
        """Return what the cluster cost in the window and who it was for (COST-1 to COST-4).

        Without a window, all that the source holds. The same question is computed once.
        """
        cluster = self._clusters.resolve(cluster_id)
        span = self._within(cluster, window)
        rules = Rules(
            model=model or self._settings.model,
            basis=basis or self._settings.basis,
            sharing=share_idle or self._settings.share_idle,
            cpu_weight=self._settings.cpu_weight,
            memory_weight=self._settings.memory_weight,
        )
        key = (cluster.moment, str(span), rules.model, rules.basis, rules.sharing)
        return self._kept.get(key, lambda: self._compute(cluster, span, rules))

    def breakdown(self, allocation: Allocation, by: str = "namespace") -> tuple[CostLine, ...]:
        """Return the cost line by line, the most expensive first, adding up exactly (COST-2).

        by  namespace, workload, kind, pod, pod-uid, container, node, pool, cluster or `label:NAME`
        """
        return breakdown(allocation, by)

    def _within(self, cluster: Cluster, window: Window | None) -> Window:
        """Return the part of a window that the source knows of."""
        held = cluster.facts.window
        part = held if window is None else held.overlap(window)
        if part is None:
            raise NothingInWindow(str(window), str(held))
        return part

    def _compute(self, cluster: Cluster, span: Window, rules: Rules) -> Allocation:
        catalogue = self._panels.catalogue(cluster, Entity.CONTAINER)
        usage = Usage(
            catalogue.labels,
            self._panel(cluster, CPU, span),
            self._panel(cluster, MEMORY, span),
        )
        return allocation_of(
            cluster.facts,
            cluster.inventory(),
            span,
            usage,
            cluster.source.prices(),
            self._prices,
            rules,
        )

    def _panel(self, cluster: Cluster, metric: Metric, span: Window) -> Panel | None:
        """Return a metric's panel, or None where the source does not measure it."""
        if metric.name not in cluster.facts.metrics:
            return None
        return self._panels.panel(cluster, metric, span)
