"""What can go wrong when a cluster is named."""

from collections.abc import Sequence

from upid.core.errors import Kind, UpidError

_SHOWN = 5  # ids in one message


class ClusterNotFound(UpidError):
    """No cluster has the given id or name."""

    kind = Kind.MISSING
    code = "cluster_not_found"

    def __init__(self, wanted: str, known: Sequence[str]) -> None:
        super().__init__(
            f"there is no cluster {wanted!r}",
            hint=f"known here: {_listed(known)}",
        )


class ClusterUnclear(UpidError):
    """A question named no cluster, and there is not exactly one to answer for (API-3)."""

    kind = Kind.INVALID
    code = "cluster_unclear"

    def __init__(self, known: Sequence[str]) -> None:
        if known:
            hint = f"give cluster_id, one of: {_listed(known)}"
        else:
            hint = "give a recording: upid analyze cluster --recording FILE, or try: upid demo"
        super().__init__("the question does not say which cluster it is about", hint=hint)


class ClusterExists(UpidError):
    """Two different sources say that they are the same cluster."""

    kind = Kind.CONFLICT
    code = "cluster_exists"

    def __init__(self, cluster_id: str) -> None:
        super().__init__(
            f"a cluster {cluster_id!r} is already here",
            hint="give only one of the two recordings",
        )


def _listed(known: Sequence[str]) -> str:
    rest = len(known) - _SHOWN
    shown = ", ".join(known[:_SHOWN]) or "none"
    return f"{shown} and {rest} more" if rest > 0 else shown
