"""The list of recommendations of several clusters."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from upid.cli.flags import Flags
from upid.cli.gate import RISKS
from upid.cli.output import amounts
from upid.cli.output.blocks import Block, Column, Commands, Heading, Lines, Row, Table, View
from upid.cli.reports import phrases
from upid.cli.reports.several import Sum, failure, failures, named
from upid.client.several import Asked

if TYPE_CHECKING:
    from upid.client.types import RecommendationPage, Recommended

_CENT = 100
_One = tuple[str, str, "Recommended"]  # the context, the currency, what is advised


def fleet_advice_view(
    found: "Sequence[Asked[RecommendationPage]]", flags: Flags, limit: int | None
) -> View:
    """Return the recommendations of several clusters, the dearest first, as one view.

    limit  of all together; currencies one after the other, since they do not compare
    """
    import msgspec

    pages = {one.name: one.answer for one in found if one.answer is not None}
    every: list[_One] = [
        (name, page.currency, one) for name, page in pages.items() for one in page.items
    ]
    every.sort(key=lambda one: (one[1], -one[2].saving.monthly))
    shown = every[:limit]
    items = [
        {"context": name, "currency": currency, **msgspec.to_builtins(one)}
        for name, currency, one in shown
    ]
    return View(
        kind="RecommendationList",
        metadata={"name": amounts.plural(len(found), "cluster")},
        content={
            "clusters": [_cluster(one) for one in found],
            "total": sum(page.total for page in pages.values()),
            "items": items,
        },
        blocks=tuple(_blocks(pages, shown, found, flags)),
        gauges=_gauges(pages, [one for _, _, one in shown]),
        failed=failures(found),
    )


def _cluster(one: "Asked[RecommendationPage]") -> dict[str, object]:
    """Return for machines what one cluster advises in all, or why that is unknown."""
    import msgspec

    known: dict[str, object] = {
        "context": one.name,
        "contexts": one.contexts,
        "error": failure(one),
    }
    if one.answer is None:
        return known
    plain = msgspec.to_builtins(one.answer)
    parts = ("cluster_id", "currency", "window", "total", "potential", "notes")
    return known | {part: plain[part] for part in parts}


def _gauges(
    pages: "dict[str, RecommendationPage]", shown: "Sequence[Recommended]"
) -> dict[str, float | str]:
    if not pages:
        return {}
    gauges: dict[str, float | str] = {
        "recommendations": sum(page.total for page in pages.values()),
        "risk": max((one.risk for one in shown), key=RISKS.index, default=""),
    }
    currencies = {page.currency for page in pages.values()}
    if len(currencies) == 1:
        gauges |= {
            "currency": currencies.pop(),
            "saving": sum(one.saving.monthly for one in shown),
        }
    return gauges


def _blocks(
    pages: "dict[str, RecommendationPage]",
    shown: Sequence[_One],
    found: "Sequence[Asked[RecommendationPage]]",
    flags: Flags,
) -> list[Block]:
    total = sum(page.total for page in pages.values())
    of = f" of {total}" if total > len(shown) else ""
    lost = f", {len(found) - len(pages)} not read" if len(pages) < len(found) else ""
    title = f"{amounts.plural(len(shown), 'change')}{of}"
    where = f"in {amounts.plural(len(pages), 'cluster')}{lost}"
    blocks: list[Block] = [Heading(f"{title} {where}", "; ".join(_worth(pages))), _table(shown)]
    notes: dict[str, list[str]] = defaultdict(list)
    for name, page in pages.items():
        for note in page.notes:
            notes[note].append(name)
    told = [f"{named(names, len(pages))}: {note}" for note, names in notes.items()]
    told += [phrases.sentence(f"{sentence}: {hint}") for sentence, hint in failures(found)]
    if told:
        blocks += [Heading("Worth knowing"), Lines(tuple(told))]
    if shown:
        name, _, first = shown[0]
        target = (f"{first.kind.lower()}/{first.name}", "-n", first.namespace)
        explain = phrases.command(flags, "explain", *target, context=name)
        safe = phrases.command(flags, "recommend", "--risk", "low", "--min-confidence", "80")
        blocks += [
            Heading("Type next"),
            Commands(((explain, "why the first of them"), (safe, "only what is safe to take"))),
        ]
    return blocks


def _worth(pages: "dict[str, RecommendationPage]") -> list[str]:
    """Return what all that is advised saves a month, for each currency by itself."""
    of: dict[str, float] = defaultdict(float)
    for page in pages.values():
        of[page.currency] += page.potential.saving.monthly
    return [f"saves {amounts.money(of[one], one)} a month in all" for one in sorted(of)]


def _table(shown: Sequence[_One]) -> Table:
    plain = phrases.recommendation_table([one for _, _, one in shown], "")
    first, *rest = plain.columns
    saving = Column(first.key, first.title, Sum.shown, right=True, tone=first.tone)
    context = Column("context", "Context")
    currency = Column("currency", "Currency", wide=True)
    rows: list[Row] = [
        {
            **row,
            "context": name,
            "currency": of,
            "saving": Sum.of(round(one.saving.monthly * _CENT), of),
        }
        for row, (name, of, one) in zip(plain.rows, shown, strict=True)
    ]
    return Table(
        (saving, context, currency, *rest),
        tuple(rows),
        listing=True,
        names=plain.names,
        empty="Nothing is advised here.",
    )
