"""Judgements in plain words: why a pod is called what it is called (IDL-8)."""

from collections.abc import Mapping

from upid.core.idle import Held, Verdict
from upid.core.usage import BY_NETWORK

HELD: Mapping[Held, str] = {
    Held.TOO_YOUNG: "It is younger than a day; there is not enough to judge it by.",
    Held.NO_SAMPLES: "Nothing was measured of it.",
    Held.QUIET_BEFORE: "It was quiet for as long before, and was needed again.",
    Held.NOT_SERVING: "No Service leads to it and its usage is low: nothing shows whether it "
    "waits for work.",
    Held.NOT_COUNTED: "Requests are counted in this cluster, but none of this pod: it may speak "
    "another protocol.",
    Held.KEEPS_STATE: "It keeps volumes, and without request data nothing shows that nobody "
    "reads them.",
    Held.SHORT_HISTORY: "Without request data, less than 14 days of usage say too little.",
    Held.NO_USAGE: "Neither requests nor usage of it were measured.",
    Held.STEADY: "Its usage is steady and not small: that may be work.",
    Held.RARE_WORK: "It works rarely, far above its floor, like a weekly job.",
    Held.WORKS_UNASKED: "It works although no business request explains it, like a queue worker.",
}


def count(number: float, what: str) -> str:
    """Return a number with its noun; the noun is given in the plural, such as `requests`."""
    whole = round(number)
    return f"{whole:,} {what[:-1] if whole == 1 and what.endswith('s') else what}"


def span(hours: float) -> str:
    """Return a length of time in the unit that people would use."""
    if hours >= 48:  # noqa: PLR2004
        return count(hours / 24, "days")
    return count(hours, "hours")


def noise_words(noise: Mapping[str, float]) -> str:
    """Return noise by kind, the most frequent first: `10 health probes, 2 metrics scrapes`."""
    ordered = sorted(noise.items(), key=lambda kind: (-kind[1], kind[0]))
    return ", ".join(count(number, name) for name, number in ordered if number > 0)


def of_requests(
    *, business: float, expected: float, noise: Mapping[str, float], hours: float, history: float
) -> str:
    """Return what the requests of a pod say."""
    noisy = noise_words(noise)
    if business > 0:
        among = f" besides {noisy}" if noisy else ""
        said = f"{count(business, 'business requests')} in {span(hours)}{among}"
        if history > 0:
            said += f"; the history expects {count(expected, 'requests')}"
        return said + "."
    seen = f"only {noisy}" if noisy else "no requests at all"
    said = f"No business request in {span(hours)}, {seen}"
    if history <= 0:
        return said + "."
    before = f"the {span(history)} before"
    if expected > 0:
        return said + f"; {before} would lead one to expect {count(expected, 'requests')}."
    return said + f"; {before} expect none either."


def of_usage(*, kind: int, level: float, floor: float, p95: float) -> str:
    """Return what the usage of a pod says where requests do not."""
    amount = _network if kind == BY_NETWORK else _cores
    what = "network traffic" if kind == BY_NETWORK else "CPU"
    return (
        f"Judged by {what}, for want of requests: {amount(level)} lately, "
        f"between a floor of {amount(floor)} and a 30-day P95 of {amount(p95)}."
    )


def sentence(verdict: Verdict, held: Held, told: str, down: str) -> str:
    """Return why the verdict is what it is."""
    if verdict is Verdict.BLOCKED:
        return f"Quiet or not, it waits for something: {down}."
    if held is Held.NOT or (verdict is Verdict.BUSY and held is not Held.RARE_WORK):
        return told
    if held in (Held.TOO_YOUNG, Held.NO_SAMPLES, Held.NO_USAGE):
        return HELD[held]
    return f"{HELD[held]} {told}"


def _cores(amount: float) -> str:
    return f"{amount * 1000:.3g}m cores"


def _network(amount: float) -> str:
    return f"{amount / 1000:.3g} kB/s"
