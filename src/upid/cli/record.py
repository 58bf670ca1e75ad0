"""`upid record`: a recording of a live cluster, for later, for comparison, or for who helps."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from upid.cli.flags import CONNECTION, Flags, taking
from upid.cli.recording import Form, Form_

_HIDDEN = "replaced by stand-ins, which cannot be undone without the key"


@taking(*CONNECTION, "quiet")
def record(
    flags: Flags,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write: prod.upid.")],
    duration: Annotated[
        str | None,
        typer.Option("--for", help="Watch so long, such as 10m or 24h. Default: one reading."),
    ] = None,
    every: Annotated[
        str,
        typer.Option(
            help="Time between two readings; never shorter than the metrics server measures."
        ),
    ] = "15s",
    anonymise: Annotated[
        bool, typer.Option("--anonymise", help="Write stand-ins for names, addresses and uids.")
    ] = False,
    key_file: Annotated[
        Path | None,
        typer.Option(
            help="A secret of at least 16 bytes for the stand-ins: the same key, the same "
            "stand-ins. Without it the key is random and forgotten."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file if there is one.")
    ] = False,
    output: Form_ = Form.TABLE,
) -> None:
    """Record a live cluster: its objects, and what its metrics server measures.

    Reads only. Secrets, values of environment variables, arguments and commands are never in it.
    Ctrl-C ends it early and keeps what was recorded.

    Example: upid record prod.upid --for 1h
    """
    import os

    from upid.app.live import Wanted
    from upid.app.record import Asked
    from upid.app.record import record as recorded
    from upid.cli.recording import show_made
    from upid.cli.session import refuse_several, wanted

    refuse_several(flags)

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # who ends it keeps what there is
    asked = Asked(
        out=out,
        duration=duration,
        every=every,
        anonymise=anonymise,
        key_file=key_file,
        force=force,
    )
    shown = not flags.quiet and sys.stderr.isatty()
    access = Wanted(**wanted(flags))
    try:
        made = recorded(access, asked, os.environ, Path.home(), _step if shown else lambda _: None)
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")
    hidden = anonymise or key_file is not None
    show_made("RecordingMade", made, output, lambda: _made(made, hidden=hidden))
    if not flags.quiet:
        _talk(made)


def _step(what: str) -> None:
    """Show how far it is, in one line that the next one takes the place of."""
    from upid.cli.output.text import clean
    from upid.cli.session import terminal_width

    line = f"  {clean(what)} …"
    sys.stderr.write(f"\r\x1b[K{line[: terminal_width() - 1]}")
    sys.stderr.flush()


def _talk(made: Mapping[str, Any]) -> None:
    from upid.cli.output.paint import Tone
    from upid.cli.session import say

    if made["ended_early"]:
        say(f"ended early, as asked: what was recorded until then is in {made['path']}", Tone.WARN)
    if made["asked_too_often"]:
        say(f"read every {made['cadence_seconds']} s: the metrics server measures no faster")
    for sentence in made["notes"]:
        say(f"partial: {sentence}", Tone.WARN)


def _made(made: Mapping[str, Any], *, hidden: bool) -> tuple[Any, ...]:
    from upid.cli.output.blocks import Commands, Facts, Heading
    from upid.cli.session import program, typed

    quality = ", ".join(f"{number:,} {what}" for what, number in sorted(made["quality"].items()))
    facts = [
        ("window", f"{made['window']['start']} to {made['window']['end']}"),
        ("readings", _readings(made)),
        ("objects", f"{made['objects']:,}"),
        ("samples", f"{made['samples']:,} of {made['series']:,} series"),
        *([("left out", quality)] if quality else []),
        *([("names", _HIDDEN)] if hidden else []),
    ]
    path, upid = made["path"], program()
    see = [
        (f"{upid} {typed('analyze', 'cluster', '--recording', path)}", "what it costs and wastes"),
        (f"{upid} {typed('recording', 'inspect', path)}", "what is in it"),
    ]
    if made["readings"] <= 1:
        longer = typed("record", path, "--force", "--for", "24h")
        see.append((f"{upid} {longer}", "a past, so that it can be advised on"))
    if not hidden:
        give = typed("recording", "anonymise", path, "for-support.upid")
        see.append((f"{upid} {give}", "before you give it away"))
    return Heading(path, "recording"), Facts(tuple(facts)), Commands(tuple(see))


def _readings(made: Mapping[str, Any]) -> str:
    """Return how many there are, and how far apart where there are several."""
    match made["readings"]:
        case 0:
            return "none"
        case 1:
            return "1"
        case number:
            return f"{number:,}, one each {made['cadence_seconds']} s"
