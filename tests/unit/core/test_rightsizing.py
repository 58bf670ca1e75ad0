"""Estimators, and from needs to requests and limits."""

from dataclasses import replace
from math import nan

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from upid.core.quantity import GIB, MIB
from upid.core.resizing import Guards, resize
from upid.core.rightsizing import (
    CPU_REQUEST,
    MEMORY_REQUEST,
    Ask,
    Policy,
    Seen,
    estimate,
    round_cpu,
    round_memory,
)
from upid.core.snapshot import Bounds

POLICY = Policy()
SEEN = Seen(cpu_need=0.18, cpu_busy=0.1, cpu_peak=0.4, memory_peak=410.0 * MIB)
NOW = Ask(2.0, None, 4 * GIB, 4 * GIB)

cores = st.floats(0.001, 60)
sizes = st.integers(MIB, 200 * GIB)
seens = st.builds(
    Seen,
    cpu_need=cores,
    cpu_busy=cores,
    cpu_peak=cores,
    memory_peak=sizes.map(float),
    oom_level=st.just(nan) | sizes.map(float),
    throttled=st.just(nan) | st.floats(0, 1),
    leaking=st.booleans(),
).map(lambda s: replace(s, cpu_peak=max(s.cpu_need, s.cpu_peak)))


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    cpu, memory = draw(st.none() | cores), draw(st.none() | sizes)
    ratio = draw(st.sampled_from([None, 1, 2, 3.5]))
    return Ask(
        cpu,
        None if cpu is None or ratio is None else cpu * ratio,
        memory,
        None if memory is None or ratio is None else round(memory * ratio),
    )


def test_the_worked_example_of_the_guide() -> None:
    """OPT-1: P95 of 180m and 15 % are 207m, written 210m; 410Mi and 15 % are 472Mi, written 480."""
    sized = resize(NOW, SEEN, Guards(), POLICY)
    assert sized.ask == Ask(0.21, None, 480 * MIB, 480 * MIB)
    assert sized.steps == (
        "CPU P95 180m + 15% = 207m",
        "written as 210m",
        "memory peak 410Mi + 15% = 472Mi",
        "written as 480Mi",
    )


@pytest.mark.parametrize(
    ("cores", "written"),
    [(0.001, 0.005), (0.3, 0.3), (0.101, 0.11), (0.51, 0.55), (2.01, 2.1), (0.0999, 0.1), (7, 7)],
)
def test_cores_are_rounded_up_to_what_people_write(cores: float, written: float) -> None:
    assert round_cpu(cores) == written


@pytest.mark.parametrize(
    ("mebibytes", "written"), [(1, 8), (129, 144), (513, 544), (2049, 2112), (8193, 8320)]
)
def test_memory_is_rounded_up_to_what_people_write(mebibytes: int, written: float) -> None:
    assert round_memory(mebibytes * MIB) == written * MIB


@given(cores, sizes)
def test_rounding_never_goes_down_and_is_stable(amount: float, size: int) -> None:
    """OPT-1: rounding never gives up a need."""
    assert round_cpu(amount) >= amount * (1 - 1e-8)
    assert round_memory(size) >= size
    assert round_cpu(round_cpu(amount)) == round_cpu(amount)
    assert round_memory(round_memory(size)) == round_memory(size)


@given(asks(), seens, st.booleans())
def test_memory_is_never_below_what_was_seen_and_limits_never_below_requests(
    now: Ask, seen: Seen, shrink: bool
) -> None:
    """OPT-1: never under observed need."""
    assume(now.memory_limit is None or now.memory_limit >= seen.memory_peak)
    ask = resize(now, seen, Guards(may_shrink=shrink), POLICY).ask
    assert ask.memory_request is not None
    if ask.memory_limit is not None:
        assert ask.memory_limit >= seen.memory_peak
        assert ask.memory_limit >= ask.memory_request
    if not seen.leaking:
        assert ask.memory_request >= seen.memory_peak
    assert ask.cpu_request is not None
    assert ask.cpu_request >= min(seen.cpu_need, now.cpu_request or seen.cpu_need) * (1 - 1e-8)
    if ask.cpu_limit is not None:
        assert ask.cpu_limit >= ask.cpu_request * (1 - 1e-8)


@given(asks(), seens)
def test_limits_are_never_added_nor_taken_away_and_equality_is_kept(now: Ask, seen: Seen) -> None:
    """OPT-1: the quality of service is not changed silently."""
    ask = resize(now, seen, Guards(), POLICY).ask
    assert (ask.cpu_limit is None) == (now.cpu_limit is None)
    assert (ask.memory_limit is None) == (now.memory_limit is None)
    if now.cpu_request is not None and now.cpu_request == now.cpu_limit:
        assert ask.cpu_request == ask.cpu_limit
    if now.memory_request is not None and now.memory_request == now.memory_limit:
        assert ask.memory_request == ask.memory_limit


@given(seens, st.floats(0, 1), st.floats(0, 1))
def test_more_headroom_is_never_smaller(seen: Seen, one: float, other: float) -> None:
    less, more = sorted((one, other))
    for chain in (CPU_REQUEST, MEMORY_REQUEST):
        small = estimate(chain, seen, Policy(cpu_headroom=less, memory_margin=less))
        large = estimate(chain, seen, Policy(cpu_headroom=more, memory_margin=more))
        assert large.value >= small.value


