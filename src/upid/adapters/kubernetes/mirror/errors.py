"""Why a cluster cannot be followed, beside what its client says."""

from upid.core.errors import Kind, UpidError


class MirrorFull(UpidError):
    """A cluster holds more than UPID may keep of it in memory."""

    kind = Kind.UNSAFE
    code = "cluster_too_large"

    def __init__(self, cluster: str, most: int) -> None:
        super().__init__(
            f"the objects of cluster {cluster!r} take more than {most} bytes of memory",
            hint="allow it more memory; a cluster that grows without end is broken or hostile",
            details={"cluster": cluster, "most": most},
        )
