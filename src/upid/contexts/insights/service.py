"""Questions about what a cluster's measurements mean."""

from collections.abc import Callable, Iterable
from datetime import timedelta

import numpy as np

from upid.contexts.clusters import Cluster, ClusterService, Named
from upid.contexts.costs import CostService, NothingInWindow
from upid.contexts.insights.logic import hours
from upid.contexts.insights.logic.needs import Needs, down, needs
from upid.contexts.insights.logic.results import Found, pods_idle, workloads_idle
from upid.contexts.insights.settings import InsightSettings
from upid.contexts.insights.signatures import noise_rules
from upid.contexts.insights.types import IdleCost, IdleReport
from upid.contexts.metrics import PanelService
from upid.core.activity import Bools, Floats, Ints
from upid.core.idle import HISTORY_NEEDED, judge
from upid.core.metrics import (
    CPU,
    NETWORK_RX,
    NETWORK_TX,
    REQUESTS,
    RESTARTS,
    Entity,
    Metric,
)
from upid.core.noise import Noise, Streams
from upid.core.panel import Panel
from upid.core.ports.cluster_source import Catalogue
from upid.core.snapshot import Pod, Snapshot, WorkloadKey
from upid.core.window import HOUR, MONTH, Window
from upid.kit.recent import Recent

_COMPLETED = ("Succeeded", "Failed")
_MONTH_HOURS = MONTH.total_seconds() / HOUR
_COARSEST = timedelta(hours=1)  # idleness is judged hour by hour
_KEPT = 4  # reports; the same question comes from every part of an analysis


class InsightService:
    """Judges pods by what was measured of them; computes a question once.

    What is judged by one cluster's settings is kept by them, and is no answer for another's.
    """

    def __init__(
        self,
        clusters: ClusterService,
        panels: PanelService,
        costs: CostService | None,
        settings: InsightSettings,
        of_cluster: Callable[[str], InsightSettings] | None = None,
    ) -> None:
        """Take the parts.

        of_cluster  returns what holds for one cluster, by its id; without it `settings` hold for
                    all. Noise is told from business by `settings` alone.
        """
        self._clusters, self._panels, self._costs = clusters, panels, costs
        self._settings = of_cluster or (lambda _: settings)
        self._rules = noise_rules(
            health_paths=settings.health_paths,
            agents=settings.noise_agents,
            monitors=settings.monitoring_sources,
        )
        self._kept: Recent[tuple[str, str, InsightSettings], IdleReport] = Recent(_KEPT)

    def settings(self, cluster: Named = None) -> InsightSettings:
        """Return the settings that a cluster is judged by now."""
        return self._settings(self._clusters.resolve(cluster).id)

    def idle(
        self,
        cluster_id: Named = None,
        window: Window | None = None,
        settings: InsightSettings | None = None,
    ) -> IdleReport:
        """Return which pods and workloads are idle, how sure that is, and why (IDL-1 to IDL-8).

        The evidence is the last seven days of the window; the time before it that the source
        knows of, 90 days at most, is the history that it is compared with, also where that lies
        before the window.

        settings  what to judge by; without them, those that the cluster has now
        """
        cluster = self._clusters.resolve(cluster_id)
        held = cluster.facts.window
        part = held if window is None else held.overlap(window)
        if part is None:
            raise NothingInWindow(str(window), str(held))
        by = settings or self._settings(cluster.id)
        key = (cluster.moment, str(part), by)
        return self._kept.get(key, lambda: self._report(cluster, part, by))

    def _report(self, cluster: Cluster, window: Window, by: InsightSettings) -> IdleReport:
        span = hours.Span.of(window, cluster.facts.window)
        objects = cluster.inventory()
        pods = tuple(
            sorted(
                (p for p in objects.pods if _overlaps(p, span.whole)),
                key=lambda p: (p.namespace, p.name, p.uid),
            )
        )
        rows = [row for row, pod in enumerate(pods) if _living(pod, window)]
        judged = pods_idle(self._found(cluster, pods, span, window, by), rows) if rows else ()
        return IdleReport(
            cluster=cluster.id,
            window=window,
            evidence=span.evidence,
            history=timedelta(hours=span.history),
            pods=judged,
            workloads=workloads_idle(judged),
            completed=sum(pod.phase in _COMPLETED for pod in pods),
            missing=_missing(cluster, span),
            idle_above=by.idle_above,
        )

    def _found(
        self,
        cluster: Cluster,
        pods: tuple[Pod, ...],
        span: hours.Span,
        window: Window,
        by: InsightSettings,
    ) -> Found:
        places, objects = hours.Places(pods), cluster.inventory()
        streams = self._panels.catalogue(cluster, Entity.REQUEST)
        served_by = places.of(streams)
        kinds = self._rules.classify(_streams(streams, served_by, pods))
        asked = hours.asked(
            self._parts(cluster, REQUESTS, span),
            served_by,
            kinds,
            places,
            span,
            kinds_count=len(Noise),
        )
        used = _needs(streams, served_by, (asked.totals > 0) & (kinds == Noise.BUSINESS), pods)
        healthy, unready = _health(used, objects)
        containers = self._panels.catalogue(cluster, Entity.CONTAINER)
        in_pod = places.of(containers)
        restarts = self._panel(cluster, RESTARTS, span)
        read = hours.Measured(
            asked=asked,
            cpu=hours.levels(self._parts(cluster, CPU, span), in_pod, places, span),
            network=self._network(cluster, places, span),
            restarted=hours.events(restarts, in_pod, places, span),
            healthy=np.array([healthy.get(pod.workload, np.nan) for pod in pods]),
            blocked=np.array([pod.workload in unready for pod in pods], np.bool_),
        )
        activity = hours.activity(pods, objects, span, read)
        return Found(
            pods=pods,
            activity=activity,
            judged=judge(activity, by.weights(), by.idle_above),
            by_kind=asked.by_kind,
            down=unready,
            needs={caller: len(callees) for caller, callees in used.items()},
            costs=self._cost_of(cluster, pods, window),
        )

    def _network(self, cluster: Cluster, places: hours.Places, span: hours.Span) -> hours.Levels:
        rows = places.of(self._panels.catalogue(cluster, Entity.POD))
        both = [
            hours.levels(self._parts(cluster, metric, span), rows, places, span)
            for metric in (NETWORK_RX, NETWORK_TX)
        ]
        received, sent = both[0].hourly, both[1].hourly
        known = ~(np.isnan(received) & np.isnan(sent))
        added: Floats = np.where(known, np.nan_to_num(received) + np.nan_to_num(sent), np.nan)
        return hours.Levels(added, np.maximum(both[0].samples, both[1].samples))

    def _parts(self, cluster: Cluster, metric: Metric, span: hours.Span) -> Iterable[Panel]:
        """Return a metric's panel in parts; none where the source has no hourly samples of it."""
        if not _hourly(cluster, metric):
            return ()
        return self._panels.parts(cluster, metric, span.whole)

    def _panel(self, cluster: Cluster, metric: Metric, span: hours.Span) -> Panel | None:
        """Return a metric's panel, or None where the source has no hourly samples of it."""
        if not _hourly(cluster, metric):
            return None
        return self._panels.panel(cluster, metric, span.whole)

    def _cost_of(
        self, cluster: Cluster, pods: tuple[Pod, ...], window: Window
    ) -> dict[str, IdleCost] | None:
        """Return what each pod costs by uid: over the window, and projected to a month."""
        if self._costs is None:
            return None
        allocation = self._costs.allocation(cluster, window)
        micros: dict[str, int] = {}
        for row, cost in zip(allocation.containers, allocation.allocated.tolist(), strict=True):
            micros[row.pod_uid] = micros.get(row.pod_uid, 0) + cost
        found = {}
        for pod in pods:
            lived = Window(window.start, window.end).overlap(Window(pod.created, window.end))
            if lived is not None and lived.seconds and pod.uid in micros:
                monthly = round(micros[pod.uid] * _MONTH_HOURS / lived.hours)
                found[pod.uid] = IdleCost(micros[pod.uid], monthly, allocation.currency)
        return found


