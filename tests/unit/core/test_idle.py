"""The idle probability, factor by factor (IDL-1 to IDL-7)."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from upid.core.activity import Activity
from upid.core.idle import (
    Held,
    Verdict,
    Weights,
    business_factor,
    combine,
    confidence_of,
    judge,
    resource_factor,
    temporal_factor,
    work_rate,
)

NAN = float("nan")
WEEKS = 3 * 168
percent = st.floats(0, 100)


def world(pods: int = 1, history: int = 2 * 168, **given_parts: NDArray[Any]) -> Activity:
    """Return served pods that lived three weeks, used 5 mC and were asked by probes only."""
    shape = (pods, history + 168)
    parts: dict[str, NDArray[Any]] = {
        "workload": np.arange(pods),
        "alive": np.ones(shape, bool),
        "settled": np.ones(shape, bool),
        "counted": np.ones(shape[1], bool),
        "covered": np.ones(pods, bool),
        "selected": np.ones(pods, bool),
        "stateful": np.zeros(pods, bool),
        "business": np.zeros(shape),
        "requests": np.full(pods, 60_480.0),
        "cpu": np.full(shape, 0.005),
        "network": np.full(shape, NAN),
        "samples": np.full(pods, 2016),
        "healthy": np.full(pods, NAN),
        "blocked": np.zeros(pods, bool),
        "age": np.full(pods, 1e4),
    }
    return Activity(first_hour=0, history=history, **{**parts, **given_parts})


def verdict(activity: Activity) -> Verdict:
    return judge(activity, Weights()).verdict[0]


def probability(activity: Activity) -> float:
    return float(judge(activity, Weights()).probability[0])


def test_the_four_factors_are_weighed_50_30_15_5() -> None:
    """IDL-1: 0.5 × 99.8 + 0.3 × 0 + 0.15 × 10 + 0.05 × 100 = 56.4."""
    found, used = combine(np.array([[99.8, 0.0, 10.0, 100.0]]), Weights())
    assert found[0] == pytest.approx(56.4)
    assert used[0].tolist() == pytest.approx([0.50, 0.30, 0.15, 0.05])


def test_an_unknown_factor_is_left_out_and_the_others_weigh_more() -> None:
    """IDL-1: (0.5 × 100 + 0.3 × 100 + 0.15 × 90) ÷ 0.95 = 98.42."""
    found, used = combine(np.array([[100.0, 100.0, 90.0, NAN]]), Weights())
    assert found[0] == pytest.approx(98.4210526)
    assert used[0].sum() == pytest.approx(1)
    assert used[0, 3] == 0


def test_a_dependency_alone_says_nothing() -> None:
    assert np.isnan(combine(np.array([[NAN, NAN, NAN, 100.0]]), Weights())[0][0])


@pytest.mark.parametrize("weights", [(0.5, 0.3, 0.15, 0.1), (1.1, -0.1, 0, 0), (0, 0, 0, 0)])
def test_weights_that_do_not_add_up_are_refused(weights: tuple[float, ...]) -> None:
    """IDL-1."""
    with pytest.raises(ValueError, match="add up to 1"):
        Weights(*weights)


@given(st.lists(st.tuples(*[st.one_of(percent, st.just(NAN))] * 4), min_size=1, max_size=9))
def test_a_probability_lies_between_its_factors_and_does_not_depend_on_order(
    rows: list[tuple[float, ...]],
) -> None:
    """IDL-1: rescaled weights add up to 1, so the mean stays within the known factors."""
    factors = np.array(rows)
    found, used = combine(factors, Weights())
    backwards, _ = combine(factors[::-1], Weights())
    np.testing.assert_array_equal(found, backwards[::-1])
    for row, value, weights in zip(factors, found, used, strict=True):
        known = row[~np.isnan(row)]
        if not np.isnan(value):
            assert known.min() - 1e-9 <= value <= known.max() + 1e-9
            assert weights.sum() == pytest.approx(1)


def test_the_business_factor_is_the_share_that_is_no_work() -> None:
    """IDL-2: 140 of 60,620 requests are business: 99.77; no request at all is 100."""
    found = business_factor(np.array([140.0, 0.0, 0.0]), np.array([60_620.0, 500.0, 0.0]))
    assert found.tolist() == pytest.approx([99.7690, 100, 100], abs=1e-4)


def test_work_per_cpu_second_counts_at_least_a_hundredth_of_a_core() -> None:
    """IDL-3: 36 requests in an hour at 5 mC: 36 ÷ (0.01 × 3600) = 1."""
    known = np.ones((1, 1), bool)
    assert work_rate(np.array([[36.0]]), np.array([[0.005]]), known)[0] == pytest.approx(1)
    assert work_rate(np.array([[36.0]]), np.array([[0.1]]), known)[0] == pytest.approx(0.1)


def test_the_resource_factor_is_how_far_work_fell_below_its_baseline() -> None:
    """IDL-3: 0.25 of the baseline is 75; no business request 100; no baseline 50; more is 0."""
    business = np.array([9.0, 0.0, 9.0, 9.0, 9.0])
    rate = np.array([0.25, 0.0, 1.0, 2.0, 1.0])
    baseline = np.array([1.0, 1.0, NAN, 1.0, 0.0])
    assert resource_factor(business, rate, baseline).tolist() == [75, 100, 50, 0, 0]


@pytest.mark.parametrize(
    ("business", "expected", "days", "factor"),
    [
        (9, 100, 14, 90), (10, 100, 14, 70), (29, 100, 14, 70), (30, 100, 14, 30),
        (69, 100, 14, 30), (70, 100, 14, 10), (500, 100, 90, 10),
        (0, 0, 14, 90), (0, 0, 13.9, 50), (9, 100, 13, 50), (3, 0, 14, 10),
    ],
)  # fmt: skip
def test_the_temporal_factor_compares_with_the_same_hours_of_the_week(
    business: float, expected: float, days: float, factor: float
) -> None:
    """IDL-4."""
    found = temporal_factor(
        np.array([float(business)]), np.array([float(expected)]), np.array([int(days * 24)])
    )
    assert found[0] == factor


@pytest.mark.parametrize(
    ("samples", "requests", "hours", "alike", "expected"),
    [
        (2016, 60_480, 168, 1.0, 99), (2016, 60_480, 168, 0.5, 95), (2016, 60_480, 168, 0, 85),
        (1000, 60_480, 168, 0.5, 85), (2016, 100, 168, 0.5, 85), (2016, 60_480, 24, 0.5, 85),
        (501, 51, 13, 0.5, 85), (101, 11, 7, 0.5, 75), (100, 11, 7, 0.5, 60), (0, 0, 0, 0, 50),
        (2016, np.inf, 168, 0.5, 95), (2016, 60_480, 168, NAN, 95),
    ],
)  # fmt: skip
def test_confidence_is_a_tier_moved_by_consistency(
    samples: int, requests: float, hours: int, alike: float, expected: float
) -> None:
    """IDL-6."""
    found = confidence_of(
        np.array([samples]), np.array([float(requests)]), np.array([hours]), np.array([alike])
    )
    assert found[0] == expected


def test_what_only_probes_reach_is_idle_at_98() -> None:
    """IDL-1 to IDL-4: 100, 100 and 90; no dependency is known."""
    found = judge(world(), Weights())
    assert found.verdict[0] is Verdict.IDLE
    assert found.probability[0] == pytest.approx(98.42, abs=0.01)
    assert found.confidence[0] == 99


def test_twenty_requests_a_day_among_thousands_of_probes_are_not_idle() -> None:
    """IDL-2, IDL-3, IDL-4."""
    business = np.zeros((1, WEEKS))
    business[0, 9::24] = 20
    assert verdict(world(business=business)) is Verdict.BUSY


def test_a_short_history_gives_fifty() -> None:
    """IDL-3, IDL-4."""
    business = np.ones((1, 168 + 6 * 24))
    found = judge(world(history=6 * 24, business=business), Weights())
    assert found.factors[0, 1] == 50
    assert found.factors[0, 2] == 50


def test_a_pod_of_less_than_a_day_is_not_judged() -> None:
    found = judge(world(age=np.array([23.0])), Weights())
    assert found.verdict[0] is Verdict.UNKNOWN
    assert np.isnan(found.probability[0])


def test_a_young_pod_is_compared_with_its_predecessors() -> None:
    """IDL-4: a rollout two days ago does not make a Monday service idle on Wednesday."""
    alive = np.ones((2, WEEKS), bool)
    alive[0, -48:] = False
    alive[1, :-48] = False
    business = np.where(alive, 5.0, 0.0)
    business[1] = 0
    found = judge(
        world(2, workload=np.zeros(2, int), alive=alive, business=business, age=np.full(2, 48.0)),
        Weights(),
    )
    assert found.expected[1] == 48 * 5
    assert found.history[1] == 2 * 168


def test_a_quiet_time_no_longer_than_earlier_ones_is_no_verdict() -> None:
    business = np.zeros((1, WEEKS))
    business[0, [10, 320]] = 40  # quiet for 309 hours between, now for 183
    found = judge(world(business=business), Weights())
    assert found.held[0] == Held.QUIET_BEFORE
    assert found.verdict[0] is Verdict.UNKNOWN


def test_what_waits_for_a_dependency_is_blocked_whatever_the_score() -> None:
    """IDL-5."""
    assert verdict(world(blocked=np.array([True]))) is Verdict.BLOCKED


@pytest.mark.parametrize("covered", [True, False])
def test_work_that_no_request_explains_is_not_idle(covered: bool) -> None:
    """IDL-2, IDL-7: a queue worker with a Service for its metrics."""
    cpu = np.tile(np.where(np.arange(24) < 6, 0.01, 0.4), (1, WEEKS // 24))
    found = judge(world(cpu=cpu, covered=np.array([covered])), Weights())
    assert found.verdict[0] is Verdict.BUSY
    assert np.isnan(found.factors[0, 0])
    assert found.confidence[0] <= 75


@pytest.mark.parametrize("hours", [1, 3])
@pytest.mark.parametrize("counted", [True, False])
def test_a_weekly_job_is_not_idle(hours: int, counted: bool) -> None:
    """IDL-7: P95 sits at the floor, the highest hour far above it."""
    cpu = np.full((1, WEEKS), 0.004)
    for week in range(3):
        cpu[0, week * 168 + 30 : week * 168 + 30 + hours] = 0.3
    activity = world(cpu=cpu, counted=np.full(WEEKS, counted))
    assert verdict(activity) is Verdict.BUSY
    assert np.isnan(probability(activity))


def test_flat_usage_that_is_not_small_is_unknown() -> None:
    """IDL-7: it may be work."""
    found = judge(world(cpu=np.full((1, WEEKS), 0.2), covered=np.array([False])), Weights())
    assert found.held[0] == Held.STEADY
    assert np.isnan(found.probability[0])
    assert found.verdict[0] is Verdict.UNKNOWN


def test_without_any_request_source_usage_at_the_floor_is_idle_at_75_at_most() -> None:
    """IDL-7."""
    activity = world(counted=np.zeros(WEEKS, bool), covered=np.array([False]))
    found = judge(activity, Weights())
    assert found.verdict[0] is Verdict.IDLE
    assert found.confidence[0] <= 75


@pytest.mark.parametrize("part", [{"selected": np.array([False])}, {"stateful": np.array([True])}])
def test_without_requests_what_may_wait_or_keep_is_not_called_idle(part: dict[str, Any]) -> None:
    """IDL-7: leaders, standbys and databases."""
    activity = world(counted=np.zeros(WEEKS, bool), covered=np.array([False]), **part)
    assert verdict(activity) is Verdict.UNKNOWN


def test_network_and_cpu_both_speak_where_requests_do_not() -> None:
    """IDL-7: a pod that streams without computing works."""
    network = np.tile(np.where(np.arange(24) < 12, 1e3, 5e5), (1, WEEKS // 24))
    activity = world(network=network, covered=np.array([False]))
    found = judge(activity, Weights())
    assert found.verdict[0] is Verdict.BUSY
    assert found.factors[0, 1] == 0


def test_work_above_the_floor_lowers_the_resource_factor_in_proportion() -> None:
    """IDL-7: floor 100 mC, 30-day P95 500 mC, this week 200 mC: 100 × (1 − 100 ÷ 400) = 75."""
    cpu = np.full((1, WEEKS), 0.1)
    cpu[0, : 2 * 168 : 2] = 0.5
    cpu[0, 2 * 168 :: 2] = 0.2
    found = judge(world(cpu=cpu, covered=np.array([False])), Weights())
    assert found.factors[0, 1] == pytest.approx(75)


@given(st.integers(0, 50), st.integers(0, 167), st.integers(1, 400))
def test_more_business_requests_never_raise_the_probability(
    usual: int, hour: int, more: int
) -> None:
    """IDL-1."""
    fewer, extra = np.zeros((1, WEEKS)), np.zeros((1, WEEKS))
    fewer[0, 9::24] = usual
    extra[:] = fewer
    extra[0, 2 * 168 + hour] += more
    at_first = probability(world(business=fewer, requests=np.array([60_480.0 + fewer.sum()])))
    then = probability(world(business=extra, requests=np.array([60_480.0 + fewer.sum() + more])))
    assert then <= at_first + 1e-9


@given(st.permutations(range(5)))
def test_the_order_of_pods_changes_nothing(order: list[int]) -> None:
    rng = np.random.default_rng(7)
    shape = (5, WEEKS)
    rows = np.array(order)
    parts: dict[str, Any] = {
        "business": rng.poisson(0.2, shape) * (rng.random((5, 1)) < 0.6) * 1.0,
        "cpu": rng.gamma(2, 0.05, shape),
        "requests": rng.uniform(5000, 9000, 5),
        "selected": rng.random(5) < 0.5,
        "workload": np.array([0, 0, 1, 2, 2]),
    }
    straight = judge(world(5, **parts), Weights())
    turned = judge(world(5, **{name: part[rows] for name, part in parts.items()}), Weights())
    np.testing.assert_array_equal(straight.probability[rows], turned.probability)
    np.testing.assert_array_equal(straight.confidence[rows], turned.confidence)
    assert [straight.verdict[i] for i in order] == list(turned.verdict)
