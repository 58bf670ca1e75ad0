"""Money is exact, and what is split comes together again."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from upid.core.money import Money, apportion

totals = st.integers(0, 10**15)
weights = st.lists(
    st.floats(0, 1e12, allow_nan=False, allow_subnormal=False), min_size=1, max_size=60
)


@given(totals, weights)
@example(100, [1.0, 1.0, 1.0])
@example(1, [0.0, 0.0])
@example(10**15, [1e12, 1e-12])
def test_parts_add_up_to_the_whole_and_none_is_negative(total: int, shares: list[float]) -> None:
    """COST-3: sums that close."""
    parts = apportion(total, np.array(shares))
    assert int(parts.sum()) == total
    assert (parts >= 0).all()


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=60))
def test_every_part_is_within_one_of_its_exact_share(total: int, shares: list[int]) -> None:
    whole = sum(shares)
    parts = apportion(total, np.array(shares, float)).tolist()
    for share, part in zip(shares, parts, strict=True):
        exact = Fraction(total * share, whole) if whole else Fraction(total, len(shares))
        assert abs(part - exact) < Fraction(1001, 1000)  # a thousandth for floating point


@given(totals, weights)
def test_the_same_split_twice_is_the_same(total: int, shares: list[float]) -> None:
    first, second = (apportion(total, np.array(shares)) for _ in range(2))
    assert first.tolist() == second.tolist()


def test_ties_go_to_the_earlier_part() -> None:
    assert apportion(5, np.array([1.0, 1.0, 1.0])).tolist() == [2, 2, 1]


@given(st.integers(0, 10**9), st.integers(1, 500))
@example(250, 500)
def test_equal_weights_get_equal_parts_but_for_one(total: int, count: int) -> None:
    parts = apportion(total, np.ones(count))
    assert parts.max() - parts.min() <= 1
    assert sorted(parts, reverse=True) == parts.tolist()


def test_nothing_to_split_among_nobody_is_nothing() -> None:
    assert apportion(100, np.zeros(0)).size == 0


@given(st.decimals(-(10**9), 10**9, places=6), st.decimals(-(10**9), 10**9, places=6))
def test_amounts_add_and_subtract_exactly(one: Decimal, other: Decimal) -> None:
    a, b = Money.of(one, "USD"), Money.of(other, "USD")
    assert (a + b).amount == one + other
    assert (a + b) - b == a


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("0.005", "0.00"), ("0.015", "0.02"), ("0.025", "0.02"), ("2.675", "2.68")],
)
def test_cents_are_rounded_half_to_even(amount: str, shown: str) -> None:
    assert str(Money.of(amount, "USD").cents()) == shown


def test_a_finer_amount_is_rounded_half_to_even_to_a_micro() -> None:
    assert Money.of("0.0000005", "USD").micros == 0
    assert Money.of("0.0000015", "USD").micros == 2


def test_two_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="cannot mix USD and EUR"):
        Money(1, "USD") + Money(1, "EUR")
