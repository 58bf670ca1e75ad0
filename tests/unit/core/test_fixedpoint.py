"""Fixed point gives back every bit it says it holds (COL-5, COL-6)."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from upid.core.fixedpoint import bits, from_fixed, to_fixed
from upid.core.metrics import METRICS

amounts = st.floats(0, 2.0**63) | st.integers(0, 10**9).map(lambda n: n / 1e6)
scales = st.sampled_from(sorted({metric.scale for metric in METRICS.values()}))


@given(st.lists(amounts), scales)
def test_what_is_held_comes_back_bit_by_bit(values: list[float], scale: float) -> None:
    given_ = np.array(values)
    whole, held = to_fixed(given_, scale)
    assert (bits(from_fixed(whole, scale))[held] == bits(given_)[held]).all()
    assert (whole[~held] == 0).all()


@given(st.lists(st.integers(0, 1 << 50), min_size=1), scales)
def test_whole_numbers_of_a_scale_are_always_held(numbers: list[int], scale: float) -> None:
    """A metric's own unit must not fall out of fixed point: 1.3 bytes a sample depend on it."""
    whole, held = to_fixed(np.array(numbers) / scale, scale)
    assert held.all()
    assert whole.tolist() == numbers


def test_minus_zero_and_what_is_too_large_are_not_held() -> None:
    _, held = to_fixed(np.array([-0.0, 0.0, 2.0**62 + 2.0**20, 1 / 3]), 1.0)
    assert held.tolist() == [False, True, False, False]


@given(st.floats(0, 1e300), st.floats(0, 1e300))
def test_bits_rise_with_numbers(one: float, other: float) -> None:
    low, high = bits(np.array([one, other]))
    assert (low < high) == (one < other)
