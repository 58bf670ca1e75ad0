"""From flags to an answer on stdout: opens the API, shows the view, ends with the right code."""

import gc
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, TextIO

import typer

from upid.cli import gate, refusals
from upid.cli.flags import Flags
from upid.cli.output.blocks import View
from upid.cli.output.formats import Format, arranged, render
from upid.cli.output.paint import Paint, Tone, wants_colour
from upid.cli.output.text import clean

if TYPE_CHECKING:
    from upid.client.api import Api

SAMPLE = "sample"
_FALLBACK_WIDTH = 80  # columns, where nobody says; what terminals have had since the VT100
_NARROWEST = 20  # columns; less than this is a terminal that does not know its width
_ASCII = str.maketrans({"█": "#", "▓": "=", "▒": "-", "░": ".", "·": "-", "…": "~", "–": "-",
                        "•": "*", "→": ">", "×": "x", "─": "-", "▏": "|", "│": "|"})  # fmt: skip


def sample_path() -> str:
    """Return where the shipped sample recording lies."""
    return str(Path(__file__).parents[1] / "sample.upid")


def located(recording: str) -> str:
    """Return the path that a recording's name means: `sample` is the one that ships."""
    return sample_path() if recording == SAMPLE and not Path(recording).exists() else recording


def open_api(flags: Flags) -> "Api":
    """Return the API that the flags name: of recordings, of a server, else of a live cluster."""
    from upid.client.api import Api

    if flags.server:
        return Api.of_server(flags.server)
    if not flags.recording:
        return _of_cluster(flags)
    return _without_a_search(flags.recording)


def _of_cluster(flags: Flags) -> "Api":
    """Return the API over the cluster that kubectl would speak to, with what is read meanwhile."""
    from upid.client.api import Api

    shown = not flags.quiet and sys.stderr.isatty()
    try:
        return Api.of_cluster(flags.wanted, _step if shown else lambda _: None)
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")


def _step(what: str) -> None:
    """Show what is being read, in one line that the next one takes the place of."""
    sys.stderr.write(f"\r\x1b[K  reading {clean(what)} …")
    sys.stderr.flush()


def _without_a_search(recordings: Sequence[str]) -> "Api":
    """Return the API over recordings; what its imports make is never searched for cycles.

    It stays to the end anyway, and one search through it costs 0.03 s.
    """
    from upid.client.api import Api

    gc.disable()
    try:
        return Api.of_recordings([located(path) for path in recordings])
    finally:
        gc.freeze()
        gc.enable()


def answer(flags: Flags, ask: Callable[["Api"], View]) -> None:
    """Ask the API, show what it answers as the flags say, and end as the gates say."""
    conditions = gate.parse(flags.fail_on) if flags.fail_on else ()
    with open_api(flags) as api:
        view = ask(api)
    columns = [key.strip() for key in (flags.columns or "").split(",") if key.strip()]
    view = arranged(view, columns, flags.sort_by or "", headers=not flags.no_headers)
    found = gate.failures(conditions, view.gauges)
    show(view, flags)
    if view.partial and not flags.quiet:
        for sentence in view.partial:
            say(f"partial: {sentence}", Tone.WARN)
    for sentence in found:
        say(f"over the threshold: {sentence}", Tone.BAD)
    if found:
        raise typer.Exit(refusals.FINDINGS)
    if flags.strict and view.partial:
        raise typer.Exit(refusals.PARTIAL)


def show(view: View, flags: Flags) -> None:
    """Write the view to stdout or to the file asked for."""
    if flags.output_file:
        text = render(view, flags.output, Paint(on=False), _room(flags.output))
        try:
            Path(flags.output_file).write_text(text, encoding="utf-8")
        except OSError as error:
            raise refusals.Refusal(
                f"{flags.output_file!r} cannot be written: {error.strerror}",
                hint="name a file in a folder that exists and that you may write to",
            ) from error
        return
    paint = Paint(on=wants_colour(flags.color, sys.stdout))
    write(render(view, flags.output, paint, _room(flags.output)), sys.stdout)


def write(text: str, stream: TextIO) -> None:
    """Write all of the text, in letters that the stream's encoding has, while anybody reads."""
    encoding = stream.encoding or "utf-8"
    try:
        raw = text.encode(encoding)
    except UnicodeEncodeError:
        raw = text.translate(_ASCII).encode(encoding, "backslashreplace")
    try:
        stream.flush()
        stream.buffer.write(raw)
        stream.buffer.flush()
    except BrokenPipeError:  # the reader has enough; gates still decide the exit code
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except OSError as error:
        if stream is not sys.stdout:
            raise
        raise refusals.Refusal(
            f"the answer cannot be written to stdout: {error.strerror}",
            hint="make room where it goes, or name a file: --output-file",
        ) from error


def say(text: str, tone: Tone = Tone.PLAIN) -> None:
    """Write a line of talk to stderr."""
    from upid.cli.output.paint import Colour

    paint = Paint(on=wants_colour(Colour.AUTO, sys.stderr))
    write(paint(clean(text), tone) + "\n", sys.stderr)


def program() -> str:
    """Return how this program is called, so that commands it shows can be pasted.

    `upid` where that finds this very program, else what was typed to start it.
    """
    started = Path(sys.argv[0])
    if started.name.startswith("kubectl-"):
        return started.name.replace("-", " ", 1)
    if started.parts[-2:] == ("upid", "__main__.py"):
        return "python -m upid"
    found = shutil.which("upid")
    if found and started.exists() and Path(found).resolve() == started.resolve():
        return "upid"
    return quote(sys.argv[0]) if started.name == "upid" else "upid"


def repeated(flags: Flags, *, everything: bool = False) -> str:
    """Return the flags that a next command needs to see the same source."""
    words: list[str] = []
    if flags.server and not _from_environment(flags.server, "UPID_SERVER"):
        words += ["--server", flags.server]
    for path in flags.recording or ():
        if not _from_environment(path, "UPID_RECORDING"):
            words += ["--recording", path]
    if flags.cluster:
        words += ["--cluster", flags.cluster]
    if everything and flags.window:
        words += ["--window", flags.window]
    return "".join(f" {quote(word)}" for word in words)


def typed(*words: str) -> str:
    """Return words as a shell reads them."""
    return " ".join(map(quote, words))


def _from_environment(value: str, variable: str) -> bool:
    return os.environ.get(variable) == value


def _room(form: Format) -> int | None:
    return None if form is Format.WIDE else terminal_width()


def terminal_width() -> int:
    """Return the columns of the terminal: COLUMNS, else that of any stream that is one."""
    told = os.environ.get("COLUMNS", "")
    if told.isdigit() and int(told) > 0:
        return max(int(told), _NARROWEST)
    streams: Sequence[int] = (1, 2, 0)
    for number in streams:
        try:
            return max(os.get_terminal_size(number).columns or _FALLBACK_WIDTH, _NARROWEST)
        except OSError:
            continue
    return _FALLBACK_WIDTH