def _hourly(cluster: Cluster, metric: Metric) -> bool:
    facts = cluster.facts
    return metric.name in facts.metrics and facts.cadence <= _COARSEST


def _overlaps(pod: Pod, window: Window) -> bool:
    return pod.created < window.end and (pod.ended is None or pod.ended > window.start)


def _living(pod: Pod, window: Window) -> bool:
    """Say whether a pod is there at the end and has not run to completion."""
    there = pod.created < window.end and (pod.ended is None or pod.ended >= window.end)
    return there and pod.phase not in _COMPLETED


def _streams(catalogue: Catalogue, rows: Ints, pods: tuple[Pod, ...]) -> Streams:
    probed = [frozenset(path for c in pod.containers for path in c.probe_paths) for pod in pods]
    nothing: frozenset[str] = frozenset()
    return Streams(
        path=catalogue.labels["path"].tolist(),
        agent=catalogue.labels["agent"].tolist(),
        source=catalogue.labels["source"].tolist(),
        probed=[probed[row] if row >= 0 else nothing for row in rows.tolist()],
    )


def _needs(catalogue: Catalogue, rows: Ints, used: Bools, pods: tuple[Pod, ...]) -> Needs:
    sources = catalogue.labels["source"]
    there = np.flatnonzero(used & (rows >= 0)).tolist()
    return needs((str(sources[i]), pods[int(rows[i])].workload) for i in there)


def _health(
    used: Needs, objects: Snapshot
) -> tuple[dict[WorkloadKey, float], dict[WorkloadKey, tuple[str, ...]]]:
    """Return the healthy share of each workload's needs, and what it waits for, in words.

    A workload that was deleted is nobody's need any more. One that is down itself is quiet
    because nobody can reach it, which is not the same as that nobody needs it: it waits too.
    """
    unready = down(objects.workloads, objects.pods)
    living = {workload.key for workload in objects.workloads if workload.ended is None}
    healthy: dict[WorkloadKey, float] = {}
    waiting: dict[WorkloadKey, tuple[str, ...]] = {k: (what,) for k, what in unready.items()}
    for caller, callees in used.items():
        there = [callee for callee in callees if callee in living]
        lacking = tuple(unready[callee] for callee in there if callee in unready)
        if there:
            healthy[caller] = 1.0 - len(lacking) / len(there)
        if lacking:
            waiting[caller] = (*waiting.get(caller, ()), *lacking)
    return healthy, waiting


def _missing(cluster: Cluster, span: hours.Span) -> tuple[str, ...]:
    measured, lacks = cluster.facts.metrics, []
    if cluster.facts.cadence > _COARSEST:
        lacks.append("samples of an hour or less: idleness is judged hour by hour")
    if REQUESTS.name not in measured:
        lacks.append(
            "request data (access logs or a mesh): idleness is told from usage, "
            "with confidence of 75 % at most"
        )
    if CPU.name not in measured:
        lacks.append("CPU samples")
    if span.history < HISTORY_NEEDED:
        lacks.append("14 days before the evidence, to compare the hours of the week with")
    return tuple(lacks)
