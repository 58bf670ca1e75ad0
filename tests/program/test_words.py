"""What is typed means the same in every command."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

UPID = Path(sys.executable).with_name("upid")


def typed(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([UPID, *words], capture_output=True, text=True, check=False)


def advised(percent: str) -> list[float]:
    """Return how sure the advice is that is at least so sure."""
    done = typed("recommend", "--recording", "sample", "--min-confidence", percent, "-o", "json")
    assert done.returncode == 0, done.stderr
    return [one["confidence"] for one in json.loads(done.stdout)["items"]]


def test_a_confidence_is_per_cent_also_below_two() -> None:
    """API-2 reads 1 as everything; people who type 1 mean one per cent."""
    everything = advised("0")
    assert everything
    assert advised("1") == everything
    assert advised("93") == [sure for sure in everything if sure >= 93]


@pytest.mark.parametrize("verb", ["inspect", "validate"])
def test_the_sample_is_known_by_its_name_wherever_a_recording_is_asked_for(verb: str) -> None:
    assert typed("recording", verb, "sample", "-o", "json").returncode == 0


def test_namespaces_may_be_named_by_argument_or_flag_but_not_left_out() -> None:
    names = ("-o", "name", "--recording", "sample")
    by_flag = typed("analyze", "namespace", "-n", "preview-*", *names)
    assert by_flag.stdout == typed("analyze", "namespace", "preview-*", *names).stdout != ""
    refused = typed("analyze", "namespace", *names)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "no namespace is named" in refused.stderr


def test_the_guides_example_of_a_recording_has_a_cost(root: Path, tmp_path: Path) -> None:
    guide = (root / "docs" / "guide" / "recordings.md").read_text()
    (tmp_path / "objects").mkdir()
    for name, text in re.findall(
        r"^`([\w./]+)`\n\n```\w+\n(.*?)^```$", guide, re.DOTALL | re.MULTILINE
    ):
        (tmp_path / name).write_text(text)
    made = tmp_path / "shop.upid"
    tables = (
        "--samples",
        str(tmp_path / "usage.csv"),
        "--requests",
        str(tmp_path / "requests.csv"),
    )
    typed(
        "recording", "create", "--objects", str(tmp_path / "objects"), *tables, "--out", str(made)
    )

    report = typed("analyze", "cluster", "--recording", str(made))
    found = json.loads(typed("analyze", "cluster", "--recording", str(made), "-o", "json").stdout)

    assert found["total_monthly_cost"] > 0
    assert found["cluster"]["nodes"] == 1
    assert "15 minutes, 2026-03-02 00:00 to 2026-03-02 00:15 UTC" in report.stdout
    assert "Pools" not in report.stdout
    assert report.stdout.count("14 days before the evidence") == 1
