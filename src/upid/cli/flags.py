"""The flags that every reporting command takes, spelled once, with kubectl's letters."""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, get_type_hints

import typer

from upid.cli.output.formats import Format
from upid.cli.output.paint import Colour

CONNECTION = (
    "kubeconfig",
    "context",
    "as_",
    "as_group",
    "insecure_skip_tls_verify",
    "request_timeout",
)
_PICK, _SOURCE, _SHOW, _GATE = "Pick", "Where from", "Show", "Gates for pipelines"
_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What was asked beside the command's own arguments."""

    namespace: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace",
            "-n",
            help="Only this namespace; repeatable, globs such as 'team-*'.",
            rich_help_panel=_PICK,
        ),
    ] = None
    all_namespaces: Annotated[
        bool,
        typer.Option("--all-namespaces", "-A", help="Every namespace.", rich_help_panel=_PICK),
    ] = False
    selector: Annotated[
        str | None,
        typer.Option(
            "--selector",
            "-l",
            help="Only workloads with these labels: app=web,tier in (a,b),!canary.",
            rich_help_panel=_PICK,
        ),
    ] = None
    window: Annotated[
        str | None,
        typer.Option(help="Such as 7d, or START/END in RFC 3339.", rich_help_panel=_PICK),
    ] = None
    cluster: Annotated[
        str | None,
        typer.Option(help="Which cluster, where there are several.", rich_help_panel=_SOURCE),
    ] = None
    recording: Annotated[
        list[str] | None,
        typer.Option(
            envvar="UPID_RECORDING",
            help="A recording file; `sample` is the one that ships.",
            rich_help_panel=_SOURCE,
        ),
    ] = None
    server: Annotated[
        str | None,
        typer.Option(
            envvar="UPID_SERVER", help="Ask the server at this URL.", rich_help_panel=_SOURCE
        ),
    ] = None
    kubeconfig: Annotated[
        str | None,
        typer.Option(
            help="Which kubeconfig; else $KUBECONFIG, ~/.kube/config, the pod's own cluster.",
            rich_help_panel=_SOURCE,
        ),
    ] = None
    context: Annotated[
        list[str] | None,
        typer.Option(
            help="Which context of the kubeconfig; repeatable, globs such as 'prod-*'.",
            rich_help_panel=_SOURCE,
        ),
    ] = None
    all_contexts: Annotated[
        bool,
        typer.Option(
            "--all-contexts", help="Every context of the kubeconfig.", rich_help_panel=_SOURCE
        ),
    ] = False
    as_: Annotated[
        str | None,
        typer.Option("--as", help="Ask the cluster as this user.", rich_help_panel=_SOURCE),
    ] = None
    as_group: Annotated[
        list[str] | None,
        typer.Option(help="And as of this group; repeatable.", rich_help_panel=_SOURCE),
    ] = None
    insecure_skip_tls_verify: Annotated[
        bool,
        typer.Option(
            "--insecure-skip-tls-verify",
            help="Do not check the cluster's certificate.",
            rich_help_panel=_SOURCE,
        ),
    ] = False
    request_timeout: Annotated[
        str | None,
        typer.Option(help="Time for one answer of the cluster: 30s.", rich_help_panel=_SOURCE),
    ] = None
    output: Annotated[
        Format,
        typer.Option("--output", "-o", help="Format of the answer.", rich_help_panel=_SHOW),
    ] = Format.TABLE
    detailed: Annotated[
        bool,
        typer.Option(
            "--detailed", "-d", help="Longer lists, more evidence.", rich_help_panel=_SHOW
        ),
    ] = False
    columns: Annotated[
        str | None,
        typer.Option(help="Which columns of the list, by name.", rich_help_panel=_SHOW),
    ] = None
    sort_by: Annotated[
        str | None,
        typer.Option(help="Column to sort the list by; -NAME turns it.", rich_help_panel=_SHOW),
    ] = None
    no_headers: Annotated[
        bool, typer.Option("--no-headers", help="No column titles.", rich_help_panel=_SHOW)
    ] = False
    output_file: Annotated[
        str | None,
        typer.Option(help="Write the answer there, not to stdout.", rich_help_panel=_SHOW),
    ] = None
    color: Annotated[Colour, typer.Option(help="When to colour.", rich_help_panel=_SHOW)] = (
        Colour.AUTO
    )
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Nothing on stderr but errors.", rich_help_panel=_SHOW),
    ] = False
    no_input: Annotated[
        bool,
        typer.Option("--no-input", help="Never ask; refuse instead.", rich_help_panel=_GATE),
    ] = False
    fail_on: Annotated[
        str | None,
        typer.Option(
            help="Exit 1 when one holds: 'waste-usd>500/mo,idle>3,risk>=high'.",
            rich_help_panel=_GATE,
        ),
    ] = None
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit 4 when something was missing.", rich_help_panel=_GATE),
    ] = False

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces asked for; none means every one."""
        return () if self.all_namespaces else tuple(self.namespace or ())

    @property
    def contexts(self) -> tuple[str, ...]:
        """The contexts asked for, names or globs, each once; none may mean every one."""
        return tuple(dict.fromkeys(self.context or ()))

    @property
    def several(self) -> bool:
        """Whether several clusters are asked for: by what was typed, not by what it finds."""
        many = len(self.contexts) > 1 or any(_GLOB & set(name) for name in self.contexts)
        return self.all_contexts or many


def taking(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what adds these flags, by their names in `Flags`, to a command."""
    return lambda command: _with_flags(command, names)


def reporting(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with all flags added; it gets them as its last argument, `flags`."""
    return _with_flags(command, [field.name for field in fields(Flags)])


def _with_flags(command: Callable[..., None], names: Sequence[str]) -> Callable[..., None]:
    taken = [field for field in fields(Flags) if field.name in names]
    own = [p for p in inspect.signature(command).parameters.values() if p.name != "flags"]
    hints = get_type_hints(command, include_extras=True)
    typed = {
        name: hint
        for name, hint in get_type_hints(Flags, include_extras=True).items()
        if name in names
    }
    added = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None if field.default is MISSING else field.default,
            annotation=typed[field.name],
        )
        for field in taken
    ]

    @functools.wraps(command)
    def told(**values: Any) -> None:  # noqa: ANN401  typer fills in what it parsed
        flags = Flags(**{field.name: values.pop(field.name) for field in taken})
        command(**values, flags=flags)

    told.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
    told.__annotations__ = {p.name: hints[p.name] for p in own} | typed
    del told.__wrapped__  # typer would follow it to the command's own signature
    return told
