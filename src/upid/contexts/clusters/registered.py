"""Clusters that were registered, and the looks that were taken at them."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from upid.core.errors import UpidError
from upid.core.ports.cluster_connection import Reach

ID_DIGITS = 16  # of the identity, as recordings of the same cluster have


@dataclass(frozen=True, slots=True)
class Registered:
    """A cluster that UPID stays connected to, without its credentials.

    id          `cl_` and the first 16 digits of its identity
    identity    stable for one cluster, whatever it is called
    context     of the kubeconfig that was sent, such as was used
    proof       how the cluster knows UPID: token, client certificate
    *_until     when that part of the credentials ends; None: it does not say, or is not there
    revision    1, and one more with each change
    """

    id: str
    name: str
    labels: Mapping[str, str]
    identity: str
    server: str
    context: str
    user: str
    proof: str
    version: str
    created: datetime
    updated: datetime
    revision: int = 1
    certificate_until: datetime | None = None
    authority_until: datetime | None = None
    token_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a cluster: what it found, or the error that it ended with.

    latency  of the quickest of its answers, in milliseconds
    skew     the server's clock less UPID's, in seconds
    missing  permissions that were asked about and are not granted
    """

    id: str
    at: datetime
    ok: bool
    code: str = ""
    message: str = ""
    hint: str = ""
    version: str = ""
    latency: float | None = None
    skew: float | None = None
    missing: tuple[str, ...] = field(default=())


def cluster_id_of(reach: Reach) -> str:
    """Return the id of the cluster that answered."""
    return f"cl_{reach.identity[:ID_DIGITS]}"


def good_look(reach: Reach, missing: Sequence[str]) -> Look:
    """Return a look that went well, as it is remembered, with the permissions it lacks."""
    return Look(
        id=_check_id(),
        at=reach.at,
        ok=True,
        version=reach.version,
        latency=reach.latency.total_seconds() * 1000,
        skew=None if reach.skew is None else reach.skew.total_seconds(),
        missing=tuple(missing),
    )


def failed_look(error: UpidError, at: datetime) -> Look:
    """Return a look that ended with an error, as it is remembered."""
    return Look(
        _check_id(),
        at,
        ok=False,
        code=error.code,
        message=error.message,
        hint=_REMEDIES.get(error.code, error.hint),
    )


# What mends an error of a registered cluster where that is not what mends it for a command.
_REMEDIES = {
    "cluster_unauthorized": "send fresh credentials: PUT /api/v1/clusters/{clusterId} with a "
    "kubeconfig; they have ended or were taken back",
    "cluster_forbidden": "POST /api/v1/clusters/{clusterId}/validate prints the YAML that grants "
    "what is missing",
}


def _check_id() -> str:
    return f"chk_{secrets.token_hex(8)}"
