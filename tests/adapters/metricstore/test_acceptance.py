"""What is taken and what is refused, by count (COL-4); nothing is refused in silence."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.adapters.metricstore.shelves import (
    CLUSTER,
    DAY,
    HOUR,
    START,
    Machine,
    batch,
    everything,
    opened,
    tick,
)
from upid.adapters.metricstore import BatchRefused
from upid.core import metrics as m
from upid.core.ports.metric_store import Appended, Batch
from upid.core.window import Window

MINUTE = 60_000


def test_late_future_and_impossible_samples_are_refused_by_count(tmp_path: Path) -> None:
    """Each in its own count; none of them keeps another out (D7)."""
    machine = Machine(START + DAY)
    rows = [
        (1, 0, 1.0),  # just in time
        (1, -1, 1.0),  # a millisecond too late
        (1, 24 * 60 * MINUTE + 10 * MINUTE, 1.0),
        (1, 24 * 60 * MINUTE + 10 * MINUTE + 1, 1.0),  # a millisecond too early
        (2, 5 * MINUTE, float("nan")),
        (3, 5 * MINUTE, float("inf")),
        (4, 5 * MINUTE, -0.1),
        (5, 5 * MINUTE, 2.0**64),
        (6, 5 * MINUTE, 2.0),
    ]
    with opened(tmp_path / "s", machine) as store:
        assert store.append(CLUSTER, [batch(m.CPU, rows)]) == Appended(3, late=1, ahead=1, unfit=4)
        assert everything(store, m.CPU) == {
            (1, 0): 1.0,
            (1, 24 * 60 * MINUTE + 10 * MINUTE): 1.0,
            (6, 5 * MINUTE): 2.0,
        }


def test_a_clock_that_jumps_loses_no_sample(tmp_path: Path) -> None:
    """UPID's clock goes −1 h, +1 h, +91 d (D7): samples of the true time are taken all the same."""
    machine = Machine()
    with opened(tmp_path / "s", machine) as store:
        for number, jump in enumerate((-HOUR, 2 * HOUR, 91 * DAY)):
            machine.wall.move(jump)
            taken = store.append(CLUSTER, [tick(m.CPU, timedelta(seconds=number), {1: 1.0})])
            assert taken == Appended(1)
            store.tidy()
        assert len(everything(store, m.CPU)) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        Batch(m.CPU, np.array([1, 2]), np.array([0]), np.array([1.0])),
        Batch(m.CPU, np.array([1, 2]), np.array([0, 1, 2]), np.array([1.0, 1.0])),
        Batch(m.CPU, np.array([-1]), np.array([0]), np.array([1.0])),
        Batch(m.CPU, np.array([1 << 31]), np.array([0]), np.array([1.0])),
        Batch(m.CPU, np.array([0.5]), np.array([0]), np.array([1.0])),
        Batch(m.CPU, np.array([[1]]), np.array([0]), np.array([1.0])),
        Batch(m.Metric("other", m.Entity.POD, m.Shape.LEVEL, "x", 1, ""), *3 * [np.array([1])]),
    ],
)
def test_columns_that_are_none_are_refused_whole(tmp_path: Path, wrong: Batch) -> None:
    with opened(tmp_path / "s", Machine()) as store:
        with pytest.raises(BatchRefused, match=f"'{wrong.metric.name}'"):
            store.append(CLUSTER, [tick(m.CPU, timedelta(), {1: 1.0}), wrong])
        assert everything(store, m.CPU) == {}


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "x" * 101, ".hidden", "ü"])
def test_a_cluster_whose_name_could_be_another_path_is_refused(tmp_path: Path, name: str) -> None:
    with opened(tmp_path / "s", Machine()) as store, pytest.raises(BatchRefused):
        store.append(name, [tick(m.CPU, timedelta(), {1: 1.0})])


def test_a_panel_has_a_row_for_each_id_and_the_cadence_that_was_asked_for(tmp_path: Path) -> None:
    machine = Machine(START + HOUR)
    with opened(tmp_path / "s", machine) as store:
        for minute in range(60):
            values = {series: float(minute) for series in range(20)}
            store.append(CLUSTER, [tick(m.CPU, timedelta(minutes=minute), values)])
        window = Window(START, START + HOUR)
        some = store.panel(CLUSTER, m.CPU, window, np.array([99, 3]))
        assert some.ids.tolist() == [3, 99]
        assert some.counts.tolist() == [60, 0]
        assert (some.cadence, some.span) == (timedelta(minutes=1), 60)
        coarse = store.panel(CLUSTER, m.CPU, window, cadence=timedelta(minutes=10))
        assert coarse.dense
        assert coarse.matrix()[0].tolist() == [4.5, 14.5, 24.5, 34.5, 44.5, 54.5]
        nothing = store.panel("cl_other", m.CPU, window)
        assert len(nothing) == 0
