"""Panels: ragged and dense say the same, and a quantile is a value that was really seen."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from upid.core.panel import Panel, highest, lowest, means, per_hour, quantile, sums

START = datetime(2026, 3, 2, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)

sample = st.floats(0, 1e9, allow_nan=False, allow_subnormal=False)
series = st.lists(st.lists(sample, max_size=40), max_size=6)
percents = st.integers(1, 100)
# Rows of one length, None where there is no sample.
rows = st.integers(1, 50).flatmap(
    lambda span: st.lists(
        st.lists(st.one_of(st.none(), sample), min_size=span, max_size=span), min_size=1, max_size=5
    )
)


def flat(lists: list[list[float]]) -> tuple[np.ndarray, np.ndarray]:
    values = np.array([value for one in lists for value in one], float)
    return values, np.cumsum([0, *(len(one) for one in lists)])


def ragged(table: list[list[float | None]], cadence: timedelta = FIVE_MINUTES) -> Panel:
    kept = [[(i, v) for i, v in enumerate(row) if v is not None] for row in table]
    return Panel(
        values=np.array([v for row in kept for _, v in row], float),
        steps=np.array([i for row in kept for i, _ in row], np.int64),
        offsets=np.cumsum([0, *(len(row) for row in kept)]),
        ids=np.arange(len(table)),
        start=START,
        cadence=cadence,
        span=len(table[0]),
        unit="cores",
    )


def in_runs(table: list[list[float | None]], cadence: timedelta = FIVE_MINUTES) -> Panel:
    panel = ragged(table, cadence)
    return replace(panel, steps=None, runs=panel.in_runs())


def dense(matrix: np.ndarray, cadence: timedelta = FIVE_MINUTES) -> Panel:
    count, span = matrix.shape
    return Panel(
        values=matrix.ravel(),
        steps=None,
        offsets=np.arange(count + 1) * span,
        ids=np.arange(count),
        start=START,
        cadence=cadence,
        span=span,
        unit="cores",
    )


@given(series, percents)
@example([[float(n) for n in range(100)]], 7)  # 0.07 * 100 is above 7 in floating point
def test_quantile_is_the_smallest_sample_that_covers_enough(
    lists: list[list[float]], percent: int
) -> None:
    values, offsets = flat(lists)
    found = quantile(values, offsets, percent / 100)
    for one, got in zip(lists, found, strict=True):
        if not one:
            assert math.isnan(got)
            continue
        enough = [v for v in one if sum(w <= v for w in one) >= Fraction(percent, 100) * len(one)]
        assert got == min(enough)


@given(series)
def test_sums_means_and_extremes_are_those_of_each_series(lists: list[list[float]]) -> None:
    values, offsets = flat(lists)
    total, mean = sums(values, offsets), means(values, offsets)
    top, bottom = highest(values, offsets), lowest(values, offsets)
    for i, one in enumerate(lists):
        if one:
            assert math.isclose(total[i], math.fsum(one), rel_tol=1e-9, abs_tol=1e-6)
            assert math.isclose(mean[i], math.fsum(one) / len(one), rel_tol=1e-9, abs_tol=1e-6)
            assert (top[i], bottom[i]) == (max(one), min(one))
        else:
            assert total[i] == 0
            assert np.isnan([mean[i], top[i], bottom[i]]).all()


@given(rows)
def test_a_matrix_holds_every_sample_at_its_step_and_nothing_else(
    table: list[list[float | None]],
) -> None:
    matrix = ragged(table).matrix()
    for row, line in zip(table, matrix, strict=True):
        assert [None if math.isnan(v) else float(v) for v in line] == row


@given(rows)
def test_counts_are_the_samples_of_each_series(table: list[list[float | None]]) -> None:
    panel = ragged(table)
    assert len(panel) == len(table)
    assert panel.counts.tolist() == [sum(v is not None for v in row) for row in table]


def by_hand(row: list[float | None], minutes: int, *, total: bool) -> list[float | None]:
    hours: list[list[float]] = [[] for _ in range(math.ceil(len(row) * minutes / 60))]
    for step, value in enumerate(row):
        if value is not None:
            hours[step * minutes // 60].append(value)
    return [(sum(h) if total else sum(h) / len(h)) if h else None for h in hours]


@given(rows, st.booleans(), st.sampled_from([5, 7, 15, 30, 45, 60, 90, 1440]))
@example([[1.0] * 50], False, 7)  # 350 minutes; nine steps an hour would make them 5.6 hours
@example([[1.0, 2.0]], False, 1440)  # two days, not two hours
def test_an_hour_is_the_mean_or_sum_of_its_samples_and_unknown_without_any(
    table: list[list[float | None]], total: bool, minutes: int
) -> None:
    """Hours do not drift where the cadence does not divide them."""
    found, counts = per_hour(ragged(table, timedelta(minutes=minutes)), total=total)
    same = per_hour(in_runs(table, timedelta(minutes=minutes)), total=total)
    np.testing.assert_array_equal(found, same[0])
    for i, row in enumerate(table):
        for got, want in zip(found[i].tolist(), by_hand(row, minutes, total=total), strict=True):
            assert math.isnan(got) if want is None else math.isclose(got, want, rel_tol=1e-9)
        assert counts[i].sum() == sum(v is not None for v in row)


@given(st.integers(1, 4), st.integers(1, 60), st.booleans(), st.sampled_from([5, 7, 60, 90]))
def test_a_dense_panel_and_the_same_panel_with_steps_give_the_same_hours(
    count: int, span: int, total: bool, minutes: int
) -> None:
    matrix = np.random.default_rng(span).gamma(2.0, 0.1, (count, span))
    cadence = timedelta(minutes=minutes)
    whole, with_steps = dense(matrix, cadence), ragged(matrix.tolist(), cadence)
    for one, other in zip(
        per_hour(whole, total=total), per_hour(with_steps, total=total), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    np.testing.assert_array_equal(dense(matrix).matrix(), with_steps.matrix())


@given(rows)
def test_runs_say_the_same_steps_and_nothing_twice(table: list[list[float | None]]) -> None:
    panel = in_runs(table)
    assert panel.runs is not None
    assert panel.steps_of_samples().tolist() == ragged(table).steps_of_samples().tolist()
    lengths = np.diff(panel.runs.begins)
    assert (lengths > 0).all()
    assert lengths.sum() == panel.values.size
    np.testing.assert_array_equal(panel.matrix(), ragged(table).matrix())


@given(rows, st.booleans())
def test_a_sample_is_found_by_its_place_and_by_its_row_and_step(
    table: list[list[float | None]], as_runs: bool
) -> None:
    panel = in_runs(table) if as_runs else ragged(table)
    everywhere = np.arange(panel.values.size)
    there = [(r, i) for r, row in enumerate(table) for i, v in enumerate(row) if v is not None]
    found = panel.at(everywhere)
    assert list(zip(found[0].tolist(), found[1].tolist(), strict=True)) == there
    for r, row in enumerate(table):
        for step in range(len(row) + 1):
            before = sum((other, i) < (r, step) for other, i in there)
            got = panel.places(np.array([r]), np.array([step]))
            assert got.tolist() == [before]


@given(rows, st.data())
def test_a_part_of_a_panel_holds_its_rows(
    table: list[list[float | None]], data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(table)))
    stop = data.draw(st.integers(first, len(table)))
    for panel in (in_runs(table), ragged(table)):
        part = panel.part(first, stop)
        assert part.ids.tolist() == list(range(first, stop))
        np.testing.assert_array_equal(part.matrix(), panel.matrix()[first:stop])
