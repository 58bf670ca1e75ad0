"""A kubeconfig that came over the API: data from a stranger, never a command, a file or a packet.

What is not on the list below is refused by its name, wherever it stands, used or not. The text is
read with bounds and without YAML's references; certificates and keys are looked at in memory.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from upid.adapters.kubernetes import credentials, documents, pem
from upid.adapters.kubernetes.access import Access, ClientCertificate, Tls
from upid.adapters.kubernetes.addresses import AddressPolicy
from upid.adapters.kubernetes.errors import CredentialsFailed, KubeconfigRefused
from upid.adapters.kubernetes.kubeconfig.types import decoded

BOUNDS = documents.Bounds(size=256 << 10, nodes=5_000, depth=12, seconds=2.0, aliases=False)
_NAME = 253  # letters of a name, as in DNS
_TOKEN = 32 << 10  # letters; a token with many groups has some 8,000
_LISTED = 20  # refused fields in one answer
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SERVER_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,252})")

# A name that a message may repeat. Digits are in no field's name, but in most misplaced tokens.
_FIELD = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")

_IGNORED = "extensions"  # other programs' notes: never looked into
_TOP = ("apiVersion", "kind", "current-context", "preferences", "clusters", "contexts", "users")
_PARTS = {
    "clusters": ("cluster", ("server", "certificate-authority-data", "tls-server-name")),
    "contexts": ("context", ("cluster", "user", "namespace")),
    "users": ("user", ("token", "client-certificate-data", "client-key-data")),
}
_INSECURE = "insecure-skip-tls-verify"


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken from a stranger's kubeconfig: the access, and the token in it, if any."""

    access: Access
    token: str = field(repr=False)


def stranger_access(text: bytes, allowed: AddressPolicy, *, context: str = "") -> Access:
    """Return the access that a stranger's kubeconfig describes; see `taken_from_stranger`."""
    return taken_from_stranger(text, allowed, context=context).access


def taken_from_stranger(text: bytes, allowed: AddressPolicy, *, context: str = "") -> Taken:
    """Return what a stranger's kubeconfig describes.

    context  which one; else its current context

    Raises `KubeconfigRefused` or `AddressRefused`. The access carries the policy: whoever connects
    asks it about the address that the server's name resolved to.
    """
    try:
        found = documents.read(text, BOUNDS)
    except documents.NotADocument as error:
        raise KubeconfigRefused(str(error)) from None
    if not isinstance(found, dict):
        raise KubeconfigRefused("it is not a kubeconfig")
    refused = list(_refused(found, allowed))
    if refused:
        _refuse_fields(refused)
    if (found.get("kind", "Config"), found.get("apiVersion", "v1")) != ("Config", "v1"):
        raise KubeconfigRefused("it is not a Config of version v1")
    chosen = context or _text(found.get("current-context", ""), "current-context")
    return _taken(found, chosen, allowed)


def _refused(found: Mapping[str, Any], allowed: AddressPolicy) -> Iterator[str]:
    """Yield the names of all fields that are not on the list."""
    yield from _beyond(found, (*_TOP, _IGNORED), "")
    for sort, (inner, fields) in _PARTS.items():
        listed = found.get(sort)
        for number, named in enumerate(listed if isinstance(listed, list) else ()):
            place = f"{sort}[{number}]"
            if not isinstance(named, dict):
                continue
            yield from _beyond(named, ("name", inner), f"{place}.")
            part = named.get(inner)
            if isinstance(part, dict):
                yield from _beyond(part, (*fields, _IGNORED, _INSECURE), f"{place}.{inner}.")
                if _INSECURE in part and not _may_be_insecure(sort, part, allowed):
                    yield f"{place}.{inner}.{_INSECURE}"


def _may_be_insecure(sort: str, part: Mapping[str, Any], allowed: AddressPolicy) -> bool:
    """Return whether a cluster may say whether its certificate is checked."""
    return sort == "clusters" and (
        part[_INSECURE] is False or (allowed.insecure and part[_INSECURE] is True)
    )


def _beyond(found: Mapping[str, Any], fields: tuple[str, ...], place: str) -> Iterator[str]:
    for name in found:
        if name not in fields:
            yield place + (name if _FIELD.fullmatch(name) else "(a field of another name)")


def _refuse_fields(fields: list[str]) -> NoReturn:
    listed = ", ".join(fields[:_LISTED])
    more = f" and {len(fields) - _LISTED} more" if len(fields) > _LISTED else ""
    raise KubeconfigRefused(f"it may not hold {listed}{more}", fields[:_LISTED])


