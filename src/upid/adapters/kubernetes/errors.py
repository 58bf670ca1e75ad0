"""What can be wrong on the way to a cluster; every message names the file, entry or command."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from upid.core.errors import Kind, UpidError

_SHOWN = 8  # names in one message; what is more is counted


class KubeconfigMissing(UpidError):
    """A kubeconfig that was asked for by name is not there."""

    kind = Kind.MISSING
    code = "kubeconfig_missing"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"there is no kubeconfig at '{path}'",
            hint="give the path of an existing file with --kubeconfig, or leave the flag out",
        )


class KubeconfigInvalid(UpidError):
    """A kubeconfig, or the part of it that is needed, cannot be used."""

    code = "kubeconfig_invalid"

    def __init__(self, where: str, why: str, hint: str = "") -> None:
        super().__init__(
            f"the kubeconfig {where} cannot be used: {why}",
            hint=hint or "correct it, or choose another with --kubeconfig or --context",
        )


class FlagInvalid(UpidError):
    """A flag about the connection that means nothing."""

    code = "connection_flag_invalid"

    def __init__(self, flag: str, value: str, why: str) -> None:
        super().__init__(
            f"{flag} {value!r} cannot be used: {why}", hint=f"correct {flag}, or leave it out"
        )


class KubeconfigNameMissing(UpidError):
    """A context, cluster or user was asked for by a name that no kubeconfig has."""

    kind = Kind.MISSING
    code = "kubeconfig_name_missing"

    def __init__(self, sort: str, name: str, there: Sequence[str], where: str) -> None:
        listed = ", ".join(repr(one) for one in there[:_SHOWN])
        more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
        super().__init__(
            f"there is no {sort} {name!r} in {where}",
            hint=f"there are: {listed}{more}" if there else f"{where} has no {sort}s at all",
            details={sort: name},
        )


@dataclass(frozen=True, slots=True)
class Way:
    """A way to a cluster that was tried in vain.

    name    such as `KUBECONFIG`
    why     what was found instead
    remedy  what would make it work
    """

    name: str
    why: str
    remedy: str


class NoCluster(UpidError):
    """No way led to a cluster; each is named with why it failed and what would mend it."""

    kind = Kind.MISSING
    code = "no_cluster"

    def __init__(self, ways: Sequence[Way]) -> None:
        self.ways = tuple(ways)
        super().__init__(
            "no cluster to connect to: " + "; ".join(f"{way.name}: {way.why}" for way in ways),
            hint="; or ".join(way.remedy for way in ways),
            details={
                "tried": [{"way": w.name, "why": w.why, "remedy": w.remedy} for w in ways],
            },
        )


class CredentialsFailed(UpidError):
    """Who is asking could not be shown: a file, a command or an issuer did not give it."""

    kind = Kind.DENIED
    code = "credentials_failed"

    def __init__(self, user: str, why: str, hint: str) -> None:
        super().__init__(f"no credentials for user {user!r}: {why}", hint=hint)


class AccessNotSendable(UpidError):
    """A way to a cluster that works on one's own machine only, and for no server."""

    code = "access_not_sendable"

    def __init__(self, context: str, why: str) -> None:
        super().__init__(
            f"the context {context!r} cannot be used by a server: {why}",
            hint="give UPID a service account of its own in that cluster, and add it by its token",
            details={"context": context, "why": why},
        )


class KubeconfigRefused(UpidError):
    """A kubeconfig from a stranger asks for more than addresses and credentials.

    Its fields are named in `details`, so that whoever sent it can take them out.
    """

    code = "kubeconfig_refused"

    def __init__(self, why: str, fields: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(
            f"the kubeconfig is refused: {why}",
            hint=hint
            or "send server, certificate-authority-data and a token or client-…-data only; "
            "`kubectl config view --minify --flatten --raw` writes files into it as data",
            details={"fields": list(fields)} if fields else None,
        )


class AddressRefused(UpidError):
    """An address that the policy of this UPID does not let anyone connect to."""

    kind = Kind.DENIED
    code = "address_refused"

    def __init__(self, address: str, why: str) -> None:
        super().__init__(
            f"the address {address!r} is refused: {why}",
            hint="use the cluster's public address, or have whoever runs this server allow the "
            "network: UPID_CLUSTERS__ALLOWED_NETWORKS='[\"10.0.0.0/8\"]'",
        )
