"""Rows about ten thousand pods, by group: one recording, one run of the stages for all of them."""

import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from functools import cache
from statistics import median
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.fleet import fleet
from tests.bench.ledger import IN, Ledger, Measure, program, seconds
from upid.adapters.pricelist import ShippedPrices
from upid.adapters.recordings import Recording, open_recording
from upid.adapters.recordings.layout import samples_member
from upid.app.settings import load_settings
from upid.contexts.clusters import Cluster, ClusterService
from upid.contexts.clusters.logic.inventory import _DECODERS as DECODERS
from upid.contexts.costs import CostService
from upid.contexts.metrics import PanelService
from upid.core.allocation import CPU, MEMORY, Question, allocate
from upid.core.metrics import METRICS, Metric
from upid.core.panel import Panel, per_hour, quantile

TURNS = 3
PEER_TURNS = 5  # of what a stage is measured against; it is quick
GIGABYTE = 10**9
MOST_SECONDS, MOST_GIGABYTES = 10, 1.5  # what a whole analysis may take in this version
TOLD_GIGABYTES = 0.05  # growth of the peak that gets a line


class Stages(NamedTuple):
    """What `tests.bench.stages` measured, by stage: seconds, calls, bytes that the peak grew by."""

    seconds: dict[str, float]
    calls: dict[str, int]
    grew: dict[str, int]


def run_stages() -> Stages:
    """Run every stage once, in a process of its own."""
    command = (sys.executable, "-m", "tests.bench.stages", fleet())
    answer = subprocess.run(command, capture_output=True, check=True).stdout
    return Stages(**json.loads(answer))


@cache
def stages() -> Stages:
    """Return the median seconds of several runs, and the most that the peak grew by."""
    runs = [run_stages() for _ in range(TURNS)]
    return Stages(
        {name: median(run.seconds[name] for run in runs) for name in runs[0].seconds},
        runs[0].calls,
        {name: max(run.grew[name] for run in runs) for name in runs[0].grew},
    )


@cache
def recording() -> Recording:
    """Return the recording, open."""
    return open_recording(fleet())


@cache
def panel(metric: Metric) -> Panel:
    """Return a metric of the whole week."""
    return recording().panel(metric)


# ── house ───────────────────────────────────────────────────────────────────────────────────────


def whole(ledger: Ledger) -> None:
    """`upid analyze cluster` on ten thousand pods, as a process: seconds, memory, and its parts."""
    ask = program(IN / "upid", "analyze", "cluster", "--recording", fleet(), "-o", "json")
    took, peaks = [], []
    for _ in range(TURNS):
        started = time.perf_counter()
        peaks.append(ask() / GIGABYTE)
        took.append(time.perf_counter() - started)
    ledger.row("fleet", ours=median(took), peer=MOST_SECONDS, of="bound", unit="s", at_most=1)
    ledger.row(
        "fleet-memory", ours=max(peaks), peer=MOST_GIGABYTES, of="bound", unit="GB", at_most=1
    )
    run = stages()
    for name, spent in run.seconds.items():
        calls = f" ({run.calls[name]} times)" if run.calls[name] > 1 else ""
        ledger.row(
            f"  {name}{calls}", ours=spent, peer=median(took), of="the whole analysis", unit="s"
        )
    rest = median(took) - sum(run.seconds.values())
    ledger.row(
        "  start, client, printing",
        ours=max(rest, 0.0),
        peer=median(took),
        of="the whole analysis",
        unit="s",
    )
    for name, grown in run.grew.items():
        if grown / GIGABYTE >= TOLD_GIGABYTES:
            ledger.row(
                f"  peak grew in {name}",
                ours=grown / GIGABYTE,
                peer=max(peaks),
                of="the whole peak",
                unit="GB",
            )


def inventory(ledger: Ledger) -> None:
    """Ten thousand pods and what is around them, read and linked, against decoding the bytes."""
    bodies = [(DECODERS[v.kind], v.body) for v in recording().objects() if v.kind in DECODERS]
    took = seconds(
        {
            "ours": lambda: Cluster(recording()).inventory(),
            "peer": lambda: [decoder.decode(body) for decoder, body in bodies],
        },
        TURNS,
    )
    ledger.row(
        "fleet-inventory",
        ours=took["ours"],
        peer=took["peer"],
        of="msgspec, decoding the same objects",
        unit="s",
        at_most=5,
    )


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────


