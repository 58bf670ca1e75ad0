"""`upid clusters` without a server, and with what it cannot send: nothing is connected to."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest


def upid(*arguments: str, **named: str) -> "subprocess.CompletedProcess[str]":
    kept = {key: value for key, value in os.environ.items() if not key.startswith("UPID_")}
    return subprocess.run(
        [sys.executable, "-m", "upid", "clusters", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**kept, "HOME": "/nonexistent", "KUBECONFIG": "", **named},
    )


@pytest.mark.parametrize("command", [["list"], ["show", "x"], ["validate", "x"], ["remove", "x"]])
def test_without_a_server_it_ends_with_3_and_says_how_to_start_one(command: list[str]) -> None:
    """EXPERIENCE 1e: cannot connect."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # a port where nobody listens
        port = taken.getsockname()[1]
        ended = upid(*command, "--server", f"http://127.0.0.1:{port}")
    assert ended.returncode == 3
    assert f"127.0.0.1:{port}" in ended.stderr
    assert "upid serve" in ended.stderr


def test_what_was_typed_wrongly_is_said_before_anybody_is_asked(tmp_path: Path) -> None:
    """EXPERIENCE 1e: usage errors end with 2, server or not."""
    empty = tmp_path / "empty"
    empty.write_text("")
    label = upid("add", "prod", "--label", "shop")
    token = upid("add", "prod", "--token-file", str(empty))
    nowhere = upid("add", "prod")

    assert (label.returncode, "'shop' is no label" in label.stderr) == (2, True)
    assert (token.returncode, "there is no token in" in token.stderr) == (2, True)
    assert (nowhere.returncode, "no cluster to connect to" in nowhere.stderr) == (2, True)
