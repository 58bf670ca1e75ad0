"""Figures as people read them: money to the cent with sums that add up, shares, sizes, spans."""

from collections.abc import Sequence

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
_MICROS_PER_CENT = 10_000
_KIB = 1024
_ROUND_CORES = 10  # from here on nobody counts millicores
_FEW_MILLI = 10  # below, a whole millicore is too coarse


def micros(amount: float) -> int:
    """Return an amount in units of a currency as whole micros, as the API rounds it."""
    return round(amount * 1_000_000)


def cents(amounts: Sequence[float]) -> list[int]:
    """Return amounts as whole cents whose sum is the sum of the amounts rounded half to even.

    Largest remainder; ties go to the earlier amount. A bill whose shown parts miss its shown
    total by a cent costs more trust than a part that is shown a cent too high.
    """
    exact = [micros(amount) for amount in amounts]
    parts = [amount // _MICROS_PER_CENT for amount in exact]
    missing = round(sum(exact) / _MICROS_PER_CENT) - sum(parts)
    order = sorted(range(len(exact)), key=lambda i: -(exact[i] % _MICROS_PER_CENT))
    for i in order[:missing]:
        parts[i] += 1
    return parts


def money(amount: float | None, currency: str = "USD") -> str:
    """Return an amount to the cent, `$1,234.50`; an unknown one as a dash."""
    if amount is None:
        return "–"
    return of_cents(round(micros(amount) / _MICROS_PER_CENT), currency)


def of_cents(whole: int, currency: str = "USD") -> str:
    """Return whole cents as `$1,234.50`, or `CHF 1,234.50` where the sign is not known."""
    sign = _SIGNS.get(currency, f"{currency} ")
    return f"{'-' if whole < 0 else ''}{sign}{abs(whole) / 100:,.2f}"


def percent(value: float | None) -> str:
    """Return a figure of 0 to 100 as `87 %`; an unknown one as a dash."""
    if value is None:
        return "–"
    if 0 < value < 1:
        return "<1 %"
    return f"{value:.0f} %"


def share(value: float | None) -> str:
    """Return a fraction of one as a percentage."""
    return percent(None if value is None else value * 100)


def cores(value: float | None) -> str:
    """Return cores as `250m` below ten and `12.5` above; an unknown amount as a dash."""
    if value is None:
        return "–"
    if value >= _ROUND_CORES:
        return f"{value:.1f}"
    milli = value * 1000
    return f"{milli:.1f}m" if 0 < milli < _FEW_MILLI else f"{milli:.0f}m"


def size(value: float | None) -> str:
    """Return bytes with three digits and a binary unit, `1.25 GiB`; unknown as a dash."""
    if value is None:
        return "–"
    amount, unit = float(value), "B"
    for bigger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if amount < _KIB:
            break
        amount, unit = amount / _KIB, bigger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.3g} {unit}"


def count(value: float | None) -> str:
    """Return a whole number with thousands apart; an unknown one as a dash."""
    return "–" if value is None else f"{value:,.0f}"


def plural(number: int, one: str, many: str = "") -> str:
    """Return `1 node` or `3 nodes`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def portions(whole: int, weights: Sequence[int]) -> list[int]:
    """Return `whole` split by weight into whole parts that add up to it (largest remainder)."""
    total = sum(weights)
    if total <= 0:
        return [0] * len(weights)
    parts = [whole * weight // total for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: -(whole * weights[i] % total))
    for i in order[: whole - sum(parts)]:
        parts[i] += 1
    return parts
