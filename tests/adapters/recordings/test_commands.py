"""`upid recording …` through the real program: answers on stdout, codes of the documented table."""

import json
import subprocess
import sys
from pathlib import Path
from typing import TypeAlias

import pytest

from upid.adapters.recordings import open_recording

Done: TypeAlias = "subprocess.CompletedProcess[str]"


def upid(*words: object) -> Done:
    program = Path(sys.executable).with_name("upid")
    return subprocess.run(
        [program, "recording", *map(str, words)], capture_output=True, text=True, check=False
    )


def test_inspect_prints_the_manifest_for_people_and_for_machines(small: Path) -> None:
    table, document = upid("inspect", small), upid("inspect", small, "-o", "json")
    assert (table.returncode, document.returncode) == (0, 0)
    assert "acme-prod" in table.stdout
    assert table.stderr == ""
    found = json.loads(document.stdout)
    assert found["kind"] == "Recording"
    assert found["manifest"]["metrics"]["cpu"]["samples"] == 44


def test_validate_ends_with_2_and_names_the_part(small: Path, tmp_path: Path) -> None:
    assert upid("validate", small).returncode == 0
    with open_recording(small) as recording:
        extent = recording.members.extents["prices.json"]
    raw = bytearray(small.read_bytes())
    raw[extent.offset] ^= 1
    damaged = tmp_path / "d.upid"
    damaged.write_bytes(raw)
    done = upid("validate", damaged, "-o", "json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["problems"][0]["part"] == "prices.json"


def test_anonymise_writes_a_copy_and_never_over_another_file(small: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sixteen letters!\n")
    words = ("anonymise", small, tmp_path / "a.upid", "--key-file", tmp_path / "key")
    assert upid(*words).stdout == f"{tmp_path / 'a.upid'}\n"
    again = upid(*words)
    assert (again.returncode, again.stdout) == (2, "")
    assert "exists already" in again.stderr


@pytest.mark.parametrize("command", ["inspect", "validate", "anonymise", "create"])
def test_every_command_shows_an_example_in_its_help(command: str) -> None:
    done = upid(command, "--help")
    assert done.returncode == 0
    assert f"Example: upid recording {command}" in done.stdout


def test_a_path_without_a_recording_ends_with_2(tmp_path: Path) -> None:
    done = upid("inspect", tmp_path / "none.upid")
    assert done.returncode == 2
    assert "there is no recording at" in done.stderr
