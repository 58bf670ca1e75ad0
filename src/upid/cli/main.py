"""The program `upid`: its commands, and the one place where errors become exit codes."""

import contextlib
import errno
import gc
import os
import sys
from typing import Annotated, NoReturn

import typer
from typer.core import TyperGroup

from upid.cli import refusals
from upid.cli.about import demo, openapi, version
from upid.cli.analyze import app as analyze
from upid.cli.clusters import app as clusters
from upid.cli.config import app as config
from upid.cli.doctor import doctor
from upid.cli.explain import explain
from upid.cli.recommend import recommend
from upid.cli.record import record
from upid.cli.recording import app as recording
from upid.cli.serve import serve
from upid.core.errors import UpidError

_DEBUG = "UPID_DEBUG"
_YOUNG = 100_000  # objects made between two looks for cycles; Python's 700 cost 0.13 s of imports
_NO_PLUGINS = ("PYDANTIC_DISABLE_PLUGINS", "__all__")  # the search through site-packages: 0.03 s
_FIRST = ("demo", "analyze", "recommend", "explain", "doctor")
_ORDER = (*_FIRST, "record", "recording", "serve", "clusters", "config")


class _Ordered(TyperGroup):
    """Lists commands in the order in which people come to need them."""

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002  typer's signature
        """Return the names, the first steps first."""
        return sorted(self.commands, key=(*_ORDER, *self.commands).index)


app = typer.Typer(
    name="upid",
    cls=_Ordered,
    help="Turn Kubernetes metrics into money decisions. Reads only; changes nothing.",
    epilog="Start here: upid demo",
    context_settings={"help_option_names": ["-h", "--help"]},  # sub-commands take it over
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(demo)
app.add_typer(analyze, name="analyze")
app.command()(recommend)
app.command()(explain)
app.command()(doctor)


@app.callback()
def main(
    _: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version.",
            is_eager=True,
            callback=lambda asked: _print_version() if asked else None,
        ),
    ] = False,
) -> None:
    """Turn Kubernetes metrics into money decisions. Reads only; changes nothing."""


def _print_version() -> NoReturn:
    version()
    raise typer.Exit


app.command()(record)
app.add_typer(recording, name="recording")
app.command()(serve)
app.add_typer(clusters, name="clusters")
app.add_typer(config, name="config")
app.command()(openapi)
app.command()(version)


def run() -> NoReturn:
    """Run the program and end with a code of the documented table."""
    code = refusals.BUG
    gc.set_threshold(_YOUNG)
    _open_streams()
    os.environ.setdefault(*_NO_PLUGINS)
    try:
        app(standalone_mode=True)
        code = refusals.OK
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        code = refusals.INTERRUPTED
    except UpidError as error:
        _complain(error)
        code = refusals.exit_code(error.kind)
    except BrokenPipeError:
        code = refusals.OK
    except Exception as error:  # noqa: BLE001  # the last net: whatever it is, it is ours
        code = _bug(error)
    _leave(code)


def _open_streams() -> None:
    """Write to nowhere what was closed before the program began, as in `upid … >&-`."""
    for number in (0, 1, 2):  # else a file that is read would take the number, and be written to
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8")


def _complain(error: UpidError) -> None:
    from upid.cli.output.paint import Tone
    from upid.cli.session import say

    first, *rest = error.message.split("\n")
    say(f"error: {first}", Tone.BAD)
    for line in rest:
        say(line)
    if error.hint:
        say(f"hint: {error.hint}")


def _bug(error: Exception) -> int:
    from upid.cli.output.paint import Tone
    from upid.cli.session import say

    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        return refusals.OK
    if os.environ.get(_DEBUG):
        import traceback

        sys.stderr.write("".join(traceback.format_exception(error)))
    say(f"error: a bug in UPID: {type(error).__name__}: {error}", Tone.BAD)
    if not os.environ.get(_DEBUG):
        say(f"hint: run it again with {_DEBUG}=1 and report what it prints")
    return refusals.BUG


def _leave(code: int) -> NoReturn:
    """End at once: a reader that hung up, or a worker thread still busy, holds nobody up."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
