"""Questions about a cluster, a workload or a pod, answered from every context at once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from upid.contexts.clusters import Cluster, ClusterService, Named
from upid.contexts.costs import CostService, NothingInWindow
from upid.contexts.metrics import PanelService
from upid.contexts.optimization import schemas as s
from upid.contexts.optimization.analysis import find
from upid.contexts.optimization.analysis.cluster import analysed
from upid.contexts.optimization.analysis.findings import Findings
from upid.contexts.optimization.analysis.page import Wanted, page
from upid.contexts.optimization.analysis.scope import Scope, narrowed
from upid.contexts.optimization.analysis.usage import distributions
from upid.contexts.optimization.analysis.workload import Draw, of_pod, of_workload
from upid.contexts.optimization.service import RecommendationService
from upid.contexts.optimization.types import Recommendation
from upid.core.snapshot import Pod, Workload
from upid.core.window import Window

POD_WINDOW, CLUSTER_WINDOW = "7d", "30d"  # the specification's default windows


class AnalysisService:
    """Puts costs, idleness and advice together; computes nothing of its own twice."""

    def __init__(
        self,
        clusters: ClusterService,
        panels: PanelService,
        costs: CostService,
        recommendations: RecommendationService,
    ) -> None:
        self._clusters, self._panels, self._costs = clusters, panels, costs
        self._recommendations = recommendations

    def cluster(
        self,
        cluster_id: str | None,
        time_range: str | None,
        namespaces: Sequence[str] | None = None,
        selector: str | None = None,
        limit: int = 10,
    ) -> s.ClusterAnalysis:
        """Return what a cluster, or a part of it, costs, uses, wastes and should change."""
        found = self.findings(cluster_id, time_range, Scope.of(namespaces, selector))
        return analysed(found, lambda by: self._costs.breakdown(found.allocation, by), limit)

    def workload(
        self,
        cluster_id: str | None,
        time_range: str | None,
        namespace: str | None,
        kind: str | None,
        name: str,
        *,
        detailed: bool = True,
    ) -> s.DeploymentAnalysis:
        """Return what one workload costs, uses and should change."""
        cluster = self._clusters.resolve(cluster_id)
        workload = find.workload(cluster.inventory(), namespace, kind, name)
        found = self.findings(cluster, time_range, Scope())
        lines = self._costs.breakdown(found.allocation, "pod-uid")
        return of_workload(found, workload, self._draw(found, detailed=detailed), lines)

    def pod(
        self,
        cluster_id: str | None,
        time_range: str | None,
        namespace: str | None,
        name: str,
        *,
        detailed: bool = True,
        costed: bool = True,
        unmet: Sequence[str] = (),
    ) -> s.PodAnalysis:
        """Return what one pod costs and uses, and what its workload should change.

        costed  whether its cost is told
        unmet   what was asked for and cannot be given, for the notes
        """
        cluster = self._clusters.resolve(cluster_id)
        pod = find.pod(cluster.inventory(), namespace, name)
        found = self.findings(cluster, time_range, Scope(), default=POD_WINDOW)
        found = replace(found, notes=(*unmet, *found.notes))
        lines = self._costs.breakdown(found.allocation, "pod-uid") if costed else ()
        return of_pod(found, pod, self._draw(found, detailed=detailed), lines)

    def page(
        self,
        cluster_id: str | None,
        time_range: str,
        namespaces: Sequence[str] | None,
        selector: str | None,
        wanted: Wanted,
        cursor: str | None,
        limit: int,
    ) -> s.RecommendationPage:
        """Return one page of what should change in a cluster, the dearest first."""
        found = self.findings(cluster_id, time_range, Scope.of(namespaces, selector))
        return page(found, wanted, cursor, limit)

    def findings(
        self,
        cluster_id: Named,
        time_range: str | None,
        scope: Scope,
        *,
        default: str = CLUSTER_WINDOW,
    ) -> Findings:
        """Return what every context knows of a cluster in a window, held to what its source has."""
        cluster = self._clusters.resolve(cluster_id)
        window, notes = _held(cluster, default if time_range is None else time_range)
        if time_range is None:
            notes = ()  # only who asked for more has to hear that there is less
        advice = self._recommendations.recommend(cluster, window)
        within = scope.workloads(cluster.inventory())
        return Findings(
            cluster=cluster,
            allocation=self._costs.allocation(cluster, window),
            idle=advice.idle,
            advice=narrowed(advice, scope, within),
            scope=scope,
            within=within,
            notes=(*cluster.facts.notes, *notes),
        )

    def _draw(self, found: Findings, *, detailed: bool) -> Draw:
        def draw(
            pods: Sequence[Pod], workload: Workload, advice: Recommendation | None
        ) -> list[s.Distribution]:
            if not detailed:
                return []
            containers = workload.containers or (pods[-1].containers if pods else ())
            return distributions(
                self._panels, found.cluster, found.allocation.window, pods, containers, advice
            )

        return draw


def _held(cluster: Cluster, time_range: str) -> tuple[Window, tuple[str, ...]]:
    """Return the steps of the asked window that the source has, and a note where that is less."""
    has = cluster.facts.window
    asked = Window.parse(time_range, now=has.end)
    part = asked.overlap(has)
    steps = part and part.steps(has.start, cluster.facts.cadence)
    held = steps and steps.overlap(has)  # the last step may begin in what is had and end after it
    if held is None:
        raise NothingInWindow(time_range, str(has))
    if held.seconds < asked.seconds - timedelta(hours=1).total_seconds():
        return held, (f"{time_range} were asked for, {_length(held)} are there",)
    return held, ()


def _length(window: Window) -> str:
    """Return how long a window is, in the unit that says it in few digits."""
    amount, unit = window.hours / 24, "days"
    if amount < 1:
        amount, unit = window.hours, "hours"
    if amount < 1:
        amount, unit = window.hours * 60, "minutes"
    return f"{amount:.1f}".removesuffix(".0") + f" {unit}"
