"""Group recommendations: advice from the sample's first two weeks, held against the third (OPT-1).

Beside it a rule that much is sized by today (KRR's: P95 of CPU, the highest memory and 15 %), for
the same containers, from the same two weeks. What is never advised on has no row here.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import NamedTuple

import numpy as np

from tests.bench.fleet import SAMPLE
from tests.bench.ledger import Ledger, Measure
from upid.adapters.pricelist import ShippedPrices
from upid.adapters.recordings import open_recording
from upid.app.settings import load_settings
from upid.contexts.clusters import Cluster, ClusterService
from upid.contexts.costs import CostService
from upid.contexts.insights import InsightService
from upid.contexts.metrics import PanelService
from upid.contexts.optimization import RecommendationService
from upid.core.metrics import CPU, MEMORY, Entity, Metric
from upid.core.panel import Floats
from upid.core.snapshot import WorkloadKey
from upid.core.window import Window

LEARNT = timedelta(days=14)
KRR_QUANTILE, KRR_BUFFER = 0.95, 1.15  # robusta-dev/krr, strategy "simple": its defaults
Container = tuple[WorkloadKey, str]


class Size(NamedTuple):
    """What a container may have; None where nothing is asked. Cores and bytes."""

    cpu: float | None
    memory: float | None
    limit: float | None


class Outcome(NamedTuple):
    """What the held-out week did to some sizes.

    killed, squeezed  shares of containers that passed their memory limit, or request, at least once
    busy              share of CPU samples above the request
    cpu, memory       requested ÷ used on average, over all containers together
    """

    killed: float
    squeezed: float
    busy: float
    cpu: float
    memory: float


@cache
def outcomes() -> tuple[Outcome, Outcome, int]:
    """Return what became of our advice, of the simple rule's, and how many containers had any."""
    clusters, settings = ClusterService(), load_settings({}).settings
    cluster = clusters.attach(open_recording(SAMPLE))
    panels, held = PanelService(), cluster.facts.window
    costs = CostService(clusters, panels, ShippedPrices(), settings.costs)
    insights = InsightService(clusters, panels, costs, settings.insights)
    service = RecommendationService(clusters, panels, costs, insights, settings.optimization)
    learnt = Window(held.start, held.start + LEARNT)
    later = Window(learnt.end, held.end)
    ours = {
        (WorkloadKey(*one.target[:3]), change.name): Size(
            change.proposed.cpu_request,
            change.proposed.memory_request,
            change.proposed.memory_limit,
        )
        for one in service.recommend(cluster.id, learnt).recommendations
        for change in one.changes
    }
    past = {metric: samples(cluster, panels, metric, learnt) for metric in (CPU, MEMORY)}
    future = {metric: samples(cluster, panels, metric, later) for metric in (CPU, MEMORY)}
    judged = sorted(key for key in ours if key in future[CPU] and key in future[MEMORY])
    simple = {key: krr(past[CPU][key], past[MEMORY][key]) for key in judged}
    mine = {key: ours[key] for key in judged}
    return outcome(mine, future), outcome(simple, future), len(judged)


def krr(cpu: Floats, memory: Floats) -> Size:
    """Return what the simple rule asks for; memory is limited to what is requested."""
    peak = float(memory.max()) * KRR_BUFFER
    return Size(float(np.quantile(cpu, KRR_QUANTILE)), peak, peak)


def samples(
    cluster: Cluster, panels: PanelService, metric: Metric, window: Window
) -> dict[Container, Floats]:
    """Return all samples of each container of each workload, its pods together."""
    workloads = {pod.uid: pod.workload for pod in cluster.inventory().pods}
    labels = panels.catalogue(cluster, Entity.CONTAINER).labels
    panel = panels.panel(cluster, metric, window)
    parts: dict[Container, list[Floats]] = {}
    for row, (uid, name) in enumerate(zip(labels["pod_uid"], labels["container"], strict=True)):
        part = panel.values[panel.offsets[row] : panel.offsets[row + 1]]
        if part.size and uid in workloads:
            parts.setdefault((workloads[uid], str(name)), []).append(part)
    return {key: np.concatenate(found) for key, found in parts.items()}


def outcome(
    sizes: Mapping[Container, Size], future: Mapping[Metric, Mapping[Container, Floats]]
) -> Outcome:
    """Return how sizes fare with samples that they were not made from."""
    peaks = {key: float(future[MEMORY][key].max()) for key in sizes}
    limited = [peaks[key] > one.limit for key, one in sizes.items() if one.limit is not None]
    asked = [peaks[key] > one.memory for key, one in sizes.items() if one.memory is not None]
    cpu = {key: one.cpu for key, one in sizes.items() if one.cpu is not None}
    memory = {key: one.memory for key, one in sizes.items() if one.memory is not None}
    above = np.concatenate([future[CPU][key] > request for key, request in cpu.items()])
    return Outcome(
        killed=float(np.mean(limited)),
        squeezed=float(np.mean(asked)),
        busy=float(above.mean()),
        cpu=sum(cpu.values()) / sum(float(future[CPU][key].mean()) for key in cpu),
        memory=sum(memory.values()) / sum(float(future[MEMORY][key].mean()) for key in memory),
    )


def against(ledger: Ledger, name: str, field: str, unit: str, at_most: float) -> None:
    """Write down one figure of the advice against the same of the simple rule."""
    ours, simple, _ = outcomes()
    ledger.row(
        name,
        ours=getattr(ours, field),
        peer=getattr(simple, field),
        of="P95 and highest × 1.15",
        unit=unit,
        at_most=at_most,
    )


def limits(ledger: Ledger) -> None:
    """Share of containers that would have passed their memory limit, against one in a hundred."""
    ours, simple, count = outcomes()
    for name, share, wanted in (
        ("memory-limit-passed", ours.killed, 1.0),
        ("  with highest × 1.15", simple.killed, None),
    ):
        ledger.row(
            name, ours=share, peer=0.01, of=f"one in a hundred, of {count}", unit="", at_most=wanted
        )


def requests(ledger: Ledger) -> None:
    """Share of containers that would have passed their memory request, which a full node evicts."""
    ours, simple, _ = outcomes()
    for name, share, wanted in (
        ("memory-request-passed", ours.squeezed, 1.0),
        ("  with highest × 1.15", simple.squeezed, None),
    ):
        ledger.row(name, ours=share, peer=0.05, of="one in twenty", unit="", at_most=wanted)


def cpu_over(ledger: Ledger) -> None:
    """Share of samples with more CPU than requested."""
    against(ledger, "cpu-over-request", "busy", "", 1)


def cpu_slack(ledger: Ledger) -> None:
    """CPU requested ÷ used: the price of safety."""
    against(ledger, "cpu-requested-per-used", "cpu", "×", 1.5)


def memory_slack(ledger: Ledger) -> None:
    """Memory requested ÷ used: the price of safety."""
    against(ledger, "memory-requested-per-used", "memory", "×", 1.25)


ROWS: dict[str, Measure] = {
    "memory-limit-passed": limits,
    "memory-request-passed": requests,
    "cpu-over-request": cpu_over,
    "cpu-requested-per-used": cpu_slack,
    "memory-requested-per-used": memory_slack,
}
