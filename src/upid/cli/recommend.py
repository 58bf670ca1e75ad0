"""`upid recommend`: every change that is worth making."""

from typing import TYPE_CHECKING, Annotated

import typer

from upid.cli.flags import Flags, reporting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from upid.cli.output.blocks import View
    from upid.client.api import Api
    from upid.client.several import Asked
    from upid.client.types import RecommendationPage

_WINDOW = "30d"  # as `upid analyze` takes by default, so that both say the same
_FRACTION_UP_TO = 1  # the API takes a threshold up to here for a fraction (API-2)


@reporting
def recommend(
    flags: Flags,
    kind: Annotated[
        str | None, typer.Option("--type", help="Only this type: rightsizing, idle or cost.")
    ] = None,
    risk: Annotated[
        str | None, typer.Option(help="At most this risk: low, medium, high or critical.")
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=100, help="At least this sure, in per cent.")
    ] = 0,
    limit: Annotated[int | None, typer.Option(min=1, max=1000, help="At most so many.")] = None,
) -> None:
    """List what to change, with what it saves, how sure and how risky it is.

    Example: upid recommend --recording sample --risk low -o wide
    """

    def pages(api: "Api") -> "RecommendationPage":
        cluster = flags.cluster or api.analyze_cluster(options={"limit": 0}).cluster_id
        filters = {
            "time_range": flags.window or _WINDOW,
            "namespace": flags.namespaces or None,
            "selector": flags.selector,
            "type": kind,
            "risk": risk,
            "confidence_threshold": _threshold(min_confidence),
        }
        return api.every_recommendation(cluster, filters, limit)

    if flags.several:
        _of_several(flags, pages, limit)
        return
    from upid.cli.session import answer

    def ask(api: "Api") -> "View":
        from upid.cli.reports.recommendations import recommendations_view

        return recommendations_view(pages(api), flags)

    answer(flags, ask)


def _of_several(
    flags: Flags, pages: "Callable[[Api], RecommendationPage]", limit: int | None
) -> None:
    """Show the recommendations of several clusters in one list."""
    from upid.cli.several import answer_several

    def view(found: "Sequence[Asked[RecommendationPage]]") -> "View":
        from upid.cli.reports.fleet_advice import fleet_advice_view

        return fleet_advice_view(found, flags, limit)

    answer_several(flags, pages, view)


def _threshold(percent: float) -> float:
    """Return per cent as the API reads them: 1 % is 0.01 there, since 1 is all."""
    return percent if percent > _FRACTION_UP_TO else percent / 100
