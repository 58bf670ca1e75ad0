"""Roll-ups: exact count, sum, lowest and highest; quantiles within 1 % (COL-5)."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.core.panel import Floats
from upid.core.rollup import Level, Rollup, chained, coarser, roll
from upid.core.samples import Samples, settled

Row = tuple[int, int, float]

SCALE = 1e6
FINE = list(Level)[:-1]
values = st.integers(0, 10**8).map(lambda n: n / 1e6) | st.floats(0, 2.0**62)
rows = st.tuples(st.integers(0, 3), st.integers(0, 3 * 86_400_000), values)


def of(found: list[tuple[int, int, float]]) -> Samples:
    ids, times, amounts = zip(*found, strict=True) if found else ((), (), ())
    return settled(np.array(ids, np.int64), np.array(times, np.int64), np.array(amounts, float))


def by_hand(samples: Samples, level: Level) -> dict[tuple[int, int], list[float]]:
    found: dict[tuple[int, int], list[float]] = {}
    step = level.milliseconds
    for series, time, value in zip(
        samples.series().tolist(), samples.times.tolist(), samples.values.tolist(), strict=True
    ):
        found.setdefault((series, time // step * step), []).append(value)
    return found


def cells(rollup: Rollup) -> list[tuple[int, int]]:
    return list(zip(rollup.series().tolist(), rollup.times.tolist(), strict=True))


def same(one: Rollup, other: Rollup) -> None:
    for name in ("ids", "offsets", "times", "counts", "lowest", "highest"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for name in ("begins", "buckets", "weights"):
        assert np.array_equal(getattr(one.sketch, name), getattr(other.sketch, name)), name
    assert np.allclose(one.sums, other.sums, rtol=1e-12)


@given(st.lists(rows, max_size=80), st.sampled_from(list(Level)))
def test_a_cell_has_what_its_samples_have(found: list[Row], level: Level) -> None:
    samples = of(found)
    rollup, expected = roll(samples, level, SCALE), by_hand(samples, level)
    assert cells(rollup) == sorted(expected)
    for i, key in enumerate(cells(rollup)):
        assert rollup.counts[i] == len(expected[key])
        assert rollup.lowest[i] == min(expected[key])
        assert rollup.highest[i] == max(expected[key])
        assert rollup.sums[i] == pytest.approx(math.fsum(expected[key]), rel=1e-12)


@given(st.lists(rows, max_size=80), st.sampled_from(FINE))
def test_the_sum_of_what_fixed_point_holds_does_not_depend_on_how_it_was_added(
    found: list[Row], level: Level
) -> None:
    """`increase` from roll-ups equals raw (D5): exactly, where samples are whole numbers."""
    samples = of([(series, time, float(round(value) % 10**9)) for series, time, value in found])
    direct, chain = (
        roll(samples, Level.DAY, 1.0),
        coarser(roll(samples, level, 1.0), Level.DAY, 1.0),
    )
    same(direct, chain)
    assert direct.sums.tolist() == chain.sums.tolist()


@given(st.lists(rows, max_size=80), st.integers(0, 3 * 86_400_000))
def test_roll_ups_of_two_stretches_of_time_are_one_of_both(found: list[Row], cut: int) -> None:
    samples = of(found)
    edge = cut // Level.HOUR.milliseconds * Level.HOUR.milliseconds
    whole = roll(samples, Level.HOUR, SCALE)
    parts = [whole.within(0, edge), whole.within(edge, 1 << 60)]
    same(chained(parts), whole)
    later = roll(samples.within(edge, 1 << 60), Level.HOUR, SCALE)
    same(chained([later, roll(samples.within(0, edge), Level.HOUR, SCALE)]), whole)


def exact(found: Floats, q: float) -> float:
    """Return the nearest-rank quantile, computed from all samples."""
    return float(np.sort(found)[max(1, math.ceil(q * found.size - 1e-9)) - 1])


@pytest.mark.parametrize("shape", ["lognormal", "gamma", "uniform", "two peaks", "heavy"])
def test_quantiles_are_within_one_percent_and_the_maximum_is_exact(shape: str) -> None:
    """P50 to P99 within 1 % (COL-5), also after merging hours into a day."""
    rng = np.random.default_rng(5)
    drawn = {
        "lognormal": rng.lognormal(-3, 1.5, 2880),
        "gamma": rng.gamma(2, 0.05, 2880),
        "uniform": rng.uniform(0, 64 * 2**30, 2880),
        "two peaks": np.where(rng.random(2880) < 0.5, 0.003, 7.0) * rng.uniform(0.9, 1.1, 2880),
        "heavy": rng.pareto(0.7, 2880) + 1e-5,
    }[shape]
    samples = of([(1, 30_000 * i, v) for i, v in enumerate(drawn.tolist())])
    day = coarser(roll(samples, Level.HOUR, SCALE), Level.DAY, SCALE)
    for q in (0.5, 0.75, 0.9, 0.95, 0.99):
        assert day.quantiles(q)[0] == pytest.approx(exact(drawn, q), rel=0.01)
    assert day.quantiles(1.0)[0] == drawn.max()


@given(st.lists(st.floats(1e-5, 2.0**62), min_size=1, max_size=50), st.integers(1, 99))
def test_no_series_has_a_quantile_further_off(found: list[float], percent: int) -> None:
    drawn = np.array(found)
    samples = of([(1, i, v) for i, v in enumerate(found)])
    answer = roll(samples, Level.DAY, SCALE).quantiles(percent / 100)[0]
    assert answer == pytest.approx(exact(drawn, percent / 100), rel=1 / 127)


def test_a_series_of_zeroes_has_quantiles_of_zero() -> None:
    rollup = roll(of([(1, i, 0.0) for i in range(9)]), Level.DAY, SCALE)
    assert rollup.quantiles(0.95).tolist() == [0.0]


def test_nothing_rolls_up_to_nothing() -> None:
    empty = roll(of([]), Level.HOUR, SCALE)
    assert len(empty) == 0
    assert len(coarser(empty, Level.DAY, SCALE)) == 0
    assert empty.quantiles(0.5).size == 0
