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


def test_a_panel_in_parts_says_what_the_whole_says() -> None:
    """Each series once and in order, whether its panel is in memory or too large for that."""
    values = np.arange(3 * 288, dtype=float).reshape(3, 288)
    values[1, 5:9] = np.nan
    series = [("shop", "web", f"u{i}", "app") for i in range(3)]
    source = Counting(facts_of(hours=24), series={Entity.CONTAINER: series}, samples={CPU: values})
    cluster = Cluster(source)
    whole = source.panel(CPU, last(20))
    streamed = PanelService(part_samples=2 * 288)
    for panels in (streamed, PanelService()):
        parts = list(panels.parts(cluster, CPU, last(20)))
        assert np.array_equal(np.concatenate([part.values for part in parts]), whole.values)
        assert np.concatenate([part.ids for part in parts]).tolist() == whole.ids.tolist()
    source.reads = 0
    assert [len(part) for part in streamed.parts(cluster, CPU, last(20))] == [2, 1]
    assert source.reads == 2, "too large to be kept: a read for each part"
    streamed.panel(cluster, CPU, last(20))
    assert [len(part) for part in streamed.parts(cluster, CPU, last(20))] == [3]
    assert source.reads == 3, "what is in memory is not read again"


def test_two_readings_of_one_window_of_a_connected_cluster_are_not_mixed_up() -> None:
    """A cluster that is connected is read anew; rows of one reading are not those of another."""
    one, two = np.ones((1, 288)), np.ones((2, 288))
    series = [*SERIES, ("shop", "web", "u2", "app")]
    before = MemorySource(facts_of(hours=24), series={Entity.CONTAINER: SERIES}, samples={CPU: one})
    after = MemorySource(facts_of(hours=24), series={Entity.CONTAINER: series}, samples={CPU: two})
    panels = PanelService()
    assert len(panels.panel(Cluster(before, "1"), CPU)) == 1
    assert len(panels.panel(Cluster(after, "2"), CPU)) == 2
