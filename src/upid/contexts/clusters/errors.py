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
    """Two different sources, or two registrations, are of the same cluster."""

    kind = Kind.CONFLICT
    code = "cluster_exists"

    def __init__(self, cluster_id: str, registered_as: str = "") -> None:
        if registered_as:
            said = f"this cluster is registered already, as {registered_as!r} ({cluster_id})"
            hint = f"use that one, or change it: PUT /api/v1/clusters/{cluster_id}"
        else:
            said = f"a cluster {cluster_id!r} is already here"
            hint = "give only one of the two recordings"
        super().__init__(said, hint=hint, details={"cluster_id": cluster_id})


class ClusterNameTaken(UpidError):
    """Another registered cluster has the name."""

    kind = Kind.CONFLICT
    code = "cluster_name_taken"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"another registered cluster is called {name!r}",
            hint="choose another name; GET /api/v1/clusters lists those that are taken",
        )


class ClusterNameRefused(UpidError):
    """A name that no cluster may have."""

    code = "cluster_name_refused"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"a cluster cannot be called {name[:80]!r}: {why}",
            hint="take 1 to 253 printable letters that do not begin with 'cl_' or 'rcd_'",
        )


class ClusterLabelRefused(UpidError):
    """A label that no selector could name."""

    code = "cluster_label_refused"

    def __init__(self, label: str) -> None:
        super().__init__(
            f"the label {label[:160]!r} cannot be used",
            hint="write keys and values as Kubernetes does: team=shop, example.org/stage=prod",
        )


class ClusterDiffers(UpidError):
    """The credentials given for a registered cluster lead to another cluster."""

    kind = Kind.CONFLICT
    code = "cluster_differs"

    def __init__(self, name: str, other_id: str) -> None:
        super().__init__(
            f"these credentials lead to another cluster ({other_id}), not to {name!r}",
            hint="register the other one by itself: POST /api/v1/clusters",
        )


class ClusterRecorded(UpidError):
    """A recording was asked for what only a cluster that is connected can tell."""

    kind = Kind.CONFLICT
    code = "cluster_recorded"

    def __init__(self, cluster_id: str) -> None:
        super().__init__(
            f"{cluster_id!r} is a recording: there is no connection to ask through",
            hint="register the cluster itself: POST /api/v1/clusters",
        )


class ClusterLoading(UpidError):
    """What a cluster holds is not known yet, or cannot be read."""

    kind = Kind.BUSY
    code = "cluster_loading"

    def __init__(self, name: str, why: str = "") -> None:
        super().__init__(
            f"what {name!r} holds is not known yet" + (f": {why}" if why else ""),
            hint="ask again in some seconds; GET /api/v1/clusters/{clusterId}/health tells more",
        )


class ClusterNotFollowed(UpidError):
    """Following is turned off for a cluster, so nothing is known of what it holds."""

    kind = Kind.CONFLICT
    code = "cluster_not_followed"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} is not followed: that is turned off for it",
            hint="turn on `following` in the cluster's settings",
        )


class ClusterLookTimeout(UpidError):
    """A look at a cluster took longer than it may."""

    kind = Kind.UNREACHABLE
    code = "cluster_look_timeout"

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(
            f"{name!r} was not looked at in full within {seconds:g} s",
            hint="look at the network between UPID and the cluster, or raise the setting "
            "clusters.look_timeout",
        )


class SecretsNotEnabled(UpidError):
    """Secrets' metadata was asked for and nobody opted in (CLU-5)."""

    kind = Kind.DENIED
    code = "secrets_not_enabled"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the Secrets of {name!r} are not looked at: nobody opted in",
            hint='PUT {"secrets_metadata": true} to /api/v1/config/clusters/{id}; UPID then '
            "reads names, types, versions and ages, never what is in them",
        )


def _listed(known: Sequence[str]) -> str:
    rest = len(known) - _SHOWN
    shown = ", ".join(known[:_SHOWN]) or "none"
    return f"{shown} and {rest} more" if rest > 0 else shown
