"""A full disk: nothing is acknowledged in vain, reading goes on, no restart is needed (D8)."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.metricstore.test_crash import ROOT


def filled(folder: Path, rounds: int) -> dict[str, int]:
    """Run `full_disk.py` in a mount namespace of its own; return what it says."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a small disk of one's own takes root, and unshare")
    answer = subprocess.run(
        (
            "unshare", "--mount", "--propagation", "private",
            sys.executable, "-m", "tests.adapters.metricstore.full_disk", folder, str(rounds),
        ),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    found: dict[str, int] = json.loads(answer.stdout)
    return found


def test_ten_times_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    said = filled(tmp_path, 10)
    assert said["refused"] >= 10
    assert said["untidy"] >= 1
    assert said["acked"] >= 30


@pytest.mark.slow
@pytest.mark.full
def test_a_hundred_times_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """The full count of D8."""
    assert filled(tmp_path, 100)["refused"] >= 100
