"""`upid clusters`: the clusters that a server keeps an eye on."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from upid.cli import refusals
from upid.cli.flags import Flags, taking
from upid.cli.output.text import clean
from upid.core.errors import UpidError

if TYPE_CHECKING:
    from upid.app.registering import Sendable
    from upid.cli.output.blocks import View
    from upid.cli.reports.clusters import Added
    from upid.client.api import Api
    from upid.client.errors import Problem
    from upid.client.types import ClusterRead

app = typer.Typer(
    help="Register the clusters that a server keeps an eye on. Changes nothing in them.",
    no_args_is_help=True,
)
DEFAULT_SERVER = "http://127.0.0.1:8000"
_SHOW = ("output", "columns", "sort_by", "no_headers", "output_file", "color", "quiet")
_FLAGS = ("server", *_SHOW, "no_input")
_STDIN = "-"
_TOKEN_BYTES = 64 << 10  # more is a file named by mistake

Name = Annotated[str, typer.Argument(metavar="CLUSTER", help="Its name or id.")]


@app.command()
@taking(*_FLAGS, "kubeconfig", "context")
def add(
    flags: Flags,
    name: Annotated[
        str | None, typer.Argument(help="What to call it; default: as the context is called.")
    ] = None,
    all_contexts: Annotated[
        bool, typer.Option("--all-contexts", help="Every context of the kubeconfig.")
    ] = False,
    label: Annotated[
        list[str] | None, typer.Option(help="A label such as team=shop; repeatable.")
    ] = None,
    token_file: Annotated[
        str | None,
        typer.Option(help="File with the token to use instead of the context's user; - is stdin."),
    ] = None,
) -> None:
    """Register clusters of your kubeconfig; --context takes globs such as 'prod-*'.

    Files that the kubeconfig names are sent with it; the server keeps credentials sealed.

    A cluster that is registered already stays as it is.

    Example: upid clusters add prod --context eks-prod
    """
    from upid.cli.reports.clusters import added_view

    labels = _labels(label or ())
    chosen = _chosen(flags, name, token_file, every=all_contexts)
    first = chosen[0]
    if len(chosen) == 1 and first.refused is not None:
        if first.alien:
            _refuse_alien(first, first.refused, name, flags)
        raise first.refused
    with _api(flags) as api:
        added = [_added(api, one, name or one.context, labels, flags) for one in chosen]
    if len(added) == 1 and added[0].error is not None:
        raise added[0].error
    _write(added_view(added, flags), flags)
    failed = next((one.error for one in added if one.error), None)
    if failed is not None:
        raise typer.Exit(refusals.exit_code(failed.kind))


@app.command("list")
@taking(*_FLAGS)
def list_clusters(flags: Flags) -> None:
    """List registered clusters and how they are.

    Example: upid clusters list -o wide
    """
    from upid.cli.reports.clusters import list_view

    def ask(api: "Api") -> "View":
        found = api.clusters()
        return list_view(found, {one.id: api.cluster_health(one.id) for one in found}, flags)

    _answer(flags, ask)


@app.command()
@taking(*_FLAGS)
def show(flags: Flags, cluster: Name) -> None:
    """Show how a registered cluster is, and until when its credentials last.

    Example: upid clusters show prod
    """
    from upid.cli.reports.clusters import cluster_view

    def ask(api: "Api") -> "View":
        found = api.cluster(cluster)
        return cluster_view(found, api.cluster_health(found.id), flags)

    _answer(flags, ask)


@app.command()
@taking(*_FLAGS)
def validate(flags: Flags, cluster: Name) -> None:
    """Look at a cluster now: whether it answers, and which permissions are missing.

    Ends with 3 when it cannot be analyzed as it is.

    Example: upid clusters validate prod -o yaml
    """
    from upid.cli.reports.clusters import validation_view

    good = True

    def ask(api: "Api") -> "View":
        nonlocal good
        one = api.cluster(cluster)
        found = api.validate_cluster(one.id)
        good = found.ok
        return validation_view(found, one.name, flags)

    _answer(flags, ask)
    if not good:
        raise typer.Exit(refusals.NO_CONNECTION)


@app.command()
@taking("server", "quiet", "no_input")
def remove(
    flags: Flags,
    cluster: Annotated[list[str], typer.Argument(help="Names or ids.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Have the server forget clusters with their credentials; nothing is changed in them.

    Example: upid clusters remove staging --yes
    """
    from upid.cli.session import say

    with _api(flags) as api:
        found = [api.cluster(one) for one in cluster]
        if not yes and not _ask_first([f"{one.name} ({one.id})" for one in found], flags):
            say("nothing was removed")
            return
        for one in found:
            api.forget_cluster(one.id)
            if not flags.quiet:
                say(f"removed {one.name} ({one.id})")


def _api(flags: Flags) -> "Api":
    from upid.client.api import Api

    return Api.of_server(flags.server or DEFAULT_SERVER)


