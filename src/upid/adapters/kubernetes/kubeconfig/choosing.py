"""Which cluster, as whom, in which namespace: the user's flags over the context over the files.

The rules are those of client-go's `DirectClientConfig`, whose checks are made here in its order.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from upid.adapters.kubernetes.errors import KubeconfigNameMissing
from upid.adapters.kubernetes.kubeconfig.merging import Merged, invalid
from upid.adapters.kubernetes.kubeconfig.options import Options
from upid.adapters.kubernetes.kubeconfig.types import Cluster, Context, Exec, User

_INTERACTIVE = ("Never", "IfAvailable", "Always")
_PROXIES = ("http", "https", "socks5")
_OLD_EXEC = "client.authentication.k8s.io/v1beta1"  # interactiveMode may be left out there


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a connection is made of; `context` is empty where none was named."""

    context: str
    cluster_name: str
    cluster: Cluster
    user_name: str
    user: User
    namespace: str
    origin: Path | None


def choose(merged: Merged, options: Options) -> Chosen:
    """Return what flags and files say together; its cluster has no server if none says one.

    Raises `KubeconfigNameMissing` for a name that a flag gave, `KubeconfigInvalid` for what cannot
    be used, all that is wrong in one message.
    """
    name = options.context or merged.current
    context = merged.contexts.get(name)
    user_name = options.user or (context.user if context else "")
    cluster_name = options.cluster or (context.cluster if context else "")
    _demand("user", options.user, merged.users, merged)
    _demand("context", options.context, merged.contexts, merged)
    _demand("cluster", options.cluster, merged.clusters, merged)
    context = context or Context()
    user = _user(merged.users.get(user_name, User()), options)
    cluster = _cluster(merged.clusters.get(cluster_name, Cluster()), options)
    wrong = list(_wrong(merged, name, user_name, user, cluster_name, cluster))
    if wrong:
        raise invalid(merged, "; ".join(wrong))
    namespace = options.namespace or context.namespace
    origin = merged.origins.get(name)
    return Chosen(name, cluster_name, cluster, user_name, user, namespace, origin)


def _demand(sort: str, name: str, there: Mapping[str, object], merged: Merged) -> None:
    """Refuse a name that a flag gave and no file has."""
    if name and name not in there:
        raise KubeconfigNameMissing(sort, name, sorted(there), merged.where)


def _user(user: User, options: Options) -> User:
    """Return a user with the flags laid over; a certificate of the flags ends the file's."""
    changes: dict[str, object] = {}
    if options.token:  # kubectl lets the user's token file go before the flag
        changes |= {"token": options.token, "token_file": ""}
    if options.as_:
        changes["as_"] = options.as_
    if options.as_uid:
        changes["as_uid"] = options.as_uid
    if options.as_groups:
        changes["as_groups"] = list(options.as_groups)
    if options.as_user_extra:
        added = {key: list(values) for key, values in options.as_user_extra.items()}
        changes["as_user_extra"] = user.as_user_extra | added
    if options.client_certificate:
        path = os.path.abspath(options.client_certificate)  # noqa: PTH100 - text in, text out
        changes |= {"client_certificate": path, "client_certificate_data": ""}
    if options.client_key:
        path = os.path.abspath(options.client_key)  # noqa: PTH100
        changes |= {"client_key": path, "client_key_data": ""}
    return msgspec.structs.replace(user, **changes)


def _cluster(cluster: Cluster, options: Options) -> Cluster:
    """Return a cluster with the flags laid over.

    An authority or `insecure` of the flags ends what the file says of either; another server ends
    the file's `tls-server-name`, which was meant for the file's server.
    """
    changes: dict[str, object] = {}
    if options.insecure or options.certificate_authority:
        authority = options.certificate_authority
        changes |= {
            "insecure_skip_tls_verify": options.insecure,
            "certificate_authority": os.path.abspath(authority) if authority else "",  # noqa: PTH100
            "certificate_authority_data": "",
        }
    if options.server:
        changes |= {"server": options.server, "tls_server_name": ""}
    if options.tls_server_name:
        changes["tls_server_name"] = options.tls_server_name
    return msgspec.structs.replace(cluster, **changes)


def _wrong(
    merged: Merged, name: str, user_name: str, user: User, cluster_name: str, cluster: Cluster
) -> Iterator[str]:
    if name and name not in merged.contexts:
        yield f"the current context {name!r} is not there"
    yield from _wrong_user(user_name, user)
    yield from _wrong_cluster(cluster_name, cluster)


def _wrong_user(name: str, user: User) -> Iterator[str]:
    """Say what is wrong with a user, as client-go's `validateAuthInfo` does."""
    if user.username or user.password:
        yield (
            f"user {name!r} has a username and a password, which no API server since 1.19 takes; "
            "use a token, a client certificate or a command"
        )
    if user.client_certificate or user.client_certificate_data:
        yield from _wrong_certificate(name, user)
    if user.exec:
        if user.auth_provider:
            yield f"user {name!r} has both auth-provider and exec; one is allowed"
        yield from _wrong_command(name, user.exec)
    if (user.as_uid or user.as_groups or user.as_user_extra) and not user.as_:
        yield f"user {name!r} takes another's uid, groups or extra fields without a name (as)"


def _wrong_certificate(name: str, user: User) -> Iterator[str]:
    if user.client_certificate and user.client_certificate_data:
        yield f"user {name!r} has both client-certificate and client-certificate-data"
    if user.client_key and user.client_key_data:
        yield f"user {name!r} has both client-key and client-key-data"
    if not (user.client_key or user.client_key_data):
        yield f"user {name!r} has a client certificate without client-key or client-key-data"
    for field, path in (
        ("client-certificate", user.client_certificate),
        ("client-key", user.client_key),
    ):
        yield from _unreadable(f"{field} of user {name!r}", path)


def _wrong_command(name: str, command: Exec) -> Iterator[str]:
    if not command.command:
        yield f"the exec of user {name!r} has no command"
    if not command.api_version:
        yield f"the exec of user {name!r} has no apiVersion"
    if any(not variable.name for variable in command.env):
        yield f"the exec of user {name!r} has an env variable without a name"
    if command.interactive_mode not in _INTERACTIVE and not (
        not command.interactive_mode and command.api_version == _OLD_EXEC
    ):
        yield (
            f"the exec of user {name!r} needs interactiveMode: {', '.join(_INTERACTIVE[:-1])} "
            f"or {_INTERACTIVE[-1]}"
        )


def _wrong_cluster(name: str, cluster: Cluster) -> Iterator[str]:
    """Say what is wrong with a cluster, as client-go's `validateClusterInfo` does."""
    if cluster.proxy_url and urlsplit(cluster.proxy_url).scheme not in _PROXIES:
        yield f"the proxy-url of cluster {name!r} is not of http, https or socks5"
    if cluster.certificate_authority and cluster.certificate_authority_data:
        yield f"cluster {name!r} has both certificate-authority and certificate-authority-data"
    yield from _unreadable(
        f"certificate-authority of cluster {name!r}", cluster.certificate_authority
    )


def _unreadable(what: str, path: str) -> Iterator[str]:
    if not path:
        return
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        yield f"the {what}, '{path}', cannot be read: {error.strerror or type(error).__name__}"
