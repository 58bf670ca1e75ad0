"""Steering an actor over HTTP, on this machine or in a pod, and running one on this machine."""

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.world import parts
from tests.world.waiting import wait_until

LIMIT = 30.0  # seconds for what takes less than one on an idle machine
# Put before a command, so that it ends with the test run, also when that is killed.
DYING_WITH_US = ("setpriv", "--pdeathsig", "KILL")
_FREE = "127.0.0.1:0"  # the program says which port it got
_TICKS = os.sysconf("SC_CLK_TCK")  # of the kernel's account of CPU time, a second


@dataclass(frozen=True)
class Steered:
    """An actor by the address of its HTTP port, "HOST:PORT"."""

    http: str

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """Return the answer to a GET, whatever its status."""
        return httpx2.get(f"http://{self.http}{path}", headers=headers, timeout=LIMIT)

    def post(self, path: str, body: object = None) -> httpx2.Response:
        """Return the answer to a POST of JSON, whatever its status."""
        return httpx2.post(f"http://{self.http}{path}", json=body, timeout=LIMIT)

    def told(self, at: int | None = None) -> dict[str, Any]:
        """Return what it was told until now, or until `at` in nanoseconds since 1970."""
        query = "" if at is None else f"?at={at}"
        answer: dict[str, Any] = self.get(f"/actor/told{query}").raise_for_status().json()
        return answer

    def schedule(self, **schedules: str) -> dict[str, Any]:
        """Set `cpu`, `memory` or both from now on, and return what is told then."""
        answer: dict[str, Any] = self.post("/actor/schedule", schedules).raise_for_status().json()
        return answer

    def fail(self, probe: str, count: int | None = None) -> None:
        """Make "startup", "readiness" or "liveness" fail, for ever or `count` times."""
        times = "" if count is None else f"&count={count}"
        self.post(f"/actor/fail?probe={probe}&on=true{times}").raise_for_status()

    def heal(self, probe: str) -> None:
        """Make a probe pass again."""
        self.post(f"/actor/fail?probe={probe}&on=false").raise_for_status()

    def counts(self, agent: str) -> dict[str, tuple[int, int]]:
        """Return path → (requests, those that failed) of one class of agents."""
        rows = self.get("/actor/counts").raise_for_status().json()["counts"]
        return {r["path"]: (r["count"], r["failed"]) for r in rows if r["agent"] == agent}

    def served(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the lines of the ledger after the line of that number."""
        answer = self.get(f"/actor/served?after={after}").raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]


@dataclass(frozen=True)
class Acted:
    """One running `actor serve` on this machine."""

    running: subprocess.Popen[bytes]
    log: Path

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return what it said about itself."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def saw(self, event: str) -> bool:
        """Return whether it said that word."""
        return any(line["event"] == event for line in self.events)

    @property
    def ports(self) -> dict[str, str]:
        """Return "http", "grpc" and "tcp" → HOST:PORT, once it listens."""
        return next(line for line in self.events if line["event"] == "listening")

    @property
    def steered(self) -> Steered:
        """Return what steers it, once it listens."""
        return Steered(self.ports["http"])

    @property
    def cpu_seconds(self) -> float:
        """Return the CPU time of the process by the kernel's account."""
        after_name = Path(f"/proc/{self.running.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / _TICKS

    @property
    def resident(self) -> int:
        """Return the resident bytes of the process."""
        pages = int(Path(f"/proc/{self.running.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def code(self) -> int:
        """Return the exit code, once it has ended."""
        return self.running.wait(LIMIT)


@contextlib.contextmanager
def acted(
    folder: Path, *flags: str, until: str = "ready", environment: dict[str, str] | None = None
) -> Iterator[Acted]:
    """Run an actor on free ports until the block ends; its log is a file in `folder`.

    until  the event to wait for: "began", "listening", "ready", or "" for none

    Raises `NotBuilt`, and `WaitedInVain` when the event does not come.
    """
    ports = [f"--{port}={_FREE}" for port in ("http", "grpc", "tcp")]
    number, name = tempfile.mkstemp(prefix="actor-", suffix=".log", dir=folder)
    with open(number, "wb") as out:  # noqa: PTH123 - it is open already
        running = subprocess.Popen(
            [*DYING_WITH_US, parts.program("actor"), "serve", *ports, *flags],
            stdout=out,
            stderr=out,
            env=os.environ | (environment or {}),
        )
    try:
        actor = Acted(running, Path(name))
        if until:
            wait_until(f"the actor: {until}", lambda: actor.saw(until), LIMIT, actor.log)
        yield actor
    finally:
        running.kill()
        running.wait(LIMIT)