def _answer(flags: Flags, ask: "Callable[[Api], View]") -> None:
    with _api(flags) as api:
        view = ask(api)
    _write(view, flags)


def _write(view: "View", flags: Flags) -> None:
    from upid.cli.output.formats import arranged
    from upid.cli.session import show as write

    columns = [key.strip() for key in (flags.columns or "").split(",") if key.strip()]
    view = arranged(view, columns, flags.sort_by or "", headers=not flags.no_headers)
    write(view, flags)


def _labels(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not (key and equals):
            raise refusals.Refusal(f"{one!r} is no label", hint="write it as --label team=shop")
        found[key] = value
    return found


def _chosen(
    flags: Flags, name: str | None, token_file: str | None, *, every: bool
) -> "list[Sendable]":
    """Return what is to be registered, each context with what speaks against it."""
    from upid.app.registering import named_contexts, sendable

    token = _token(token_file) if token_file else ""
    kubeconfig, home = flags.kubeconfig or "", Path.home()
    names = list(flags.contexts) or [""]
    if every or flags.several:
        wanted = ["*"] if every else names
        names = named_contexts(kubeconfig, wanted, os.environ, home)
    if len(names) > 1 and (name or token):
        what = f"the name {name!r}" if name else "one token"
        raise refusals.Refusal(
            f"{what} cannot be that of {len(names)} clusters",
            hint="leave it out, or choose one context: --context NAME",
        )
    return [sendable(kubeconfig, one, os.environ, home, token=token) for one in names]


def _token(path: str) -> str:
    try:
        if path == _STDIN:
            raw = sys.stdin.buffer.read(_TOKEN_BYTES)
        else:
            with Path(path).open("rb") as file:
                raw = file.read(_TOKEN_BYTES)
    except OSError as error:
        raise refusals.Refusal(
            f"the token cannot be read from {path!r}: {error.strerror}",
            hint="name a file, or - for stdin",
        ) from error
    token = raw.decode("ascii", "replace").strip()
    if not token:
        raise refusals.Refusal(
            f"there is no token in {'stdin' if path == _STDIN else repr(path)}",
            hint="it may be that the command before the pipe found none",
        )
    return token


def _added(
    api: "Api", one: "Sendable", name: str, labels: Mapping[str, str], flags: Flags
) -> "Added":
    """Return what became of one context; a server that is away ends it all."""
    from upid.cli.reports.clusters import Added
    from upid.client.errors import Problem

    if one.refused is not None:
        return Added(one.context, name, error=one.refused)
    if not flags.quiet and sys.stderr.isatty():
        sys.stderr.write(f"  registering {clean(name)} …\r")
    try:
        made = api.register_cluster(name, one.kubeconfig, labels=labels, key=token_hex(16))
    except Problem as error:
        known = _known(api, one, name, error)
        return Added(one.context, name, known, error=None if known else error)
    finally:
        if not flags.quiet and sys.stderr.isatty():
            sys.stderr.write("\x1b[K")
    return Added(one.context, name, made, fresh=True)


def _known(api: "Api", one: "Sendable", name: str, error: "Problem") -> "ClusterRead | None":
    """Return the cluster that is registered already, where a refusal means that."""
    if error.code == "cluster_exists":
        return api.cluster(str(error.details.get("cluster_id", name)))
    if error.code == "cluster_name_taken":
        found = api.cluster(name)
        if found.server.rstrip("/") == one.server.rstrip("/"):
            return found
    return None


def _refuse_alien(one: "Sendable", error: UpidError, name: str | None, flags: Flags) -> NoReturn:
    """Write the YAML of an account of UPID's own, and say how the cluster is added by it."""
    from upid.app.registering import account_manifest
    from upid.cli.reports.clusters import command
    from upid.cli.session import typed, write

    write(account_manifest(), sys.stdout)
    place = ["--context", one.context] if one.context else []
    words = ["clusters", "add", name or one.context, *place]
    if flags.kubeconfig:
        words += ["--kubeconfig", flags.kubeconfig]
        place += ["--kubeconfig", flags.kubeconfig]
    kubectl, add = typed("kubectl", *place), command(flags, *words)
    raise refusals.Refusal(
        f"{error.message}\n"
        "Give UPID an account of its own there; its YAML is what stdout has:\n"
        f"  {add} | {kubectl} apply -f -\n"
        "Then add the cluster by the token of that account:\n"
        f"  {kubectl} -n upid get secret upid-token"
        " -o go-template='{{.data.token|base64decode}}' | \\\n"
        f"    {add} --token-file -"
    )


def _ask_first(found: Sequence[str], flags: Flags) -> bool:
    """Return whether somebody says yes. Raises Refusal where nobody can be asked."""
    what = ", ".join(map(clean, found))
    if flags.no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise refusals.Refusal(
            f"{what} would be forgotten, credentials and history included",
            hint="say --yes if that is meant",
        )
    return typer.confirm(f"Forget {what}, credentials and history included?", err=True)
