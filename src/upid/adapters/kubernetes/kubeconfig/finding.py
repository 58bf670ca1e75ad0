"""The way to a cluster: flags, kubeconfigs, and the pod that UPID runs in, in kubectl's order."""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from upid.adapters.kubernetes import credentials, in_cluster
from upid.adapters.kubernetes.access import Access, Tls
from upid.adapters.kubernetes.errors import (
    FlagInvalid,
    KubeconfigNameMissing,
    NoCluster,
    Way,
)
from upid.adapters.kubernetes.kubeconfig.building import Builder, impersonation
from upid.adapters.kubernetes.kubeconfig.choosing import Chosen, choose
from upid.adapters.kubernetes.kubeconfig.merging import Merged, load
from upid.adapters.kubernetes.kubeconfig.options import Options
from upid.adapters.kubernetes.kubeconfig.servers import seconds, server_url
from upid.core.errors import UpidError

_SHOWN = 8  # contexts in a message


@dataclass(frozen=True, slots=True)
class ContextName:
    """A context that can be chosen; `origin` is the file it stands in."""

    name: str
    cluster: str
    user: str
    namespace: str
    current: bool
    origin: str


@dataclass(frozen=True, slots=True)
class Found:
    """One of several contexts, and the access it gives, or why it gives none."""

    name: str
    access: Access | UpidError


def find_access(
    options: Options,
    environment: Mapping[str, str],
    home: Path,
    *,
    pod: Path = in_cluster.FOLDER,
) -> Access:
    """Return the access that kubectl would use with the same flags and files.

    home  the user's home folder
    pod   where a pod finds its service account

    Nothing is connected to and no command runs yet. Raises `NoCluster` with every way that was
    tried, or the error of the first way that is there but broken.
    """
    merged = load(options.kubeconfig, environment, home)
    return _access(merged, options, environment, home, pod)


def find_several(
    options: Options,
    patterns: Sequence[str],
    environment: Mapping[str, str],
    home: Path,
    *,
    pod: Path = in_cluster.FOLDER,
) -> list[Found]:
    """Return the accesses of all contexts that any pattern fits, by name; no pattern: of all.

    patterns  names, or globs such as `prod-*`; each has to fit something

    A context that cannot be used stands in the list with its error: it hides no other. Commands
    that print credentials get no terminal, since several would ask one person at once. Without
    any context, and in a pod, the pod's own cluster is the one.

    Raises `KubeconfigNameMissing` for a pattern that fits nothing, and what `find_access` raises
    where there are no contexts at all.
    """
    merged = load(options.kubeconfig, environment, home)
    if not merged.contexts and not patterns:
        access = _access(merged, options, environment, home, pod)
        return [Found(access.context, access)]
    there = sorted(merged.contexts)
    for pattern in patterns:
        if not any(_fits(name, pattern) for name in there):
            raise KubeconfigNameMissing("context", pattern, there, merged.where)
    names = [n for n in there if not patterns or any(_fits(n, pattern) for pattern in patterns)]
    found = []
    for name in names:
        one = replace(options, context=name)
        try:
            access = _access(merged, one, environment, home, pod, alone=False)
            found.append(Found(name, access))
        except FlagInvalid:
            raise  # wrong for all of them
        except UpidError as error:
            found.append(Found(name, error))
    return found


def _fits(name: str, pattern: str) -> bool:
    return name == pattern or fnmatch.fnmatchcase(name, pattern)


def _access(
    merged: Merged,
    options: Options,
    environment: Mapping[str, str],
    home: Path,
    pod: Path,
    *,
    alone: bool = True,
) -> Access:
    timeout = _timeout(options)
    chosen = choose(merged, options)
    if chosen.cluster.server:
        builder = Builder(chosen, merged.where, environment, alone=alone)
        return builder.access(_origin(chosen, home), timeout)
    missing = in_cluster.why_not(environment, pod)
    if missing is None:
        return _pod_access(options, chosen, environment, pod, timeout)
    raise NoCluster([*_tried(options, merged, environment, home, chosen), _not_in_pod(missing)])


