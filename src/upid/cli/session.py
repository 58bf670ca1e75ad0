"""From flags to an answer on stdout: opens the API, shows the view, ends with the right code."""

import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, TextIO

import typer

from upid.cli import gate, refusals
from upid.cli.flags import Flags
from upid.cli.output.blocks import View
from upid.cli.output.formats import Format, arranged, render
from upid.cli.output.paint import Paint, Tone, wants_colour
from upid.cli.output.text import clean, shorten

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

    with reading(flags) as progress:
        return Api.of_cluster(wanted(flags), progress)


def wanted(flags: Flags) -> dict[str, Any]:
    """Return which cluster the flags mean, as `upid.app.live.Wanted` takes it."""
    return {
        "kubeconfig": flags.kubeconfig or "",
        "context": flags.contexts[0] if len(flags.contexts) == 1 else "",
        "as_": flags.as_ or "",
        "as_groups": tuple(flags.as_group or ()),
        "insecure": flags.insecure_skip_tls_verify,
        "request_timeout": flags.request_timeout or "",
    }


@contextmanager
def reading(flags: Flags) -> Iterator[Callable[[str], None]]:
    """Yield what shows on a terminal what is being read; nothing of it is left afterwards."""
    shown = not flags.quiet and sys.stderr.isatty()
    try:
        yield _step if shown else lambda _: None
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")


def _step(what: str) -> None:
    """Show what is being read, in one line that the next one takes the place of."""
    line = shorten(f"  reading {clean(what)} …", terminal_width() - 1)
    sys.stderr.write(f"\r\x1b[K{line}")
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
    refuse_several(flags)

    def asked() -> View:
        with open_api(flags) as api:
            return ask(api)

    conclude(flags, asked)


def refuse_several(flags: Flags) -> None:
    """Refuse several contexts for what is about one cluster."""
    if flags.several:
        raise refusals.Refusal(
            "this is about one cluster, and several contexts were asked for",
            hint="name one context; `upid analyze cluster`, `upid analyze namespace` and "
            "`upid recommend` take several",
        )


def conclude(flags: Flags, ask: Callable[[], View]) -> None:
    """Show a view as the flags say, and end as the gates say."""
    conditions = gate.parse(flags.fail_on) if flags.fail_on else ()
    view = ask()
    columns = [key.strip() for key in (flags.columns or "").split(",") if key.strip()]
    view = arranged(view, columns, flags.sort_by or "", headers=not flags.no_headers)
    lost = bool(view.failed) and not view.gauges
    found = [] if lost else gate.failures(conditions, view.gauges)
    show(view, flags)
    _warn(view, flags, lost=lost)
    for sentence in found:
        say(f"over the threshold: {sentence}", Tone.BAD)
    if lost:
        raise typer.Exit(refusals.NO_CONNECTION)
    if found:
        raise typer.Exit(refusals.FINDINGS)
    if flags.strict and (view.partial or view.failed):
        raise typer.Exit(refusals.PARTIAL)


def _warn(view: View, flags: Flags, *, lost: bool) -> None:
    """Say what is missing; where nothing is left of the answer, also to who wants quiet."""
    if flags.quiet and not lost:
        return
    for sentence, hint in view.failed:
        say(f"{'error' if lost else 'warning'}: {sentence}", Tone.BAD if lost else Tone.WARN)
        if hint:
            say(f"hint: {hint}")
    for sentence in view.partial:
        say(f"partial: {sentence}", Tone.WARN)


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


def repeated(
    flags: Flags, *, everything: bool = False, contexts: Sequence[str] | None = None
) -> str:
    """Return the flags that a next command needs to see the same source.

    contexts  None: those of the flags
    """
    words: list[str] = []
    if flags.server and not _from_environment(flags.server, "UPID_SERVER"):
        words += ["--server", flags.server]
    for path in flags.recording or ():
        if not _from_environment(path, "UPID_RECORDING"):
            words += ["--recording", path]
    if flags.cluster:
        words += ["--cluster", flags.cluster]
    if not flags.server and not flags.recording:
        words += _reaching(flags, flags.contexts if contexts is None else contexts)
    if everything and flags.window:
        words += ["--window", flags.window]
    return "".join(f" {quote(word)}" for word in words)


def _reaching(flags: Flags, contexts: Sequence[str]) -> list[str]:
    """Return kubectl's flags as they were given, with these contexts."""
    words = ["--kubeconfig", flags.kubeconfig] if flags.kubeconfig else []
    for name in contexts:
        words += ["--context", name]
    if flags.all_contexts and not contexts:
        words.append("--all-contexts")
    if flags.as_:
        words += ["--as", flags.as_]
    for group in flags.as_group or ():
        words += ["--as-group", group]
    if flags.insecure_skip_tls_verify:
        words.append("--insecure-skip-tls-verify")
    if flags.request_timeout:
        words += ["--request-timeout", flags.request_timeout]
    return words


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
