"""Starting up: what `--help` and completion may import, and how errors end the program."""

import json
import os
import subprocess
import sys

import pytest

HEAVY = {
    "pydantic", "fastapi", "starlette", "scipy", "sqlalchemy", "pyarrow", "numpy", "msgspec",
    "httpx2", "yaml", "uvicorn", "alembic",
}  # fmt: skip
PROBE = """
import json, sys
sys.argv = ["upid", *json.loads(sys.argv[1])]
from upid.cli import main
main._leave = lambda code: None
main.run()
sys.stderr.write("\\n" + json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def started(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the real program as a user would."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("UPID", "NO_COL", "FORCE_"))}
    return subprocess.run(
        [sys.executable, "-m", "upid", *args],
        capture_output=True,
        text=True,
        check=False,
        env={**kept, "COLUMNS": "80", **environment},
    )


@pytest.mark.parametrize(
    ("args", "environment"),
    [
        (["--help"], {}),
        (["analyze", "cluster", "-h"], {}),
        ([], {"_UPID_COMPLETE": "complete_bash", "COMP_WORDS": "upid an", "COMP_CWORD": "1"}),
    ],
)
def test_help_and_completion_import_nothing_heavy(
    args: list[str], environment: dict[str, str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(args)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    assert ended.stdout.strip()
    assert not HEAVY & set(json.loads(ended.stderr.splitlines()[-1]))


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_names_the_commands_and_where_to_start(flag: str) -> None:
    ended = started(flag)
    assert ended.returncode == 0
    for command in ("analyze", "recommend", "explain", "recording", "serve", "openapi", "demo"):
        assert f" {command} " in ended.stdout
    assert "upid demo" in ended.stdout
    assert "--watch" not in started("analyze", "cluster", "-h").stdout


def test_completion_offers_commands() -> None:
    ended = started(
        _UPID_COMPLETE="complete_bash",
        COMP_WORDS="upid ",
        COMP_CWORD="1",
        _TYPER_COMPLETE_TESTING="1",
    )
    assert "analyze" in ended.stdout


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["analyze", "cluster"], 2, "upid demo"),
        (["recommend"], 2, "--recording"),
        (["nonsense"], 2, "nonsense"),
        (["analyze", "cluster", "--recording", "no-such.upid"], 2, "no-such.upid"),
        (["analyze", "cluster", "--server", "http://127.0.0.1:9"], 3, "127.0.0.1:9"),
        (["demo", "--fail-on", "waste>>5"], 2, "position 7"),
        (["analyze", "-q", "cluster"], 2, "before the flags"),
        (["explain", "x", "-l", "a=b", "--recording", "sample"], 2, "-l"),
        (["version", "--watch"], 2, "--watch"),
    ],
)
def test_an_error_is_a_line_a_hint_and_a_code(args: list[str], code: int, said: str) -> None:
    """Experience 1e."""
    ended = started(*args)
    assert ended.returncode == code
    assert ended.stdout == ""
    assert said in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr


def test_the_version_is_printed() -> None:
    assert started("version").stdout.startswith("upid ")
    assert started("--version").stdout == started("version").stdout
