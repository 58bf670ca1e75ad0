"""Kubernetes quantities, read and written exactly as the API server does (COL-3)."""

import re
from fractions import Fraction
from math import ceil

from upid.core.errors import UpidError

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_QUANTITY = re.compile(
    r"(?P<sign>[+-]?)(?P<number>\d+(?:\.\d*)?|\.\d+)(?P<suffix>[eE][+-]?\d+|[KMGTPE]i|[numkMGTPE]?)"
)
_LONGEST = 64  # characters; the API server accepts no number that needs more
_EXPONENT = 64  # powers of ten; beyond it nothing fits the API server's 64-bit amounts

MIB = 1 << 20
GIB = 1 << 30


class BadQuantity(UpidError):
    """A text that the API server would not accept as a quantity."""

    code = "bad_quantity"

    def __init__(self, text: str) -> None:
        shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
        super().__init__(
            f"{shown!r} is not a Kubernetes quantity",
            hint="write a number with an optional suffix, such as 250m, 1.5, 129e6, 512Mi or 2Gi",
        )


def parse_quantity(text: str | int | float) -> Fraction:
    """Return the exact value of a quantity, in the unit it counts (cores, bytes, pieces).

    Accepts every form the API server accepts: plain and fractional numbers, decimal exponents
    (`129e6`), decimal suffixes (`n` to `E`) and binary suffixes (`Ki` to `Ei`). Numbers come from
    JSON documents whose author left out the quotes. Raises BadQuantity for anything else.
    """
    if isinstance(text, int | float):
        text = repr(text)
    found = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        raise BadQuantity(text)
    number, suffix = Fraction(found["number"]), found["suffix"]
    if suffix in _BINARY:
        number *= 1 << _BINARY[suffix]
    elif suffix in _DECIMAL:
        number *= Fraction(10) ** _DECIMAL[suffix]
    elif abs(int(suffix[1:])) <= _EXPONENT:
        number *= Fraction(10) ** int(suffix[1:])
    else:
        raise BadQuantity(text)
    return -number if found["sign"] == "-" else number


def parse_cpu(text: str | int | float) -> float:
    """Return cores; like the API server, refuse less than nothing."""
    cores = parse_quantity(text)
    if cores < 0:
        raise BadQuantity(str(text))
    return float(cores)


def parse_bytes(text: str | int | float) -> int:
    """Return whole bytes, a fraction of one rounded up; refuse less than nothing."""
    size = parse_quantity(text)
    if size < 0:
        raise BadQuantity(str(text))
    return ceil(size)


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
