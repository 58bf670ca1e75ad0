"""Where the answer goes may be full or closed: that is no bug, and is said."""

import subprocess
import sys
from pathlib import Path

import pytest


def demo(redirection: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", f'"$0" -m upid demo {redirection}', sys.executable],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_behind_stdout_is_refused_and_named() -> None:
    ended = demo("> /dev/full")
    assert ended.returncode == 2
    assert "No space left" in ended.stderr
    assert "bug" not in ended.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-"])
def test_a_closed_stream_is_no_error(closed: str) -> None:
    ended = demo(closed)
    assert (ended.returncode, ended.stderr) == (0, "")
