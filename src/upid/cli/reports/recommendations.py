"""The list of recommendations."""

from typing import TYPE_CHECKING

from upid.cli.flags import Flags
from upid.cli.output import amounts
from upid.cli.output.blocks import Block, Commands, Heading, Lines, View
from upid.cli.reports import phrases

if TYPE_CHECKING:
    from upid.client.types import RecommendationPage


def recommendations_view(found: "RecommendationPage", flags: Flags) -> View:
    """Return a page of recommendations as a view."""
    import msgspec

    content = msgspec.to_builtins(found)
    content["items"] = content.pop("items")  # last, where kubectl has them
    gauges: dict[str, float | str] = {
        "currency": found.currency,
        "saving": sum(one.saving.monthly for one in found.items),
        "recommendations": found.total,
        "risk": phrases.highest_risk(found.items),
    }
    return View(
        kind="RecommendationList",
        metadata={"name": found.cluster_id},
        content=content,
        blocks=tuple(_blocks(found, flags)),
        gauges=gauges,
    )


def _blocks(found: "RecommendationPage", flags: Flags) -> list[Block]:
    worth = phrases.worth(found.potential, found.currency)
    shown = amounts.plural(len(found.items), "change")
    of = f" of {found.total}" if found.total > len(found.items) else ""
    blocks: list[Block] = [
        Heading(f"{shown}{of}", f"{worth}; from {phrases.window(found.window)}"),
        phrases.recommendation_table(
            found.items, found.currency, listing=True, empty="Nothing is advised here."
        ),
    ]
    if found.notes:
        blocks += [Heading("Worth knowing"), Lines(tuple(found.notes))]
    if found.items:
        first = found.items[0]
        target = f"{first.kind.lower()}/{first.name}"
        explain = phrases.command(flags, "explain", target, "-n", first.namespace)
        safe = phrases.command(flags, "recommend", "--risk", "low", "--min-confidence", "80")
        blocks += [
            Heading("Type next"),
            Commands(((explain, "why the first of them"), (safe, "only what is safe to take"))),
        ]
    return blocks
