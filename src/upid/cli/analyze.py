"""`upid analyze`: what things cost and waste. Changes nothing."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from upid.cli.flags import Flags, reporting
from upid.cli.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upid.cli.output.blocks import View
    from upid.client.api import Api
    from upid.client.several import Asked
    from upid.client.types import ClusterAnalysis, DeploymentAnalysis

_NAMELESS = "by-name"  # what `upid analyze`, or `upid analyze NAME`, stands for
_MOST_ROWS = 1000  # what the API gives at most


class _ByName(TyperGroup):
    """Takes a first word that is no command for the name of a pod."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Put the command in front that a call without one means."""
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = [_NAMELESS, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_ByName, help="Find what is paid for and not used. Changes nothing.")


@app.command(_NAMELESS, hidden=True)
@reporting
def by_name(
    flags: Flags, name: Annotated[str | None, typer.Argument(help="A pod's name.")] = None
) -> None:
    """Analyze the cluster, or the pod that is named."""
    if name is None:
        show_cluster(flags)
    elif name in ("cluster", "namespace", "workload", "deployment", "pod"):
        raise Refusal(
            f"{name!r} has to come before the flags",
            hint=f"write: upid analyze {name} --flags; a pod of that name: upid analyze pod {name}",
        )
    else:
        show_pod(flags, name)


@app.command()
@reporting
def cluster(flags: Flags) -> None:
    """Show what a cluster costs, where the money goes and what to do first.

    Example: upid analyze cluster --recording sample
    """
    show_cluster(flags)


@app.command()
@reporting
def namespace(
    flags: Flags,
    names: Annotated[list[str] | None, typer.Argument(help="Namespaces, or globs.")] = None,
) -> None:
    """Show the same for one namespace or several, named here or with -n.

    Example: upid analyze namespace 'preview-*' --recording sample
    """
    wanted = [*(names or ()), *(flags.namespace or ())]
    if not wanted and not flags.all_namespaces:
        raise Refusal(
            "no namespace is named",
            hint="name one, or a glob: upid analyze namespace shop 'team-*'; "
            "for all of them: upid analyze cluster",
        )
    show_cluster(replace(flags, namespace=wanted))


@app.command()
@reporting
def workload(
    flags: Flags, target: Annotated[str, typer.Argument(metavar="KIND/NAME", help="Or a name.")]
) -> None:
    """Show one workload of any kind: cost, idleness, pods, what to change.

    Example: upid analyze workload deployment/demo-shop -n internal --recording sample
    """
    show_workload(flags, target, "")


@app.command()
@reporting
def deployment(
    flags: Flags, name: Annotated[str, typer.Argument(help="The deployment's name.")]
) -> None:
    """Show one deployment: cost, idleness, pods, what to change.

    Example: upid analyze deployment coupon-engine -n checkout --recording sample
    """
    show_workload(flags, name, "Deployment")


@app.command()
@reporting
def pod(flags: Flags, name: Annotated[str, typer.Argument(help="The pod's name.")]) -> None:
    """Show one pod: state, cost, idleness.

    Example: upid analyze pod prometheus-0 -n monitoring --recording sample
    """
    show_pod(flags, name)


def show_cluster(flags: Flags) -> None:
    """Ask for a cluster's analysis and show it."""
    if flags.several:
        show_clusters(flags)
        return
    from upid.cli.session import answer

    def ask(api: "Api") -> "View":
        from upid.cli.reports.cluster import cluster_view

        return cluster_view(ask_cluster(api, flags), flags)

    answer(flags, ask)


def show_clusters(flags: Flags) -> None:
    """Ask for the analysis of each of several clusters and show them together."""
    from upid.cli.several import answer_several

    def view(found: "Sequence[Asked[ClusterAnalysis]]") -> "View":
        from upid.cli.reports.several import clusters_view

        return clusters_view(found, flags)

    answer_several(flags, lambda api: ask_cluster(api, flags), view)


def ask_cluster(api: "Api", flags: Flags) -> "ClusterAnalysis":
    """Return the analysis of the cluster that the API holds, as the flags narrow it."""
    return api.analyze_cluster(
        cluster_id=flags.cluster,
        namespaces=flags.namespaces,
        selector=flags.selector,
        options=options(flags, limit=_MOST_ROWS),
    )


def show_workload(flags: Flags, target: str, kind: str) -> None:
    """Ask for a workload's analysis and show it."""
    from upid.cli.session import answer

    def ask(api: "Api") -> "View":
        from upid.cli.reports.workload import workload_view

        return workload_view(ask_workload(api, flags, target, kind), flags)

    answer(flags, ask)


def ask_workload(api: "Api", flags: Flags, target: str, kind: str) -> "DeploymentAnalysis":
    """Return the analysis of the workload that `KIND/NAME`, or a name alone, means."""
    named, _, name = target.rpartition("/")
    return api.analyze_deployment(
        name,
        namespace=one_namespace(flags),
        kind=kind or named or None,
        cluster_id=flags.cluster,
        options=options(flags),
    )


def show_pod(flags: Flags, name: str) -> None:
    """Ask for a pod's analysis and show it."""
    from upid.cli.session import answer

    def ask(api: "Api") -> "View":
        from upid.cli.reports.pod import pod_view

        found = api.analyze_pod(
            name.removeprefix("pod/"),
            namespace=one_namespace(flags),
            cluster_id=flags.cluster,
            options=options(flags),
        )
        return pod_view(found, flags)

    answer(flags, ask)


def options(flags: Flags, *, limit: int | None = None) -> dict[str, object]:
    """Return the options of an analysis that the flags ask for."""
    asked: dict[str, object] = {}
    if flags.window:
        asked["time_range"] = flags.window
    if limit is not None:
        asked["limit"] = limit
    return asked


def one_namespace(flags: Flags) -> str | None:
    """Return the one namespace that a command about one thing may be given."""
    if flags.selector:
        raise Refusal(
            "-l picks among many workloads, and this command is about one",
            hint="leave out -l, or use: upid analyze cluster -l …",
        )
    if len(flags.namespaces) > 1:
        raise Refusal("one thing lies in one namespace, and several were named", hint="keep one -n")
    return flags.namespaces[0] if flags.namespaces else None
