"""`upid recommend`: every change that is worth making."""

from typing import TYPE_CHECKING, Annotated

import typer

from upid.cli.flags import Flags, reporting
from upid.cli.refusals import Refusal

if TYPE_CHECKING:
    from upid.cli.output.blocks import View
    from upid.client.api import Api


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
        float | None, typer.Option(min=0, max=100, help="At least this sure, in per cent.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=1000, help="At most so many.")
    ] = None,
) -> None:
    """List what to change, with what it saves, how sure and how risky it is.

    Example: upid recommend --recording sample --risk low -o wide
    """
    from upid.cli.session import answer

    def ask(api: "Api") -> "View":
        from upid.cli.reports.recommendations import recommendations_view

        if flags.selector:
            raise Refusal(
                "recommendations cannot be picked by label",
                hint="pick by namespace with -n, or use: upid analyze cluster -l …",
            )
        found = api.all_recommendations(
            flags.cluster,
            flags.namespaces,
            limit,
            type=kind,
            risk=risk,
            min_confidence=min_confidence,
            time_range=flags.window,
        )
        return recommendations_view(found, flags)

    answer(flags, ask)
