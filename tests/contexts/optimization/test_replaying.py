"""Proposals held against single weeks: a bad week is not hidden by good ones."""

import numpy as np
import pytest

from tests.contexts.optimization.world import MIB, World
from upid.contexts.optimization import AdviceType, Recommendation, Risk

DAY = 288  # steps


def only(world: World) -> Recommendation:
    (found,) = (r for r in world.advice().recommendations if r.type is AdviceType.RIGHTSIZING)
    return found


def test_the_worst_week_counts_not_the_mean_of_all() -> None:
    """SAF-3: 6 % of one week of five lies above what a P95 of all suggests."""
    world = World(days=35)
    cpu = np.full(world.span, 0.1)
    cpu[7 * DAY : 7 * DAY + round(7 * DAY * 0.06)] = 1.0
    world.workload(cpu=(cpu,))
    found = only(world)
    assert found.changes[0].replay.cpu_over_request == pytest.approx(0.012, abs=0.001)
    assert "CPU above the proposed request in 6.0% of the worst week +1" in found.risk_parts[1]


@pytest.mark.parametrize(
    ("late", "said"),
    [(1.1, ""), (1.3, "1.30 times another's +1"), (1.8, "1.80 times another's +2")],
)
def test_memory_that_differs_from_week_to_week_is_said(late: float, said: str) -> None:
    """SAF-3: the next week may differ by as much again, and the margin is 15 %."""
    world = World(days=14)
    memory = np.full(world.span, 400.0 * MIB)
    memory[7 * DAY :] *= late
    world.workload(cpu=(0.18, 0.18), memory=(memory, memory))
    found = only(world)
    assert ("times another's" in found.risk_parts[1]) is bool(said)
    assert said in found.risk_parts[1]
    assert found.risk is (Risk.MEDIUM if late > 1.5 else Risk.LOW)


def test_a_week_that_is_not_whole_is_not_compared() -> None:
    world = World(days=10)
    memory = np.full(world.span, 400.0 * MIB)
    memory[8 * DAY :] *= 3
    world.workload(memory=(memory,))
    assert "times another's" not in only(world).risk_parts[1]
