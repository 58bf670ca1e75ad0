"""Fixed point: samples as whole numbers, where that gives back every bit."""

import numpy as np
from numpy.typing import NDArray

from upid.core.panel import Floats, Ints

LARGEST = float(1 << 53)  # whole numbers up to here are float64 without loss


def to_fixed(values: Floats, scale: float) -> tuple[Ints, NDArray[np.bool_]]:
    """Return samples as whole numbers of 1/scale, and which of them those hold.

    values   (n,) finite
    returns  (n,) whole numbers, 0 where they do not hold the sample, and (n,) whether they do:
             whole ÷ scale gives back the float64 bit by bit; -0.0 is not held. O(n)
    """
    with np.errstate(over="ignore"):
        scaled = np.rint(values * scale)
    small = np.abs(scaled) <= LARGEST
    whole = np.where(small, scaled, 0.0).astype(np.int64)
    held = small & (bits(whole / scale) == bits(values))
    whole[~held] = 0
    return whole, held


def from_fixed(whole: Ints, scale: float) -> Floats:
    """(n,) the samples that whole numbers of 1/scale hold."""
    found: Floats = whole / scale
    return found


def bits(values: Floats) -> Ints:
    """(n,) the bits of float64 numbers as whole numbers.

    They rise with numbers that are not negative; -0.0 comes before all of those.
    """
    return np.ascontiguousarray(values, np.float64).view(np.int64)
