"""One context as a kubeconfig that needs no file, to be sent to a server; nothing is written.

Like `kubectl config view --minify --flatten --raw`, and stricter: what only works on the user's
own machine, such as a login command, is refused with the reason.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from upid.adapters.kubernetes.errors import AccessNotSendable
from upid.adapters.kubernetes.kubeconfig.choosing import Chosen, choose
from upid.adapters.kubernetes.kubeconfig.finding import find_access
from upid.adapters.kubernetes.kubeconfig.merging import invalid, load
from upid.adapters.kubernetes.kubeconfig.options import Options
from upid.adapters.kubernetes.kubeconfig.types import Cluster, User

_TOKEN_BYTES = 64 << 10  # more is a file named by mistake


@dataclass(frozen=True, slots=True)
class Flat:
    """A context that can be sent: what it is called, where it leads, and all of it as text."""

    context: str
    server: str
    text: str = field(repr=False)


def flattened(
    options: Options, environment: Mapping[str, str], home: Path, *, token: str = ""
) -> Flat:
    """Return the context that kubectl would use, with its files as text within.

    token  who is asking, instead of the context's user

    Nothing is connected to and no command runs. Raises `AccessNotSendable` for what a server
    cannot use, `NoCluster` and `KubeconfigInvalid` as the search for a cluster does.
    """
    merged = load(options.kubeconfig, environment, home)
    chosen = choose(merged, options)
    if not chosen.cluster.server:
        found = find_access(options, environment, home)  # raises unless this is a pod
        raise AccessNotSendable(found.context, "a pod's own token ends within the hour")
    why = next(_local_only(chosen.cluster, User() if token else chosen.user), "")
    if why:
        raise AccessNotSendable(chosen.context, why)
    try:
        user = {"token": token} if token else _user(chosen)
        return Flat(chosen.context, chosen.cluster.server, _text(chosen, user))
    except OSError as error:
        why = f"'{error.filename}' cannot be read: {error.strerror}"
        raise invalid(merged, why) from None


def _local_only(cluster: Cluster, user: User) -> Iterator[str]:
    """Say what works on the user's own machine only."""
    if cluster.proxy_url:
        yield "it is reached through a proxy of its own (proxy-url)"
    if user.exec:
        yield f"it logs in with the command {Path(user.exec.command).name!r}"
    if user.auth_provider:
        yield f"it logs in with {user.auth_provider.name!r} (auth-provider)"
    if user.as_:
        yield f"it acts as somebody else ({user.as_!r})"


def _user(chosen: Chosen) -> dict[str, str]:
    """Return a user with nothing outside of it."""
    user = chosen.user
    found: dict[str, str] = {}
    token = user.token
    if user.token_file:
        with Path(user.token_file).open("rb") as file:
            token = file.read(_TOKEN_BYTES).decode("ascii", "replace").strip()
    if token:
        found["token"] = token
    certificate = _inline(user.client_certificate, user.client_certificate_data)
    if certificate:
        found["client-certificate-data"] = certificate
        found["client-key-data"] = _inline(user.client_key, user.client_key_data)
    if not found:
        raise AccessNotSendable(chosen.context, "its user has no token and no client certificate")
    return found


def _inline(path: str, text: str) -> str:
    return text or (base64.b64encode(Path(path).read_bytes()).decode() if path else "")


def _text(chosen: Chosen, user: Mapping[str, str]) -> str:
    """Return a kubeconfig; JSON is YAML as well."""
    cluster: dict[str, object] = {"server": chosen.cluster.server}
    authority = _inline(
        chosen.cluster.certificate_authority, chosen.cluster.certificate_authority_data
    )
    if authority:
        cluster["certificate-authority-data"] = authority
    if chosen.cluster.insecure_skip_tls_verify:
        cluster["insecure-skip-tls-verify"] = True
    if chosen.cluster.tls_server_name:
        cluster["tls-server-name"] = chosen.cluster.tls_server_name
    name = chosen.context or "default"
    names = {"cluster": chosen.cluster_name or name, "user": chosen.user_name or name}
    context = names | ({"namespace": chosen.namespace} if chosen.namespace else {})
    whole = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": names["cluster"], "cluster": cluster}],
        "users": [{"name": names["user"], "user": user}],
        "contexts": [{"name": name, "context": context}],
    }
    return json.dumps(whole)
