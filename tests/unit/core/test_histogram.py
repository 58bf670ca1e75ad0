"""Decayed histograms: quantiles within their bound, merging, decay."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from upid.core.histogram import (
    CPU_BUCKETS,
    MEMORY_BUCKETS,
    Chunk,
    chunks,
    decay,
    fill,
    merged,
    quantiles,
)
from upid.core.panel import Panel, quantile

RELATIVE_ERROR = 1 / 64  # the widest bucket, as the module states it
START = datetime(2026, 3, 2, tzinfo=UTC)
amounts = st.lists(st.floats(0.002, 400), min_size=1, max_size=60)


def panel(series: list[list[float]]) -> Panel:
    counts = [len(one) for one in series]
    return Panel(
        values=np.array([v for one in series for v in one], float),
        steps=None,
        offsets=np.cumsum([0, *counts]),
        ids=np.arange(len(series)),
        start=START,
        cadence=timedelta(minutes=5),
        span=max(counts),
        unit="cores",
    )


def chunk_of(values: list[float]) -> Chunk:
    return Chunk(0, 1, panel([values]), 0)


@given(amounts, st.integers(1, 100))
def test_a_quantile_is_never_below_the_exact_one_and_at_most_two_percent_above(
    values: list[float], percent: int
) -> None:
    """OPT-1: the bound is stated and holds for any values and any quantile."""
    exact = quantile(np.array(values), np.array([0, len(values)]), percent / 100)[0]
    filled = fill(chunk_of(values), np.ones(len(values)), CPU_BUCKETS)

    found = quantiles(filled, (percent / 100,), CPU_BUCKETS)[0, 0]

    assert exact <= found <= exact * (1 + RELATIVE_ERROR)
    assert RELATIVE_ERROR < 0.02


@given(amounts, amounts)
def test_merged_histograms_are_the_histogram_of_all_samples(
    one: list[float], other: list[float]
) -> None:
    """OPT-1: pods of a workload add up."""
    together = np.zeros((1, CPU_BUCKETS.count))
    for values in (one, other):
        filled = fill(chunk_of(values), np.ones(len(values)), CPU_BUCKETS)
        merged(filled, np.array([0]), together)

    whole = fill(chunk_of([*one, *other]), np.ones(len(one) + len(other)), CPU_BUCKETS)
    assert np.array_equal(together, whole)


def test_rows_of_no_group_are_left_out_when_merging() -> None:
    into = np.zeros((2, 3))
    merged(np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 4]]), np.array([1, -1, 1]), into)
    assert into.tolist() == [[0, 0, 0], [1, 0, 4]]


def test_a_weight_halves_with_every_half_life() -> None:
    weights = decay(span=3, cadence_hours=24, half_life_hours=24)
    assert weights.tolist() == [0.25, 0.5, 1.0]


def test_the_recent_past_decides_a_decayed_quantile() -> None:
    """OPT-1: worked example. Old 1.0, recent 0.1, weights 1:64; P95 is the recent level."""
    values = [1.0] * 10 + [0.1] * 10
    weights = np.array([1 / 64] * 10 + [1.0] * 10)

    found = quantiles(fill(chunk_of(values), weights, CPU_BUCKETS), (0.95,), CPU_BUCKETS)[0, 0]

    assert 0.1 <= found <= 0.1 * (1 + RELATIVE_ERROR)


def test_a_value_on_an_edge_is_answered_exactly() -> None:
    filled = fill(chunk_of([0.25, 0.25]), np.ones(2), CPU_BUCKETS)
    assert quantiles(filled, (0.5,), CPU_BUCKETS)[0, 0] == 0.25


def test_what_is_too_small_shares_the_first_bucket_and_nothing_is_no_quantile() -> None:
    filled = fill(chunk_of([0.0, 1e-9]), np.ones(2), CPU_BUCKETS)
    assert quantiles(filled, (1.0,), CPU_BUCKETS)[0, 0] == CPU_BUCKETS.lowest
    empty = np.zeros((1, CPU_BUCKETS.count))
    assert np.isnan(quantiles(empty, (0.5,), CPU_BUCKETS)).all()


def test_memory_from_a_mebibyte_to_terabytes_keeps_the_bound() -> None:
    values = [float(1 << 20), 3e6, 7.7e9, 2.5e12]
    for value in values:
        filled = fill(chunk_of([value]), np.ones(1), MEMORY_BUCKETS)
        found = quantiles(filled, (1.0,), MEMORY_BUCKETS)[0, 0]
        assert value <= found <= value * (1 + RELATIVE_ERROR)


@given(st.integers(1, 50), st.integers(1, 7), st.integers(1, 9))
def test_chunks_are_whole_series_in_order_that_cover_the_panel(
    samples: int, length: int, count: int
) -> None:
    whole = panel([[float(i)] * length for i in range(count)])
    found = list(chunks(whole, samples))
    assert [c.first for c in found] == [0, *(c.last for c in found[:-1])]
    assert found[-1].last == count
    assert np.concatenate([c.values for c in found]).tolist() == whole.values.tolist()
    for c in found:
        assert c.steps.tolist() == list(range(length)) * (c.last - c.first)