@given(seens, st.floats(1, 8))
def test_scaling_usage_scales_the_advice_within_one_step_of_rounding(
    seen: Seen, factor: float
) -> None:
    scaled = Seen(
        seen.cpu_need * factor, seen.cpu_busy * factor, seen.cpu_peak * factor,
        seen.memory_peak * factor, seen.oom_level * factor, seen.throttled, seen.leaking,
    )  # fmt: skip
    plain, exact = CPU_REQUEST[:3], MEMORY_REQUEST[:2]
    for chain in (plain, exact):
        before, after = estimate(chain, seen, POLICY), estimate(chain, scaled, POLICY)
        assert after.value == pytest.approx(before.value * factor)


def test_an_oom_kill_raises_memory_to_twelve_tenths_of_where_it_happened() -> None:
    seen = replace(SEEN, oom_level=1000.0 * MIB)
    ask = resize(Ask(0.2, None, 1000 * MIB, 1000 * MIB), seen, Guards(), POLICY).ask
    assert ask.memory_request == ask.memory_limit == round_memory(1200 * MIB)


def test_a_leak_is_neither_shrunk_nor_fed() -> None:
    seen = replace(SEEN, oom_level=1000.0 * MIB, leaking=True)
    now = Ask(0.2, None, 1000 * MIB, 1000 * MIB)
    sized = resize(now, seen, Guards(), POLICY)
    assert sized.ask.memory_request == sized.ask.memory_limit == 1000 * MIB
    assert "leak" in sized.notes[0]


def test_a_throttled_limit_is_raised_by_half_and_the_request_stays_in_place() -> None:
    seen = replace(SEEN, throttled=0.2, cpu_peak=0.5)
    ask = resize(Ask(0.25, 0.5, 480 * MIB, None), seen, Guards(), POLICY).ask
    assert ask.cpu_limit == 0.75
    assert ask.cpu_request == 0.25  # P95 180m + 15 % + throttled 20 % = 248m, written 250m


def test_a_ratio_of_limit_to_request_is_kept_but_never_below_the_peak() -> None:
    ask = resize(Ask(1.0, 4.0, None, None), SEEN, Guards(), POLICY).ask
    assert ask == Ask(0.21, 0.85, 480 * MIB, None)
    spiky = replace(SEEN, cpu_peak=3.2)
    assert resize(Ask(1.0, 4.0, None, None), spiky, Guards(), POLICY).ask.cpu_limit == 3.2


def test_work_of_one_hour_a_week_keeps_its_request() -> None:
    """OPT-1: never below the mean of the busy hours, although its P95 is next to nothing."""
    weekly = replace(SEEN, cpu_need=0.001, cpu_busy=0.94)
    assert resize(NOW, weekly, Guards(), POLICY).ask.cpu_request == 0.95


def test_an_efficient_workload_is_not_shrunk_but_may_grow() -> None:
    kept = resize(NOW, SEEN, Guards(may_shrink=False), POLICY).ask
    assert kept == NOW
    short = Ask(0.1, None, 300 * MIB, None)
    grown = resize(short, SEEN, Guards(may_shrink=False), POLICY).ask
    assert grown == Ask(0.21, None, 480 * MIB, None)


def test_what_is_not_measured_stays_and_says_so() -> None:
    blind = replace(SEEN, memory_peak=nan)
    sized = resize(NOW, blind, Guards(), POLICY)
    assert sized.ask == replace(NOW, cpu_request=0.21)
    assert sized.wanted_memory is None
    assert "memory was not measured" in sized.notes[0]


def test_an_hpa_keeps_the_cpu_request_while_memory_is_sized() -> None:
    sized = resize(NOW, SEEN, Guards(keep_cpu="the HPA 'x' scales on it"), POLICY)
    assert sized.ask == Ask(2.0, None, 480 * MIB, 480 * MIB)
    assert sized.notes == ("the HPA 'x' scales on it",)


def test_limit_ranges_clamp_and_are_named() -> None:
    bounds = Bounds("ns", "b", cpu_minimum=0.25, memory_maximum=450 * MIB)
    sized = resize(NOW, SEEN, Guards(bounds=(bounds,)), POLICY)
    assert sized.ask == Ask(0.25, None, 450 * MIB, 450 * MIB)
    assert "minimum of 250m" in sized.notes[0]
    assert "maximum of 450Mi" in sized.notes[1]


def test_a_limit_range_below_the_need_leaves_the_resource_alone() -> None:
    bounds = Bounds("ns", "b", memory_maximum=400 * MIB)
    sized = resize(NOW, SEEN, Guards(bounds=(bounds,)), POLICY)
    assert sized.ask.memory_request == 4 * GIB
    assert "LimitRange allows 400Mi" in sized.notes[0]


def test_a_limit_range_ratio_lifts_the_request() -> None:
    bounds = Bounds("ns", "b", cpu_ratio=2.0)
    ask = resize(Ask(1.0, 4.0, None, None), SEEN, Guards(bounds=(bounds,)), POLICY).ask
    assert ask.cpu_limit is not None
    assert ask.cpu_request is not None
    assert ask.cpu_limit / ask.cpu_request <= 2.0
