"""Amounts of CPU and memory cannot be less than nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.core.units import Resources

amounts = st.builds(Resources, st.floats(0, 1e6), st.integers(0, 2**44))


@pytest.mark.parametrize(("cpu", "memory"), [(-0.1, 0), (0.0, -1), (float("nan"), 0)])
def test_an_amount_that_cannot_exist_is_refused(cpu: float, memory: int) -> None:
    with pytest.raises(ValueError, match="negative resources"):
        Resources(cpu, memory)


@given(amounts, amounts)
def test_adding_adds_both(one: Resources, other: Resources) -> None:
    both = one + other
    assert both.cpu == one.cpu + other.cpu
    assert both.memory == one.memory + other.memory


@given(amounts, st.floats(0, 100))
def test_scaling_never_loses_a_byte(amount: Resources, factor: float) -> None:
    scaled = amount.scaled(factor)
    assert scaled.memory >= amount.memory * factor
    assert scaled.memory < amount.memory * factor + 1.0001
    assert scaled.cpu == amount.cpu * factor


@given(amounts)
def test_scaling_by_one_changes_nothing(amount: Resources) -> None:
    assert amount.scaled(1) == amount
