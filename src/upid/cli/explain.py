"""`upid explain`: one workload in full, so that nobody has to believe a number."""

from typing import TYPE_CHECKING, Annotated

import typer

from upid.cli.analyze import ask_workload
from upid.cli.flags import Flags, reporting

if TYPE_CHECKING:
    from upid.cli.output.blocks import View
    from upid.client.api import Api


@reporting
def explain(
    flags: Flags,
    target: Annotated[
        str, typer.Argument(metavar="WORKLOAD", help="KIND/NAME as kubectl writes it, or a name.")
    ],
) -> None:
    """Explain one workload: its usage, its idle factors, its guards and the exact patch.

    Example: upid explain deployment/coupon-engine -n checkout --recording sample
    """
    from upid.cli.session import answer

    def ask(api: "Api") -> "View":
        from upid.cli.reports.explain import explain_view

        return explain_view(ask_workload(api, flags, target, ""), flags)

    answer(flags, ask)
