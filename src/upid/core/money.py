"""Money: whole micros of a currency inside, cents outside, and sums that close.

Every amount in a ledger is an integer count of micros (10⁻⁶ of the currency), so that sums are
exact in any order. The one rounding rule: an amount is split by largest remainder (`apportion`)
and shown by rounding half to even.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Self

import numpy as np
from numpy.typing import NDArray

MICROS = 1_000_000  # per unit of currency

Floats = NDArray[np.float64]
Micros = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount of one currency, in micros."""

    micros: int
    currency: str

    @classmethod
    def of(cls, amount: Decimal | str | int, currency: str) -> Self:
        """Return the amount rounded half to even to a micro."""
        exact = Decimal(amount) * MICROS
        return cls(int(exact.to_integral_value(ROUND_HALF_EVEN)), currency)

    def __add__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.micros + other.micros, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.micros - other.micros, self.currency)

    @property
    def amount(self) -> Decimal:
        """The exact amount in units of the currency."""
        return Decimal(self.micros) / MICROS

    def cents(self) -> Decimal:
        """Return the amount as it is shown: two decimals, half to even."""
        return self.amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)

    def _same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(f"cannot mix {self.currency} and {other.currency}")


def apportion(total: int, weights: Floats) -> Micros:
    """Split `total` in proportion to `weights` so that the parts add up to it exactly.

    total    whole micros (or cents), not negative
    weights  (n,)  finite, not negative; all zero splits evenly
    returns  (n,)  whole parts, each within 1 of its exact share, their sum `total`

    Largest remainder (Hamilton); ties go to the earlier part, so that the answer is deterministic.
    """
    if weights.size == 0:
        return np.zeros(0, np.int64)
    whole = weights.sum()
    shares = weights / whole if whole > 0 else np.full(weights.size, 1.0 / weights.size)
    exact = shares * total
    parts: Micros = np.floor(exact).astype(np.int64)
    missing = total - int(parts.sum())
    if missing:
        order = np.argsort(parts - exact, kind="stable")
        if missing > 0:
            parts[order[:missing]] += 1
        else:  # floating point gave a little too much: take it from the largest parts
            for i in np.argsort(-parts, kind="stable")[:-missing]:
                parts[i] -= 1
    return parts
