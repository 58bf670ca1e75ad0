"""Figures that can be explained: value, unit, inputs, formula, samples and how sure it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Unknown:
    """What there is not enough to compute from, and why. Never a zero in disguise."""

    reason: str


@dataclass(frozen=True, slots=True)
class Explained:
    """One figure with everything that is needed to check it.

    formula     id of the documented formula, such as `IDL-3`
    inputs      the named numbers and words that went in
    samples     readings behind it
    confidence  0 to 100; Unknown where nothing supports a statement
    """

    value: float | Unknown
    unit: str
    formula: str
    inputs: Mapping[str, float | int | str | None] = field(default_factory=dict)
    samples: int = 0
    confidence: float | Unknown = Unknown("not assessed")
