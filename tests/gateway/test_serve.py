"""`upid serve` as a process of its own: from the first line it prints to its end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.postgres import EmptyDatabase

PATIENCE = 30  # seconds
PROGRAM = "import typer; from upid.cli.serve import serve; typer.run(serve)"


class Serving:
    """A server process and the address that it printed."""

    def __init__(self, home: Path, environ: Mapping[str, str], *arguments: str) -> None:
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("UPID_", "XDG_"))}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "--port", "0", *arguments],
            env={**plain, "UPID_HOME": str(home), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        found = re.search(r"http://\S+?:\d+", self.said)
        self.address = found[0] if found else ""

    def get(self, path: str) -> Any:  # noqa: ANN401 - any JSON
        with urllib.request.urlopen(self.address + path, timeout=PATIENCE) as answer:  # noqa: S310
            return json.load(answer)

    def post(self, path: str, body: bytes, kind: str) -> Any:  # noqa: ANN401 - any JSON
        request = urllib.request.Request(  # noqa: S310 - our own address
            self.address + path, data=body, headers={"Content-Type": kind}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            return json.load(answer)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, log = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, log


Start = Callable[..., Serving]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as started:

        def begin(*arguments: str, **environ: str) -> Serving:
            found = Serving(tmp_path / "home", environ, *arguments)
            started.callback(found.end, signal.SIGKILL)
            return found

        yield begin


def test_it_serves_keeps_what_it_was_sent_and_stops_when_told(start: Start, sample: Path) -> None:
    """COL-9, OPS-3, point 7: the same endpoints over HTTP."""
    first = start()
    ready = first.get("/readyz")
    stored = first.post("/api/v1/recordings", sample.read_bytes(), "application/vnd.upid.recording")
    ended = first.end(signal.SIGTERM)
    second = start()
    kept = second.get("/api/v1/recordings")["items"]
    interrupted = second.end(signal.SIGINT)

    assert ready == {"checks": {"database": "ok", "recordings": "ok"}, "status": "ok"}
    assert kept == [stored]
    assert (ended[0], interrupted[0]) == (0, 0)
    assert all(json.loads(line)["event"] for line in ended[1].splitlines())


def test_state_is_for_its_owner_only_and_for_one_server_at_a_time(
    start: Start, tmp_path: Path
) -> None:
    """SEC-8, OPS-1: embedded stores mean one process, and the program says so."""
    start()
    code, log = start().end()

    assert code != 0
    assert "another UPID server works in" in log
    folders = [tmp_path / "home", *(p for p in (tmp_path / "home").rglob("*") if p.is_dir())]
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


def test_a_port_that_is_taken_is_told_with_a_way_out(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, log = start("--port", str(port)).end()

    assert code != 0
    assert f"something listens on '127.0.0.1:{port}' already" in log


def test_wrong_settings_and_targets_stop_the_start(start: Start, tmp_path: Path) -> None:
    """CFG-1."""
    wrong = start("--host", "0.0.0.0", UPID_LOG_LEVEL="loud").end()  # noqa: S104 - refused
    nowhere = start("--target", "gatway").end()

    assert wrong[0] != 0
    assert "2 settings are wrong" in wrong[1]
    assert "there is no target 'gatway'" in nowhere[1]
    assert not (tmp_path / "home").exists()


def test_on_postgresql_the_owner_migrates_and_the_program_serves(
    start: Start, bare_postgres: EmptyDatabase
) -> None:
    """OPS-1."""
    server = start(
        UPID_DATABASE_URL=bare_postgres.url, UPID_DATABASE__OWNER_URL=bare_postgres.owner_url
    )
    assert server.get("/readyz")["status"] == "ok"
    assert server.get("/api/v1/recordings") == {"items": [], "next_cursor": None}
    assert server.end()[0] == 0
