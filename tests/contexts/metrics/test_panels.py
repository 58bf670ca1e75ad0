"""Panels in memory stay within bounds, however many windows are asked for."""

from datetime import timedelta

import numpy as np

from tests.fixtures.memory_source import START, MemorySource, facts_of
from upid.contexts.clusters import Cluster
from upid.contexts.metrics import PanelService
from upid.core.metrics import CPU, Entity, Metric
from upid.core.panel import Ints, Panel
from upid.core.window import Window

SERIES = [("shop", "web", "u1", "app")]


class Counting(MemorySource):
    """A source that counts how often it is read."""

    reads = 0

    def panel(self, metric: Metric, window: Window | None = None, ids: Ints | None = None) -> Panel:
        self.reads += 1
        return super().panel(metric, window, ids)


def sparse() -> Counting:
    """A day of one series in which every other sample is missing, so that steps are kept."""
    values = np.ones((1, 288))
    values[0, ::2] = np.nan
    return Counting(facts_of(hours=24), series={Entity.CONTAINER: SERIES}, samples={CPU: values})


def last(hours: int) -> Window:
    end = START + timedelta(hours=24)
    return Window(end - timedelta(hours=hours), end)


def test_the_bound_counts_all_that_a_panel_keeps() -> None:
    """Where samples are missing their steps take as much memory as they."""
    source = sparse()
    cluster = Cluster(source)
    whole = source.panel(CPU, last(24))
    assert whole.nbytes >= 2 * whole.values.nbytes
    panels = PanelService(kept_bytes=2 * whole.nbytes - 1)
    source.reads = 0
    for hours in (24, 23, 24):
        panels.panel(cluster, CPU, last(hours))
    assert source.reads == 2
    panels.panel(cluster, CPU, last(22))  # the third does not fit: the oldest goes
    panels.panel(cluster, CPU, last(23))
    assert source.reads == 4