def contexts(
    options: Options,
    environment: Mapping[str, str],
    home: Path,
    *,
    pod: Path = in_cluster.FOLDER,
) -> list[ContextName]:
    """Return the contexts there are, by name; `options.context` may be a glob such as `prod-*`.

    Without any, and in a pod, the pod's own cluster is the one.
    """
    merged = load(options.kubeconfig, environment, home)
    found = [
        ContextName(
            name=name,
            cluster=context.cluster,
            user=context.user,
            namespace=context.namespace or "default",
            current=name == merged.current,
            origin=_shown(merged.origins[name], home),
        )
        for name, context in sorted(merged.contexts.items())
        if not options.context or _fits(name, options.context)
    ]
    if not merged.contexts and in_cluster.why_not(environment, pod) is None:
        account = in_cluster.service_account(environment, pod)
        name = in_cluster.NAME
        return [ContextName(name, name, name, account.namespace, True, "the pod")]  # noqa: FBT003
    return found


def _timeout(options: Options) -> float | None:
    if not options.request_timeout:
        return None
    try:
        return seconds(options.request_timeout)
    except ValueError as error:
        raise FlagInvalid("--request-timeout", options.request_timeout, str(error)) from None


def _pod_access(
    options: Options,
    chosen: Chosen,
    environment: Mapping[str, str],
    folder: Path,
    timeout: float | None,
) -> Access:
    """Return the access of the pod, with the flags that were given laid over."""
    account = in_cluster.service_account(environment, folder)
    name = in_cluster.NAME
    cluster = chosen.cluster
    authority = account.authority
    if cluster.certificate_authority:
        authority = Path(cluster.certificate_authority).read_bytes()
    insecure = cluster.insecure_skip_tls_verify
    bearer: credentials.Bearer = credentials.FileToken(account.token_file, name)
    if options.token:
        bearer = credentials.FixedToken(options.token)
    server = server_url(account.server)
    return Access(
        server=server,
        tls=Tls(None if insecure else authority, cluster.tls_server_name or None, insecure),
        credentials=credentials.Proofs(name, bearer),
        context=name,
        cluster=name,
        user=name,
        namespace=chosen.namespace or account.namespace,
        impersonate=impersonation(chosen.user),
        origin="the service account of this pod",
        proof="a token" if options.token else "a token from a file",
        timeout=timeout,
    )


def _tried(
    options: Options,
    merged: Merged,
    environment: Mapping[str, str],
    home: Path,
    chosen: Chosen,
) -> list[Way]:
    """Return the ways before the pod's, each with what was found instead of a cluster."""
    ways = [
        Way("--server", "not given", "give --server URL with --token and --certificate-authority")
    ]
    if not options.kubeconfig:
        ways.append(Way("--kubeconfig", "not given", "give --kubeconfig FILE"))
    named = environment.get("KUBECONFIG", "")
    if not options.kubeconfig and not named:
        ways.append(Way("KUBECONFIG", "not set", "set KUBECONFIG to a file"))
    for path in merged.missing:
        remedy = f"log in with your provider's tool, which writes '{_shown(path, home)}'"
        ways.append(Way(_shown(path, home), "not there", remedy))
    if merged.files:
        names = ", ".join(_shown(path, home) for path in merged.files)
        ways.append(Way(names, *_empty(merged, chosen)))
    return ways


def _empty(merged: Merged, chosen: Chosen) -> tuple[str, str]:
    """Return why files that are there lead nowhere, and what to do."""
    listed = ", ".join(sorted(merged.contexts)[:_SHOWN])
    if chosen.context and chosen.cluster_name in merged.clusters:
        return f"cluster {chosen.cluster_name!r} has no server", "write its server into the file"
    if chosen.context:
        named = f"context {chosen.context!r} names the cluster {chosen.cluster_name!r}"
        remedy = "correct the context, or add the file of that cluster to KUBECONFIG"
        return f"{named}, which is in no file", remedy
    if merged.contexts:
        return "no current-context", f"choose one with --context: {listed}"
    return "no contexts in it", "log in with your provider's tool, which writes one"


def _not_in_pod(why: str) -> Way:
    return Way(in_cluster.NAME, why, "run UPID in a pod with a service account")


def _origin(chosen: Chosen, home: Path) -> str:
    if chosen.origin is None:
        return "the flags"
    return f"context {chosen.context!r} of {_shown(chosen.origin, home)}"


def _shown(path: Path, home: Path) -> str:
    """Return a path as people write it."""
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
