"""`upid doctor`: what is between here and an analysis, and what mends it. Changes nothing."""

from typing import TYPE_CHECKING

import typer

from upid.cli import refusals
from upid.cli.flags import CONNECTION, Flags, taking

if TYPE_CHECKING:
    from upid.cli.output.blocks import View


@taking(*CONNECTION, "output", "output_file", "detailed", "color", "quiet", "strict")
def doctor(flags: Flags) -> None:
    """Look why UPID does or does not work with a cluster; say what mends it. Changes nothing.

    Example: upid doctor --context prod
    """
    import os
    from pathlib import Path

    from upid.app.doctor import diagnose
    from upid.app.live import Wanted
    from upid.cli.reports.doctor import doctor_view
    from upid.cli.session import reading, refuse_several, show, wanted
    from upid.core.errors import Kind

    refuse_several(flags)
    with reading(flags) as progress:
        found = diagnose(Wanted(**wanted(flags)), os.environ, Path.home(), progress)
    view = doctor_view(found, flags)
    show(view, flags)
    if found["failure"]:
        raise typer.Exit(refusals.exit_code(Kind(found["failure"])))
    if flags.strict and _is_lacking(view):
        raise typer.Exit(refusals.PARTIAL)


def _is_lacking(view: "View") -> bool:
    return bool(view.partial)
