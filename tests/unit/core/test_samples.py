"""Samples are a set: order and repetition of deliveries change nothing (D2)."""

import random as chance
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.core import metrics as m
from upid.core.metrics import Metric
from upid.core.samples import NONE, Samples, joined, settled, to_panel, unix_milli, usual_cadence
from upid.core.window import Window

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

Row = tuple[int, int, float]

rows = st.tuples(
    st.integers(0, 6), st.integers(0, 40), st.sampled_from([0.0, 0.5, 1.0, 1 / 3, 9.0])
)
lists = st.lists(rows, max_size=60)


def of(found: list[tuple[int, int, float]]) -> Samples:
    ids, times, values = zip(*found, strict=True) if found else ((), (), ())
    return settled(np.array(ids, np.int64), np.array(times, np.int64), np.array(values, float))


def plain(samples: Samples) -> dict[tuple[int, int], float]:
    """Return the samples as a dictionary, and look at the arrays' own rules on the way."""
    assert (np.diff(samples.ids) > 0).all()
    assert (samples.counts > 0).all()
    keys = list(zip(samples.series().tolist(), samples.times.tolist(), strict=True))
    assert keys == sorted(set(keys))
    return dict(zip(keys, samples.values.tolist(), strict=True))


def settled_by_hand(found: list[tuple[int, int, float]]) -> dict[tuple[int, int], float]:
    expected: dict[tuple[int, int], float] = {}
    for series, time, value in found:
        expected[series, time] = max(value, expected.get((series, time), value))
    return expected


@given(lists)
def test_of_two_samples_at_one_time_the_larger_stays(found: list[Row]) -> None:
    assert plain(of(found)) == settled_by_hand(found)


@given(st.lists(lists, max_size=5), st.randoms(use_true_random=False))
def test_sets_that_are_joined_are_what_they_hold_together_in_any_order(
    parts: list[list[Row]], random: chance.Random
) -> None:
    whole = settled_by_hand([row for part in parts for row in part])
    sets = [of(part) for part in parts]
    assert plain(joined(sets)) == whole
    random.shuffle(sets)
    assert plain(joined([*sets, *sets[:2]])) == whole


@given(lists, st.integers(0, 40), st.integers(0, 40), st.sets(st.integers(0, 8)))
def test_a_part_of_the_time_and_of_the_series_is_what_lies_in_it(
    found: list[Row], low: int, high: int, ids: set[int]
) -> None:
    wanted = np.array(sorted(ids), np.int64)
    expected = {
        (series, time): value
        for (series, time), value in settled_by_hand(found).items()
        if low <= time < high and series in ids
    }
    assert plain(of(found).within(low, high).only(wanted)) == expected


@given(lists)
def test_a_panel_has_each_sample_in_its_step(found: list[Row]) -> None:
    """Steps are whole cadences since the window's start; rows are the ids asked for."""
    base = unix_milli(START)
    samples = of([(series, base + 60_000 * step, value) for series, step, value in found])
    panel = to_panel(samples, m.CPU, Window(START, START + 41 * MINUTE), MINUTE, np.arange(8))
    assert panel.ids.tolist() == list(range(8))
    rows_, steps = panel.row_of_sample().tolist(), panel.steps_of_samples().tolist()
    seen = dict(zip(zip(rows_, steps, strict=True), panel.values.tolist(), strict=True))
    assert seen == settled_by_hand(found)


@pytest.mark.parametrize(
    ("metric", "expected"), [(m.CPU, 2.0), (m.MEMORY, 3.0), (m.REQUESTS, 4.0), (m.VOLUME_USED, 3.0)]
)
def test_several_samples_in_a_step_become_one_as_their_metric_adds_up(
    metric: Metric, expected: float
) -> None:
    base = unix_milli(START)
    samples = of([(1, base, 1.0), (1, base + 30_000, 3.0)])
    panel = to_panel(samples, metric, Window(START, START + MINUTE), MINUTE, None)
    assert panel.values.tolist() == [expected]
    assert panel.dense


def test_a_panel_without_gaps_is_dense_and_one_with_gaps_is_in_runs() -> None:
    base = unix_milli(START)
    full = [(1, base + 60_000 * step, float(step)) for step in range(4)]
    window = Window(START, START + 4 * MINUTE)
    assert to_panel(of(full), m.CPU, window, MINUTE, None).dense
    gappy = to_panel(of([full[0], full[3]]), m.CPU, window, MINUTE, None)
    assert gappy.runs is not None
    assert gappy.steps_of_samples().tolist() == [0, 3]


def test_the_usual_cadence_is_the_median_distance_within_series() -> None:
    assert usual_cadence(NONE) == MINUTE
    found = [(1, t, 0.0) for t in (0, 15_000, 30_000, 90_000)] + [(2, 100_000, 0.0)]
    assert usual_cadence(of(found)) == timedelta(seconds=15)
