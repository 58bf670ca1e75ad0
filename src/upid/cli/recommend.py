"""`upid recommend`: every change that is worth making."""

from typing import TYPE_CHECKING, Annotated

import typer

from upid.cli.flags import Flags, reporting

if TYPE_CHECKING:
    from upid.cli.output.blocks import View
    from upid.client.api import Api

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
    from upid.cli.session import answer

    def ask(api: "Api") -> "View":
        from upid.cli.reports.recommendations import recommendations_view

        cluster = flags.cluster or api.analyze_cluster(options={"limit": 0}).cluster_id
        filters = {
            "time_range": flags.window or _WINDOW,
            "namespace": flags.namespaces or None,
            "selector": flags.selector,
            "type": kind,
            "risk": risk,
            "confidence_threshold": _threshold(min_confidence),
        }
        found = api.every_recommendation(cluster, filters, limit)
        return recommendations_view(found, flags)

    answer(flags, ask)


def _threshold(percent: float) -> float:
    """Return per cent as the API reads them: 1 % is 0.01 there, since 1 is all."""
    return percent if percent > _FRACTION_UP_TO else percent / 100