def panel_read(ledger: Ledger, metric: Metric) -> None:
    """Read one metric as a panel against reading its columns with pyarrow and nothing else."""
    found = recording()
    member = samples_member(metric.entity, found.grid.cadence)
    columns = ["series", "day", "first", metric.name]

    def plain() -> pa.Table:
        with zipfile.ZipFile(found.path) as archive, archive.open(member) as part:
            return pq.read_table(pa.BufferReader(part.read()), columns=columns)

    took = seconds({"ours": lambda: found.panel(metric), "peer": plain}, TURNS)
    ledger.row(
        f"panel-{metric.name}",
        ours=took["ours"],
        peer=took["peer"],
        of="pyarrow, reading its columns",
        unit="s",
        at_most=2,
    )


def panel_cpu(ledger: Ledger) -> None:
    """12,000 containers, a week of CPU."""
    panel_read(ledger, METRICS["cpu"])


def panel_requests(ledger: Ledger) -> None:
    """28,000 streams of requests, a week."""
    panel_read(ledger, METRICS["requests"])


# ── costs ───────────────────────────────────────────────────────────────────────────────────────


@cache
def question() -> Question:
    """Return what the fleet's allocation divides."""
    clusters, settings = ClusterService(), load_settings({}).settings
    cluster = clusters.attach(recording())
    service = CostService(clusters, PanelService(), ShippedPrices(), settings.costs)
    return service.allocation(cluster.id).shares.question


def allocation(ledger: Ledger) -> None:
    """Divide the bills of 600 nodes, 168 hours, against one pass of the bare arithmetic."""
    asked = question()
    demand, machines = asked.demand, asked.machines
    price = np.where(demand.node < 0, 0.0, asked.unit_price(CPU)[demand.node])

    def bare() -> float:
        cost = 0.0
        for resource in (CPU, MEMORY):
            charged = np.fmax(demand.request[resource], demand.usage[resource])
            cost += float((charged * demand.presence).sum(axis=1) @ price)
        return cost

    took = seconds({"ours": lambda: allocate(demand, machines, asked.weights), "peer": bare}, TURNS)
    ledger.row(
        "allocate",
        ours=took["ours"],
        peer=took["peer"],
        of="price × max(request, use), once",
        unit="s",
        at_most=5,
    )


def costs_stage(ledger: Ledger) -> None:
    """Lay out, price and divide, without reading panels, against one mean per hour of both."""
    stage(ledger, "costs", by_hour("cpu", "memory"), "hourly means of CPU and memory", at_most=1)


# ── insights, recommendations ───────────────────────────────────────────────────────────────────


def idle(ledger: Ledger) -> None:
    """Judge ten thousand pods, without reading panels, against summing their samples by hour."""
    peer = by_hour("requests", "cpu", "network_rx", "network_tx", "restarts")
    stage(ledger, "idle", peer, "hourly sums of what it reads", at_most=2)


def advice(ledger: Ledger) -> None:
    """Advise on 12,000 containers, without reading panels, against one quantile of each."""
    panels = [panel(METRICS[name]) for name in ("cpu", "memory")]

    def quantiles() -> None:
        for found in panels:
            quantile(found.values, found.offsets, 0.95)

    stage(ledger, "advice", quantiles, "P95 of each series", at_most=3)


def by_hour(*names: str) -> Callable[[], object]:
    """Return what averages some metrics by the hour; their panels are in memory before."""
    panels = [panel(METRICS[name]) for name in names]
    return lambda: [per_hour(found) for found in panels]


def stage(
    ledger: Ledger, name: str, peer: Callable[[], object], of: str, *, at_most: float
) -> None:
    """Write down a stage of the whole analysis against its bound: the medians of both."""
    bound = seconds({"peer": peer}, PEER_TURNS)["peer"]
    ours = stages().seconds[name]
    ledger.row(f"fleet-{name}", ours=ours, peer=bound, of=of, unit="s", at_most=at_most)


HOUSE: dict[str, Measure] = {"fleet": whole, "fleet-inventory": inventory}
METRIC_ROWS: dict[str, Measure] = {"panel-cpu": panel_cpu, "panel-requests": panel_requests}
COSTS: dict[str, Measure] = {"allocate": allocation, "fleet-costs": costs_stage}
INSIGHTS: dict[str, Measure] = {"fleet-idle": idle}
RECOMMENDATIONS: dict[str, Measure] = {"fleet-advice": advice}
