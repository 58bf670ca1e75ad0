"""Neighbours are seen in their enclosure only, and nothing of them outlives a test run."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures import postgres
from tests.world import needs, place, traces
from tests.world.enclosure import Enclosure, enclosed
from tests.world.neighbours.nats import start_nats
from tests.world.neighbours.prometheus import start_prometheus
from tests.world.neighbours.redis import start_redis
from tests.world.neighbours.victoria_metrics import start_victoria_metrics
from tests.world.waiting import wait_until

PROGRAMS = {"nats-server", "postgres", "prometheus", "redis-server", "victoria-metrics"}
PORTS = {4222, 6379, 8222, 8428, 9090}
_NAME = 15  # characters that the kernel keeps of a program's name
GONE = 15.0  # seconds for everything to end after SIGKILL; one, on a machine that is idle

# A run of tests in small, killed in the middle
_START_ALL = """
import sys, time
from tests.fixtures import postgres
from tests.world.enclosure import enclose
from tests.world.test_neighbours_ending import pids_of_host, start_all
made = enclose()
start_all(made)
with postgres.running(made):
    (made.folder / sys.argv[1]).touch()
    print(made.folder, *pids_of_host(made), flush=True)
    time.sleep(60)
"""
_START_ALONE = """
import time
from tests.fixtures import postgres
with postgres.running() as server:
    pid = (server.folder / "tables" / "postmaster.pid").read_text().split()[0]
    print(server.folder, pid, flush=True)
    time.sleep(60)
"""
# Somebody who is not root, but may read what root may: a desk's Python is often in a home
_SOMEBODY = ("unshare", "--user", "--map-user=65534", "--map-group=65534")


def start_all(enclosure: Enclosure) -> None:
    """Start every neighbour that needs no cluster."""
    start_redis(enclosure)
    start_nats(enclosure)
    start_victoria_metrics(enclosure)
    start_prometheus(enclosure)


def pids_of_host(enclosure: Enclosure) -> list[str]:
    """Return the processes of an enclosure as the host counts them."""
    space = Path(f"/proc/{enclosure.pid}/ns/pid").readlink()
    found = []
    for path in Path("/proc").glob("[0-9]*/ns/pid"):
        try:
            if path.readlink() == space:
                found.append(path.parts[2])
        except OSError:
            continue  # it ended meanwhile
    return found


@pytest.fixture
def full() -> Iterator[Enclosure]:
    """Yield an enclosure of this test's own with every neighbour in it."""
    needs.need_enclosure()
    needs.need_parts("neighbours")
    with enclosed() as made:
        start_all(made)
        yield made


@pytest.fixture
def killed(root: Path) -> Iterator[Callable[..., list[str]]]:
    """Return what runs Python code until it says something, kills it, and returns what it said."""
    runs: list[subprocess.Popen[str]] = []

    def run(code: str, *before: str, mark: str = "") -> list[str]:
        command = [*before, sys.executable, "-c", code, mark]
        started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)
        runs.append(started)
        assert started.stdout is not None
        said = started.stdout.readline().split()
        assert said, "the run ended before it had started everything"
        started.send_signal(signal.SIGKILL)
        started.wait(timeout=GONE)
        return said

    yield run
    for started in runs:
        assert started.stdout is not None
        started.stdout.close()


def _listening(lines: str) -> set[tuple[str, int]]:
    """Return address and port of each line of `ss -ltnH`."""
    ends = [line.split()[3].rpartition(":") for line in lines.splitlines()]
    return {(address, int(port)) for address, _, port in ends}


def _running(text: str) -> set[str]:
    """Return the names of programs on this machine whose command line holds a text."""
    commands = [line for line in traces.seen()["processes"] if text in line]
    return {Path(line.split()[0]).name for line in commands}


def _shared_memory() -> set[Path]:
    """Return what PostgreSQL can leave outside its folder: the enclosure shares /dev/shm."""
    return set(Path("/dev/shm").glob("PostgreSQL*"))  # noqa: S108 - where it is


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.world
def test_neighbours_listen_on_the_address_of_their_world_only(full: Enclosure) -> None:
    assert _listening(full.run("ss", "-ltnH")) == {(full.address, port) for port in PORTS}
    on_host = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
    assert not {address for address, _ in _listening(on_host)} & {full.address}
    own = {"pid=" + pid for pid in pids_of_host(full)}
    assert len(own) >= len(PORTS) - 1
    assert not [line for line in on_host.splitlines() if any(f"{one}," in line for one in own)]


@pytest.mark.world
def test_neighbours_end_with_their_enclosure() -> None:
    needs.need_enclosure()
    needs.need_parts("neighbours")
    with enclosed() as made:
        start_all(made)
        with postgres.running(made) as server:
            inside = made.run("ps", "-eo", "comm=").split()
            assert {name[:_NAME] for name in PROGRAMS} <= set(inside)
            pids = pids_of_host(made)
    assert not [pid for pid in pids if _lives(int(pid))]
    assert traces.of(made.number) == {}
    assert not server.folder.exists()


@pytest.mark.world
def test_neighbours_end_with_a_run_that_is_killed(killed: Callable[..., list[str]]) -> None:
    needs.need_enclosure()
    needs.need_parts("neighbours")
    before = _shared_memory()
    mark = f"mark-{secrets.token_hex(8)}"  # the number may be another run's soon
    folder, *pids = killed(_START_ALL, mark=mark)
    assert len(pids) > len(PROGRAMS)
    wait_until("its programs to end", lambda: not any(_lives(int(pid)) for pid in pids), GONE)
    assert _shared_memory() <= before

    def swept() -> bool:
        place.sweep()
        return not Path(folder, mark).exists()

    wait_until("the next start to remove its files", swept, GONE)


@pytest.mark.slow
@pytest.mark.parametrize("who", [(), _SOMEBODY], ids=["me", "somebody"])
def test_postgresql_outside_an_enclosure_ends_with_a_run_that_is_killed(
    killed: Callable[..., list[str]], who: tuple[str, ...]
) -> None:
    if who and os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    folder, pid = killed(_START_ALONE, *who)
    wait_until("PostgreSQL to end", lambda: not _lives(int(pid)), GONE)
    wait_until("its folder to go", lambda: not Path(folder).exists(), GONE)
    assert _running(folder) == set()
