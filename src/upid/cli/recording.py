"""`upid recording`: look into, check, pseudonymise and make recordings."""

import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(help="Look into, check, pseudonymise and make recordings.", no_args_is_help=True)


class Form(StrEnum):
    """The formats of these answers."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Path_ = Annotated[
    str,
    typer.Argument(
        metavar="RECORDING", help="A .upid file or folder; `sample` is the one that ships."
    ),
]
Form_ = Annotated[Form, typer.Option("--output", "-o", help="How to print the answer.")]


@app.command()
def inspect(path: Path_, output: Form_ = Form.TABLE) -> None:
    """Print what a recording holds, from its manifest alone.

    Example: upid recording inspect prod.upid
    """
    from upid.app import recordings
    from upid.cli.session import located

    found = recordings.inspect(Path(located(path)))
    show_made("Recording", found, output, lambda: _inspected(found))


@app.command()
def validate(path: Path_, output: Form_ = Form.TABLE) -> None:
    """Read all of a recording and say what is wrong with it. Ends with 2 if anything is.

    Example: upid recording validate prod.upid
    """
    from upid.app import recordings
    from upid.cli.session import located

    found = recordings.validate(Path(located(path)), _progress())
    show_made("RecordingReport", found, output, lambda: _validated(found))
    if not found["ok"]:
        raise typer.Exit(2)


@app.command()
def anonymise(
    source: Path_,
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Where to write the copy.")],
    key_file: Annotated[
        Path | None,
        typer.Option(
            help="A file with a secret of at least 16 bytes: the same key gives the same "
            "stand-ins. Without it the key is random and forgotten."
        ),
    ] = None,
) -> None:
    """Copy a recording with stand-ins for names, addresses, images and uids.

    Figures stay as they are, so that an analysis of the copy says the same.

    Example: upid recording anonymise prod.upid for-support.upid --key-file ~/.upid-key
    """
    from upid.app import recordings
    from upid.cli.session import located

    recordings.anonymise(Path(located(source)), target, key_file, _progress())
    _settle()
    typer.echo(str(target))


@app.command()
def create(  # noqa: PLR0913, PLR0917 - an option each
    objects: Annotated[
        Path,
        typer.Option(help="Folder with what kubectl get … -A -o json (or yaml) printed."),
    ],
    samples: Annotated[
        Path,
        typer.Option(
            help="CSV or Parquet with the columns time, metric, value and namespace, pod, "
            "container, node, claim as the metric needs."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    name: Annotated[str, typer.Option(help="What the cluster is called.")] = "cluster",
    requests: Annotated[
        Path | None,
        typer.Option(
            help="CSV or Parquet with time, namespace, pod, path, agent, source, requests, errors."
        ),
    ] = None,
    prices: Annotated[Path | None, typer.Option(help="JSON with prices.")] = None,
    cadence: Annotated[
        str | None, typer.Option(help="Time between samples, such as 5m. Default: found out.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="START/END in RFC 3339. Default: all samples.")
    ] = None,
    output: Form_ = Form.TABLE,
) -> None:
    """Make a recording from Kubernetes objects and tables of samples.

    Secrets, values of environment variables, arguments and commands are never in it.

    Example: upid recording create --objects objects/ --samples usage.csv --out prod.upid
    """
    from upid.app import recordings

    made = recordings.create(
        objects,
        samples,
        out,
        name=name,
        requests=requests,
        prices=prices,
        cadence=cadence,
        window=window,
        progress=_progress(),
    )
    show_made("RecordingCreated", made, output, lambda: _created(made))


def show_made(
    kind: str,
    content: Mapping[str, Any],
    form: Form,
    blocks: "Callable[[], tuple[Any, ...]]",
) -> None:
    """Print what became of a recording: blocks for people, the document for machines."""
    from upid.cli.output.blocks import View
    from upid.cli.output.formats import Format, render
    from upid.cli.output.paint import Colour, Paint, wants_colour
    from upid.cli.session import terminal_width, write

    _settle()
    view = View(kind, {"name": content["path"]}, content, blocks() if form is Form.TABLE else ())
    paint = Paint(on=wants_colour(Colour.AUTO, sys.stdout))
    write(render(view, Format(form.value), paint, terminal_width()), sys.stdout)


def _progress() -> Callable[[str], None]:
    """Return what tells people on a terminal which part is being read; silent elsewhere."""
    if not sys.stderr.isatty():
        return lambda _: None
    return lambda part: typer.echo(f"\r\x1b[K{part} …", err=True, nl=False)


def _settle() -> None:
    """Remove the line of progress."""
    if sys.stderr.isatty():
        typer.echo("\r\x1b[K", err=True, nl=False)


def _inspected(found: Mapping[str, Any]) -> tuple[Any, ...]:
    from upid.cli.output.blocks import Column, Facts, Heading, Table

    manifest = found["manifest"]
    facts = (
        ("id", manifest["id"]),
        ("window", f"{manifest['window']['start']} to {manifest['window']['end']}"),
        ("cadence", f"{manifest['cadence_seconds']} s"),
        ("sources", ", ".join(manifest["sources"])),
        ("currency", manifest["currency"]),
        ("pseudonymised", ", ".join(manifest["pseudonymised"]) or "nothing"),
        ("removed", _counts(manifest["removed"])),
        ("quality", _counts(manifest.get("quality", {}))),
        ("written", f"{manifest['created']} by {manifest['writer']}"),
        ("size", f"{found['size']:,} bytes; {found['bytes_per_sample'] or '–'} a sample"),
        ("series", _counts(found["series"])),
        ("objects", _counts(manifest["objects"])),
    )
    rows = tuple({"metric": name, **note} for name, note in sorted(manifest["metrics"].items()))
    columns = (
        Column("metric", "Metric"),
        Column("unit", "Unit"),
        Column("series", "Series", show=_number, right=True),
        Column("samples", "Samples", show=_number, right=True),
        Column("coverage", "Covered", show=_share, right=True),
    )
    title = Heading(manifest["cluster"]["name"], f"recording, version {manifest['version']}")
    return title, Facts(facts), Table(columns, rows, empty="No samples.")


def _validated(found: Mapping[str, Any]) -> tuple[Any, ...]:
    from upid.cli.output.blocks import Column, Facts, Heading, Table, Text
    from upid.cli.output.paint import Tone

    counts = ("members", "objects", "series", "samples")
    facts = Facts(tuple((what, _number(found[what])) for what in counts))
    if found["ok"]:
        return Heading(found["path"]), facts, Text("Everything is as it must be.", Tone.GOOD)
    columns = (Column("part", "Part"), Column("why", "What is wrong", detail=True))
    return Heading(found["path"]), facts, Table(columns, tuple(found["problems"]))


def _created(made: Mapping[str, Any]) -> tuple[Any, ...]:
    from upid.cli.output.blocks import Commands, Facts, Heading

    facts = (
        ("window", f"{made['window']['start']} to {made['window']['end']}"),
        ("cadence", f"{made['cadence_seconds']} s"),
        ("series", _number(made["series"])),
        ("samples", _number(made["samples"])),
        ("left out", _counts(made["quality"])),
    )
    see = Commands(((f"upid analyze cluster --recording {made['path']}", "what it costs"),))
    return Heading(made["path"], "recording"), Facts(facts), see


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in sorted(found.items())) or "nothing"


def _number(value: object) -> str:
    return f"{value:,}"


def _share(value: object) -> str:
    return f"{value:.1%}"
