"""Kubernetes quantities, read exactly as the API server reads them (COL-3)."""

import re
from fractions import Fraction
from functools import lru_cache
from math import ceil

from upid.core.errors import UpidError

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_QUANTITY = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*))?"
    r"(?P<suffix>[eE][+-]?[0-9]+|[KMGTPE]i|[numkMGTPE]?)"
)
# The API server has no such bounds: it can be made to fill its memory with `1e2147483647`.
_LONGEST = 512  # characters
_EXPONENT = 999  # powers of ten
_REMEMBERED = 4096  # texts: 58,600 amounts of ten thousand pods are a few hundred
_SHOWN = 64  # characters of a bad text that people are shown
_NANO = 10**9  # the API server keeps nine decimals
_HIGHEST = (1 << 63) - 1  # what an amount with a binary suffix is cut to; int64 is how all count

MIB = 1 << 20
GIB = 1 << 30


class BadQuantity(UpidError):
    """A text that the API server would not accept as a quantity."""

    code = "bad_quantity"

    def __init__(self, text: str) -> None:
        shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
        super().__init__(
            f"{shown!r} is not a Kubernetes quantity",
            hint="write a number with an optional suffix, such as 250m, 1.5, 129e6, 512Mi or 2Gi",
        )


def parse_quantity(text: str | int | float) -> Fraction:
    """Return the value that the API server gives a quantity, in the unit it counts.

    Accepts every form the API server accepts: plain and fractional numbers, decimal exponents
    (`129e6`), decimal suffixes (`n` to `E`) and binary suffixes (`Ki` to `Ei`); a sign, a point or
    a suffix alone is zero. What is finer than a billionth is rounded away from zero, amounts with a
    binary suffix end at 2⁶³ - 1. Numbers come from JSON documents whose author left out the quotes.
    Raises BadQuantity for anything else, for texts of over 512 characters and exponents over 999.
    """
    return _parsed(text if isinstance(text, str) else _written(text))


@lru_cache(_REMEMBERED)
def _parsed(text: str) -> Fraction:
    found = _QUANTITY.fullmatch(text) if 0 < len(text) <= _LONGEST else None
    if found is None:
        raise BadQuantity(text)
    part, suffix = found["part"] or "", found["suffix"]
    if suffix in {"Pi", "Ei"} and not found["whole"] + part:
        raise BadQuantity(text)  # the API server takes `Ti` alone for zero, but not these two
    digits = int(found["whole"] + part or "0")
    if suffix in _BINARY:
        size = _up(Fraction(digits << _BINARY[suffix], 10 ** len(part)))
        size = min(size, Fraction(_HIGHEST))
    else:
        exponent = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])
        if abs(exponent) > _EXPONENT:
            raise BadQuantity(text)
        size = _up(digits * Fraction(10) ** (exponent - len(part)))
    return -size if found["sign"] == "-" else size


def parse_cpu(text: str | int | float) -> float:
    """Return cores; refuse less than nothing, and more than the scheduler can count."""
    return _cores(text if isinstance(text, str) else _written(text))


def parse_bytes(text: str | int | float) -> int:
    """Return whole bytes, a fraction of one rounded up; refuse as for cores."""
    return _bytes(text if isinstance(text, str) else _written(text))


def format_cpu(cores: float) -> str:
    """Return cores as people write them: `250m`, `1500m`, `2`. Rounded up to a millicore."""
    milli = ceil(round(cores * 1000, 6))
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def format_bytes(size: int) -> str:
    """Return bytes with the largest binary suffix that divides them: `512Mi`, `2Gi`, `1000`."""
    for suffix, power in reversed(_BINARY.items()):
        if size and size % (1 << power) == 0:
            return f"{size >> power}{suffix}"
    return str(size)


@lru_cache(_REMEMBERED)
def _cores(text: str) -> float:
    return float(_countable(text))


@lru_cache(_REMEMBERED)
def _bytes(text: str) -> int:
    return ceil(_countable(text))


def _countable(text: str) -> Fraction:
    amount = _parsed(text)
    if not 0 <= amount <= _HIGHEST:
        raise BadQuantity(text)
    return amount


def _written(number: float) -> str:
    try:
        return repr(number)
    except ValueError as error:  # Python writes no whole number of more than 4,300 digits
        raise BadQuantity("a number of thousands of digits") from error


def _up(size: Fraction) -> Fraction:
    if _NANO % size.denominator == 0:
        return size
    return Fraction(ceil(size * _NANO), _NANO)
