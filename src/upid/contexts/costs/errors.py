"""What can go wrong when costs are asked for."""

from collections.abc import Sequence

from upid.core.errors import Kind, UpidError


class UnknownBreakdown(UpidError):
    """Costs were to be grouped by something that they cannot be grouped by."""

    kind = Kind.INVALID
    code = "unknown_breakdown"

    def __init__(self, by: str, known: Sequence[str]) -> None:
        super().__init__(
            f"costs cannot be grouped by {by!r}",
            hint=f"group by one of {', '.join(known)}, or by label:NAME",
            details={"by": by, "known": list(known)},
        )


class NothingInWindow(UpidError):
    """A window was asked for of which the source holds nothing."""

    kind = Kind.MISSING
    code = "nothing_in_window"

    def __init__(self, asked: str, held: str) -> None:
        super().__init__(
            f"nothing is known of the window {asked!r}",
            hint=f"ask for a part of {held}",
            details={"asked": asked, "held": held},
        )
