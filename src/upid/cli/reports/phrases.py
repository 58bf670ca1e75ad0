"""Words and tables that several reports share."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from upid.cli.flags import Flags
from upid.cli.output import amounts
from upid.cli.output.blocks import Column, Facts, Lines, Part, Split, Table
from upid.cli.output.paint import Tone
from upid.cli.session import program, repeated, typed

if TYPE_CHECKING:
    from upid.client.types import Potential, Price, Recommended, Span, Spared

Cell: TypeAlias = Callable[[object], str]
Shown: TypeAlias = Callable[[float | None], str]

_HOURS_A_DAY = 24
_MINUTES = 60  # an hour
_SURE, _FAIR = 85, 70  # from here on confidence reads as good, or as fair (IDL-6's steps)

WHY_SPARED = {
    "fits": "sized as they should be",
    "hpa": "an autoscaler scales by the request, so it stays",
    "vpa": "a VerticalPodAutoscaler owns the requests",
    "opted_out": "asked to be left alone",
    "too_little_data": "too little data to judge",
    "few_runs": "too few runs to judge",
    "leak": "memory only grows: a leak is not cured by a request",
    "too_large": "no node could hold what is needed",
    "blocked": "quiet because something they depend on is down",
    "limit_range": "a LimitRange allows less than is needed",
    "ruled_out": "ruled out by the cluster's settings",
}

_VERDICTS = {"idle": Tone.BAD, "unused": Tone.BAD, "blocked": Tone.WARN, "busy": Tone.GOOD}
_RISKS = {"low": Tone.GOOD, "medium": Tone.WARN, "high": Tone.BAD, "critical": Tone.BAD}


def verdict_tone(verdict: object) -> Tone:
    """Return how a verdict of idleness is coloured."""
    return _VERDICTS.get(str(verdict), Tone.PLAIN)


def risk_tone(risk: object) -> Tone:
    """Return how a risk is coloured."""
    return _RISKS.get(str(risk), Tone.PLAIN)


def sure_tone(confidence: object) -> Tone:
    """Return how a confidence of 0 to 100 is coloured."""
    if not isinstance(confidence, int | float):
        return Tone.QUIET
    return Tone.GOOD if confidence >= _SURE else Tone.PLAIN if confidence >= _FAIR else Tone.WARN


def number(show: Shown) -> Cell:
    """Return a cell's rule that shows figures with `show` and everything else as a dash."""
    return lambda value: show(value if isinstance(value, int | float) else None)


def window(span: "Span") -> str:
    """Return a window as its length and both ends, to the minute."""
    return f"{length(span)}, {minute(span.start)} to {minute(span.end)} UTC"


def length(span: "Span") -> str:
    """Return how long a window is."""
    days = span.hours / _HOURS_A_DAY
    if days > 1:
        return amounts.plural(round(days), "day")
    if span.hours >= 1:
        return amounts.plural(round(span.hours), "hour")
    return amounts.plural(round(span.hours * _MINUTES), "minute")


def worth(potential: "Potential", currency: str) -> str:
    """Return what advice saves a month, and what it spends where too little is asked for."""
    saves = f"saves {amounts.money(potential.saves.monthly, currency)} a month"
    if not potential.costs_more.monthly:
        return saves
    more = amounts.money(potential.costs_more.monthly, currency)
    return f"{saves} and spends {more} more where too little is asked for"


def minute(instant: str) -> str:
    """Return an RFC 3339 instant as people write it, `2026-03-02 00:00`."""
    return instant[:16].replace("T", " ")


def prices(sources: "Sequence[Price]") -> str:
    """Return where prices come from and of which date."""
    if not sources:
        return "none known"
    said = []
    for price in sources:
        of = f", as of {price.as_of}" if price.as_of else ""
        said.append(f"{price.source} for {amounts.plural(price.nodes, 'node')}{of}")
    return "; ".join(said)


def recommendation_columns(currency: str) -> tuple[Column, ...]:
    """Return the columns of a list of recommendations."""
    return (
        Column("saving", "Saves/mo", number(lambda v: amounts.money(v, currency)), right=True,
               tone=lambda _: Tone.STRONG),
        Column("target", "Target"),
        Column("type", "Type", wide=True),
        Column("priority", "Priority", wide=True),
        Column("risk", "Risk", tone=risk_tone),
        Column("confidence", "Sure", number(amounts.percent), right=True, tone=sure_tone),
        Column("effort", "Minutes", right=True, wide=True),
        Column("id", "Id", wide=True),
        Column("action", "What to do", detail=True),
    )  # fmt: skip


def recommendation_table(
    found: "Sequence[Recommended]", currency: str, *, listing: bool = False, empty: str = ""
) -> Table:
    """Return recommendations as a table, in the order given."""
    rows = tuple(
        {
            "saving": one.saving.monthly,
            "target": one.target,
            "type": one.type,
            "priority": one.priority,
            "risk": one.risk,
            "confidence": one.confidence,
            "effort": one.effort_minutes,
            "id": one.id,
            "action": one.action,
        }
        for one in found
    )
    return Table(
        recommendation_columns(currency),
        rows,
        listing=listing,
        names=tuple(f"recommendation/{one.id}" for one in found),
        empty=empty or "Nothing is advised.",
    )


def spared_lines(found: "Sequence[Spared]", counts: dict[str, int]) -> Lines:
    """Return what was left alone, one sentence a reason, the commonest first."""
    items = []
    for code, how_many in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        named = [one for one in found if one.code == code][:3]
        some = ", ".join(f"{one.namespace}/{one.name}" for one in named)
        more = f" and {how_many - len(named)} more" if how_many > len(named) and named else ""
        why = WHY_SPARED.get(code, code.replace("_", " "))
        items.append(f"{how_many}× {why}" + (f": {some}{more}" if some else ""))
    return Lines(tuple(items))


def sentence(text: str) -> str:
    """Return a text that ends with a full stop and, but for a name, begins with a capital."""
    if not text:
        return ""
    end = "" if text[-1] in ".!?…" else "."
    word = text.partition(" ")[0]
    return (text[0].upper() if word.isalpha() else text[0]) + text[1:] + end


def split(month: Sequence[tuple[str, float, str, Tone, str, bool]], currency: str) -> Split:
    """Return a month's parts in whole cents that add up to its total (largest remainder).

    month  label, amount, what it means, tone, letter of the bar, shown even when nothing
    """
    shown = amounts.cents([amount for _, amount, *_ in month])
    parts = tuple(
        Part(label, cents, note, tone, glyph)
        for (label, _, note, tone, glyph, always), cents in zip(month, shown, strict=True)
        if cents or always
    )
    return Split("a month", parts, currency)


def highest_risk(found: "Sequence[Recommended]") -> str:
    """Return the highest risk among recommendations, or nothing."""
    from upid.cli.gate import RISKS

    return max((one.risk for one in found), key=RISKS.index, default="")


def command(flags: Flags, *words: str, context: str | None = None) -> str:
    """Return a command that can be pasted, with the flags that name the same source.

    context  only this one of several
    """
    source = repeated(flags, contexts=None if context is None else [context])
    return f"{program()} {typed(*words)}{source}"


def facts(*pairs: tuple[str, str]) -> Facts:
    """Return pairs of which the empty ones are left out."""
    return Facts(tuple(pair for pair in pairs if pair[1]))
