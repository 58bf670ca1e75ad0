"""The real program on the sample that ships: what people see first."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from tests.program.golden import CAPTURES, FOLDER, README, capture, with_captures
from tests.program.test_start import started
from upid.cli.main import app
from upid.cli.output.paint import Colour, wants_colour

UPID = Path(sys.executable).with_name("upid")


def commands(group: typer.Typer) -> list[str]:
    """Return the example in the help of every reporting command."""
    found = []
    for command in group.registered_commands:
        assert command.callback is not None
        if command.hidden:
            continue
        found += re.findall(r"Example: (upid .+)", command.callback.__doc__ or "")
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        found += commands(inner.typer_instance)
    return found


@pytest.mark.parametrize("name", sorted(CAPTURES))
def test_a_report_is_as_it_was_reviewed(name: str) -> None:
    columns, args = CAPTURES[name]
    assert capture(columns, args) == (FOLDER / name).read_text(encoding="utf-8")


def test_the_readme_shows_what_the_program_prints() -> None:
    readme = README.read_text(encoding="utf-8")
    narrow, wide = (
        (FOLDER / name).read_text(encoding="utf-8") for name in ("demo-80.txt", "demo-140.txt")
    )

    assert with_captures(readme, narrow, wide) == readme


RUNNABLE = [
    one
    for one in commands(app)
    if "--recording sample" in one or one.split()[1] in {"demo", "openapi"}
]


def pasted(
    command: str, shell: str = "/bin/sh", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command line as a shell does into which it was pasted."""
    return subprocess.run(
        [shell, "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{UPID.parent}:/usr/bin:/bin"},
        cwd=cwd,
    )


@pytest.mark.parametrize("example", RUNNABLE)
def test_an_example_in_a_help_text_runs(example: str) -> None:
    ended = pasted(example)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout


def test_every_command_has_an_example() -> None:
    assert len(commands(app)) >= 12
    assert len(RUNNABLE) >= 7


def test_the_next_commands_of_the_report_run_when_pasted(tmp_path: Path) -> None:
    """CLI-3."""
    text = (FOLDER / "demo-80.txt").read_text(encoding="utf-8")
    named = re.findall(r"^  (upid .+)$", text, re.MULTILINE)
    assert len(named) == 4
    for command in named:
        ended = pasted(command, cwd=tmp_path)
        assert (ended.returncode, ended.stderr) == (0, "")
    assert "<html" in (tmp_path / "upid.html").read_text(encoding="utf-8")


def test_the_same_question_gives_the_same_bytes() -> None:
    """OPT-6: also when the order of hashing differs."""
    one = started("demo", "-o", "json", PYTHONHASHSEED="1")
    other = started("demo", "-o", "json", PYTHONHASHSEED="2", COLUMNS="200")
    assert one.stdout == other.stdout
    found = json.loads(one.stdout)
    assert (found["apiVersion"], found["kind"]) == ("upid.io/v1", "ClusterAnalysis")


def test_a_gate_ends_with_one_and_says_why_on_stderr() -> None:
    """Experience 1e, CLI-1."""
    ended = started("demo", "-o", "name", "--fail-on", "waste-usd>1/mo,idle>1000")
    assert ended.returncode == 1
    assert ended.stdout
    assert "waste-usd>1/mo" in ended.stderr
    assert "idle" not in ended.stderr
    assert started("demo", "-o", "name", "--fail-on", "waste-usd>1000000/d").returncode == 0


def test_a_reader_that_hangs_up_is_no_error() -> None:
    ended = pasted("upid demo -o json -d | (exec <&-; sleep 3); echo ${PIPESTATUS[0]}", "/bin/bash")
    assert (ended.stdout, ended.stderr) == ("0\n", "")


class Screen(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "stream", "environment", "coloured"),
    [
        (Colour.AUTO, io.StringIO(), {}, False),
        (Colour.AUTO, Screen(), {}, True),
        (Colour.AUTO, Screen(), {"NO_COLOR": "1"}, False),
        (Colour.AUTO, Screen(), {"TERM": "dumb"}, False),
        (Colour.AUTO, io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (Colour.AUTO, io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (Colour.ALWAYS, io.StringIO(), {"NO_COLOR": "1"}, True),
        (Colour.NEVER, Screen(), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colour_only_where_it_is_wanted(
    choice: Colour, stream: io.StringIO, environment: dict[str, str], coloured: bool
) -> None:
    """CLI-1."""
    assert wants_colour(choice, stream, environment) is coloured


def test_a_pipe_gets_no_colour_unless_it_is_forced() -> None:
    assert "\x1b[" not in started("demo").stdout
    assert "\x1b[" in started("demo", FORCE_COLOR="1").stdout


def test_letters_that_an_encoding_lacks_are_replaced_not_fatal() -> None:
    ended = started("demo", PYTHONIOENCODING="ascii")
    assert ended.returncode == 0
    assert ended.stdout.isascii()
    assert "#" in ended.stdout


def test_a_pod_is_meant_by_a_name_alone() -> None:
    """CLI-1: `upid analyze NAME` means the pod."""
    listed = started("analyze", "workload", "demo-shop", "--recording", "sample", "-o", "name")
    pod = listed.stdout.split()[0].removeprefix("pod/")
    found = started("analyze", pod, "--recording", "sample", "-o", "json")
    assert json.loads(found.stdout)["kind"] == "PodAnalysis"


def test_recommendations_agree_with_the_report() -> None:
    report = json.loads(started("demo", "-o", "json").stdout)
    listed = json.loads(started("recommend", "--recording", "sample", "-o", "json").stdout)
    assert listed["total"] == len(listed["items"])
    assert listed["total"] == report["optimization_potential"]["recommendations"]
    saving = sum(one["saving"]["monthly"] for one in listed["items"])
    assert saving == pytest.approx(report["optimization_potential"]["saving"]["monthly"])
