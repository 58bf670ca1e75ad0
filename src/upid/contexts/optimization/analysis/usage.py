"""How a workload's containers used CPU and memory, as histograms with marks."""

from collections.abc import Sequence
from math import ceil

import numpy as np

from upid.contexts.clusters import Cluster
from upid.contexts.metrics import PanelService
from upid.contexts.optimization import schemas as s
from upid.contexts.optimization.types import Recommendation
from upid.core.metrics import CPU, MEMORY, Entity, Metric
from upid.core.panel import Floats
from upid.core.quantity import GIB
from upid.core.rightsizing import Ask
from upid.core.snapshot import Container, Pod
from upid.core.window import Window

BINS = 32  # as many as a terminal of 80 columns shows beside its marks
_ROUNDING = 1e-9  # as in `core.panel.quantile`
_DIGITS = 6


def distributions(
    panels: PanelService,
    cluster: Cluster,
    window: Window,
    pods: Sequence[Pod],
    containers: Sequence[Container],
    advice: Recommendation | None,
) -> list[s.Distribution]:
    """Return a histogram of CPU and memory for each container, over all samples of all its pods.

    A container without samples has none.
    """
    uids = {pod.uid for pod in pods}
    labels = panels.catalogue(cluster, Entity.CONTAINER).labels
    of_pods = np.isin(labels["pod_uid"].astype(str), np.array(sorted(uids), dtype=str))
    proposed = {change.name: change.proposed for change in advice.changes} if advice else {}
    found = []
    for container in containers:
        if container.init:
            continue
        rows = np.flatnonzero(of_pods & (labels["container"] == container.name))
        for metric in (CPU, MEMORY):
            panel = panels.panel(cluster, metric, window)
            parts = [panel.values[panel.offsets[r] : panel.offsets[r + 1]] for r in rows.tolist()]
            values = np.concatenate(parts) if parts else np.zeros(0)
            if values.size:
                found.append(_distribution(container, metric, values, proposed.get(container.name)))
    return found


def _distribution(
    container: Container, metric: Metric, values: Floats, proposed: Ask | None
) -> s.Distribution:
    cpu = metric is CPU
    request = container.cpu_request if cpu else container.memory_request
    limit = container.cpu_limit if cpu else container.memory_limit
    wanted = (proposed.cpu_request if cpu else proposed.memory_request) if proposed else None
    bound = (proposed.cpu_limit if cpu else proposed.memory_limit) if proposed else None
    high = max([float(values.max()), *(float(mark) for mark in (request, wanted) if mark)])
    high = high or (0.001 if cpu else GIB / 1024)
    counts, _ = np.histogram(values, BINS, (0.0, high))
    ordered = np.sort(values)
    return s.Distribution(
        container=container.name,
        resource="cpu" if cpu else "memory",
        unit=metric.unit,
        low=0.0,
        high=round(high, _DIGITS),
        counts=counts.tolist(),
        samples=int(values.size),
        mean=round(float(values.mean()), _DIGITS),
        p50=_rank(ordered, 0.50),
        p95=_rank(ordered, 0.95),
        p99=_rank(ordered, 0.99),
        maximum=round(float(ordered[-1]), _DIGITS),
        request=request,
        limit=limit,
        proposed_request=wanted,
        proposed_limit=bound,
    )


def _rank(ordered: Floats, q: float) -> float:
    """Return the nearest-rank quantile of sorted values."""
    return round(float(ordered[max(1, ceil(q * ordered.size - _ROUNDING)) - 1]), _DIGITS)
