"""Replaying a proposal on the recorded past."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from upid.core.panel import Panel
from upid.core.simulation import replay

START = datetime(2026, 3, 2, tzinfo=UTC)


def panel(series: list[list[float]]) -> Panel:
    return Panel(
        values=np.array([v for one in series for v in one], float),
        steps=np.array([i for one in series for i in range(len(one))], np.int64),
        offsets=np.cumsum([0, *(len(one) for one in series)]),
        ids=np.arange(len(series)),
        start=START,
        cadence=timedelta(minutes=5),
        span=9,
        unit="cores",
    )


def test_samples_over_request_and_limit_are_counted_by_group_with_the_worst_excess() -> None:
    """OPT-4: a worked example; the series of no group and the empty one change nothing."""
    world = panel([[1, 2, 3], [], [9, 9], [4, 0]])
    found = replay(world, np.array([0, 0, -1, 0]), np.array([1.5]), np.array([3.0]))
    assert found.samples.tolist() == [5]
    assert found.over_request.tolist() == [3]
    assert found.over_limit.tolist() == [1]
    assert found.worst.tolist() == [2.5]


@given(
    st.lists(st.lists(st.integers(0, 9), max_size=5), min_size=1, max_size=6),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_replay_agrees_with_counting_by_hand(
    series: list[list[float]], request: int, limit: int
) -> None:
    groups = np.arange(len(series)) % 2
    found = replay(panel(series), groups, np.full(2, float(request)), np.full(2, float(limit)))
    for group in (0, 1):
        samples = [v for i, one in enumerate(series) if groups[i] == group for v in one]
        assert found.samples[group] == len(samples)
        assert found.over_request[group] == sum(v > request for v in samples)
        assert found.over_limit[group] == sum(v > limit for v in samples)
        assert found.worst[group] == max([0, *(v - request for v in samples)])