def _entries(found: Mapping[str, Any], sort: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the named parts of a sort."""
    inner = _PARTS[sort][0]
    listed = found.get(sort)
    if listed is not None and not isinstance(listed, list):
        raise KubeconfigRefused(f"its {sort} are not a list")
    entries: dict[str, Mapping[str, Any]] = {}
    for number, named in enumerate(listed or ()):
        part = named.get(inner) if isinstance(named, dict) else None
        if not isinstance(part, dict):
            raise KubeconfigRefused(f"{sort}[{number}] has no {inner}")
        name = _text(named.get("name"), f"{sort}[{number}].name")
        if not name or name in entries:
            raise KubeconfigRefused(f"the name of {sort}[{number}] is missing or there twice")
        entries[name] = part
    return entries


def _named(found: Mapping[str, Any], sort: str, name: str) -> Mapping[str, Any]:
    part = _entries(found, sort).get(name)
    if part is None:
        raise KubeconfigRefused(f"there is no {_PARTS[sort][0]} {name!r} in it")
    return part


def _text(value: object, place: str, longest: int = _NAME) -> str:
    if not isinstance(value, str):
        raise KubeconfigRefused(f"{place} is not text")
    if len(value) > longest or not value.isprintable():
        raise KubeconfigRefused(f"{place} is too long or holds characters that it may not")
    return value


def _taken(found: Mapping[str, Any], chosen: str, allowed: AddressPolicy) -> Taken:
    context = _named(found, "contexts", chosen)
    cluster_name = _text(context.get("cluster", ""), "the context's cluster")
    user_name = _text(context.get("user", ""), "the context's user")
    cluster = _named(found, "clusters", cluster_name)
    user = _named(found, "users", user_name)
    token = _text(user.get("token", ""), "the user's token", _TOKEN)
    access = Access(
        server=allowed.server(_text(cluster.get("server"), "the cluster's server", 4096)),
        tls=_tls(cluster, insecure=bool(cluster.get(_INSECURE))),
        credentials=_credentials(user, user_name, token),
        context=chosen,
        cluster=cluster_name,
        user=user_name,
        namespace=_namespace(context),
        origin="a kubeconfig that was sent",
        addresses=allowed,
    )
    return Taken(access, token)


def _namespace(context: Mapping[str, Any]) -> str:
    namespace = _text(context.get("namespace", ""), "the context's namespace") or "default"
    if not _LABEL.fullmatch(namespace):
        raise KubeconfigRefused("the context's namespace is no name of a namespace")
    return namespace


def _tls(cluster: Mapping[str, Any], *, insecure: bool) -> Tls:
    authority = _bytes(cluster, "certificate-authority-data")
    if authority and insecure:
        raise KubeconfigRefused(f"it has both certificate-authority-data and {_INSECURE}")
    if authority and not pem.holds_authority(authority):
        raise KubeconfigRefused("its certificate-authority-data holds no certificate")
    name = _text(cluster.get("tls-server-name", ""), "tls-server-name")
    if name and not _SERVER_NAME.fullmatch(name):
        raise KubeconfigRefused("its tls-server-name is no host's name")
    return Tls(authority or None, name or None, insecure)


def _credentials(user: Mapping[str, Any], name: str, token: str) -> credentials.Proofs:
    certificate, key = _bytes(user, "client-certificate-data"), _bytes(user, "client-key-data")
    if not (token or certificate):
        raise KubeconfigRefused(
            f"user {name!r} has neither token nor client-certificate-data",
            hint="make a service account for UPID and send its token",
        )
    if bool(certificate) != bool(key):
        raise KubeconfigRefused(f"user {name!r} has a certificate or a key, but not both")
    wrong = certificate and pem.wrong_with_pair(certificate, key)
    if wrong:
        raise KubeconfigRefused(f"{wrong}, of user {name!r}")
    try:
        credentials.bearing(token, name)
    except CredentialsFailed:
        raise KubeconfigRefused(f"the token of user {name!r} holds what no token has") from None
    bearer = credentials.FixedToken(token) if token else None
    pair = credentials.FixedPair(ClientCertificate(certificate, key)) if certificate else None
    return credentials.Proofs(name, bearer, pair)


def _bytes(part: Mapping[str, Any], field: str) -> bytes:
    value = part.get(field, "")
    if not isinstance(value, str):
        raise KubeconfigRefused(f"{field} is not text")
    try:
        return decoded(value)
    except ValueError as error:
        raise KubeconfigRefused(f"{field}: {error}") from None
