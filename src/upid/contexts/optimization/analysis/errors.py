"""What can go wrong when one workload or pod is asked about."""

from collections.abc import Sequence

from upid.core.errors import Kind, UpidError


class WorkloadNotFound(UpidError):
    """No workload has the given name."""

    kind = Kind.MISSING
    code = "workload_not_found"

    def __init__(self, wanted: str, near: Sequence[str]) -> None:
        super().__init__(
            f"there is no workload {wanted!r}",
            hint=f"did you mean {', '.join(near)}?"
            if near
            else "list them: upid analyze cluster -o name",
        )


class WorkloadUnclear(UpidError):
    """Several workloads have the given name."""

    code = "workload_unclear"

    def __init__(self, wanted: str, found: Sequence[str]) -> None:
        super().__init__(
            f"{wanted!r} may be any of {', '.join(found)}",
            hint="say which: KIND/NAME, and its namespace with -n",
        )


class PodNotFound(UpidError):
    """No pod has the given name."""

    kind = Kind.MISSING
    code = "pod_not_found"

    def __init__(self, wanted: str, near: Sequence[str]) -> None:
        super().__init__(
            f"there is no pod {wanted!r}",
            hint=f"did you mean {', '.join(near)}?" if near else "look at: upid analyze cluster",
        )
