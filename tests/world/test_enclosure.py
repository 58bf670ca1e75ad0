"""A world leaves nothing behind, however it ends, and several stand side by side."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import needs, place, traces
from tests.world.enclosure import (
    CannotEnclose,
    Enclosure,
    enclose,
    enclosed,
    end_stayed,
)
from tests.world.waiting import WaitedInVain, wait_until

pytestmark = pytest.mark.world


@pytest.fixture
def own() -> Iterator[Enclosure]:
    """Yield an enclosure of this test's own."""
    needs.need_enclosure()
    with enclosed() as made:
        yield made


# A run of tests in small: an enclosure with a route, a chain, a mount, a daemon and a cgroup in it.
_RUN = """
import sys, time
from pathlib import Path
from tests.world import place
from tests.world.enclosure import enclose
made = enclose()
made.start("long", "sleep", "1000")
made.run("sh", "-c", "setsid sleep 1001 > /dev/null 2>&1 &")
made.run("iptables", "-t", "nat", "-N", "WORLD-TEST")
made.run("mount", "-t", "tmpfs", "-o", "size=1m", "world", "/mnt")
made.run("touch", "/var/lib/left-by-a-world", "/run/left-by-a-world")
for root in place.cgroup_roots():
    if root.name == "memory" or (root / "cgroup.subtree_control").exists():
        (root / place.cgroup_of(made.number) / "pods").mkdir(parents=True, exist_ok=True)
print(made.number, made.pid, flush=True)
time.sleep(60)
"""


_LET_GO = """
from tests.world.enclosure import enclose
made = enclose()
made.start("later", "sh", "-c", "sleep 1; echo still here; sleep 1000")
made.let_go()
print(made.number)
"""


@pytest.fixture
def killed_run(root: Path) -> int:
    """Return the number of a world whose test run was ended by SIGKILL."""
    needs.need_enclosure()
    return _kill_a_run(root)


def _kill_a_run(root: Path, kept: int = 0) -> int:
    """Kill a run; its link stays for `kept` seconds, as the kernel may let it."""
    run = subprocess.Popen(
        [sys.executable, "-c", _RUN], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert run.stdout is not None
    number, first = map(int, run.stdout.readline().split())
    assert traces.of(number), "the run was to leave traces while it lived"
    with Path(f"/proc/{first}/ns/net").open("rb") as network:
        keep = ["sh", "-c", f"exec 3<&0; sleep {kept} &"]
        subprocess.run(keep, stdin=network, check=True, timeout=10)
    run.send_signal(signal.SIGKILL)
    run.wait(timeout=10)
    run.stdout.close()
    wait_until("the first process to follow", lambda: not Path(f"/proc/{first}").exists(), 10)
    return number


def test_a_killed_run_takes_its_processes_links_and_mounts_with_it(killed_run: int) -> None:
    """Without anybody cleaning up: only a folder and empty control groups stay."""
    wait_until("its links to go", lambda: "links" not in traces.of(killed_run), 10)
    assert not {"processes", "routes", "chains", "mounts"} & set(traces.of(killed_run))
    place.sweep()


def test_the_next_start_removes_what_a_killed_run_left(killed_run: int) -> None:
    wait_until("its links to go", lambda: "links" not in traces.of(killed_run), 10)
    enclose().close()
    assert traces.of(killed_run) == {}
    assert not Path("/var/lib/left-by-a-world").exists()
    assert not Path("/run/left-by-a-world").exists()


def test_the_next_start_cleans_up_after_every_dead_run(root: Path) -> None:
    """Also after those whose number it does not take."""
    needs.need_enclosure()
    with enclosed() as first:
        killed = _kill_a_run(root)
        assert killed != first.number
    wait_until("its links to go", lambda: "links" not in traces.of(killed), 10)
    with enclosed() as following:
        assert following.number != killed
        assert traces.of(killed) == {}


def test_up_and_down_leaves_the_machine_as_it_was() -> None:
    needs.need_enclosure()
    for _ in range(3):
        with enclosed() as made:
            made.start("long", "sleep", "1000")
            number = made.number
            assert traces.of(number)
        assert traces.of(number) == {}


def test_a_number_is_usable_again_at_once_after_a_kill(root: Path) -> None:
    """The link of the dead world goes later than its lock."""
    needs.need_enclosure()
    killed = _kill_a_run(root, kept=1)
    with enclosed() as following:
        assert "UP" in following.run("ip", "link", "show", "world0")
    assert traces.of(killed) == {}


def test_a_world_that_is_let_go_outlives_its_maker_until_it_is_ended(root: Path) -> None:
    needs.need_enclosure()
    made = subprocess.run(
        [sys.executable, "-c", _LET_GO],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
        cwd=root,
    )
    number = int(made.stdout)
    try:
        log = place.folder_of(number) / "logs" / "later.log"
        wait_until("its program to go on", lambda: "still here" in log.read_text(), 10)
        assert number in place.living()
    finally:
        end_stayed(number)
    assert traces.of(number) == {}


def test_two_worlds_do_not_see_each_other(own: Enclosure) -> None:
    with enclosed() as other:
        assert own.number != other.number
        for world in (own, other):  # the same port in both
            world.start("web", sys.executable, "-m", "http.server", "8000")
        pids = own.run("ps", "-eo", "args=").splitlines()
        assert sum("http.server" in line for line in pids) == 1
        other.program("web").kill()
        assert own.program("web").alive


def test_a_program_that_ends_says_how(own: Enclosure) -> None:
    own.start("brief", "sh", "-c", "echo said; exit 3")
    program = own.program("brief")
    wait_until("it to end", lambda: not program.alive, 10)
    assert program.code() == 3
    assert program.log.read_text() == "said\n"


def test_a_program_that_ignores_the_request_to_end_is_ended(own: Enclosure) -> None:
    program = own.start("deaf", "sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    wait_until("it to be deaf", lambda: "deaf" not in _ignored(own, program.pid), 10)
    program.stop(seconds=0.3)
    assert program.code() == 128 + signal.SIGKILL


def test_a_program_that_is_not_there_is_named(own: Enclosure) -> None:
    with pytest.raises(CannotEnclose, match="no-such-program"):
        own.start("none", "no-such-program")


def test_a_wait_ends_and_names_what_was_waited_for(own: Enclosure) -> None:
    program = own.start("talker", "sh", "-c", "echo last words; exec sleep 100")
    wait_until("its words", lambda: "words" in program.log.read_text(), 10)
    with pytest.raises(WaitedInVain, match=r"(?s)waited 0\.1 s for rain.*last words"):
        wait_until("rain", lambda: False, 0.1, program.log)


def test_a_number_is_taken_as_long_as_anything_in_the_world_lives(own: Enclosure) -> None:
    assert own.number in place.living()
    assert own.number not in place.sweep()


def test_a_world_whose_lock_is_out_of_sight_is_left_alone(own: Enclosure) -> None:
    """As that of a run with a `/tmp` of its own, which shares links and control groups."""
    program = own.start("long", "sleep", "1000")
    lock = place.STATE / f"{own.number}.lock"
    aside = lock.rename(place.STATE / f"aside-{own.number}")
    try:
        assert own.number not in place.sweep()
    finally:
        aside.rename(lock)
    assert program.alive
    assert own.folder.is_dir()


def test_a_file_that_is_no_world_is_left_alone() -> None:
    needs.need_enclosure()
    place.STATE.mkdir(exist_ok=True)
    stranger = place.STATE / f"stranger-{os.getpid()}"
    stranger.touch()
    try:
        enclose().close()
        assert stranger.exists()
    finally:
        stranger.unlink()


def _ignored(own: Enclosure, pid: int) -> str:
    status = own.run("cat", f"/proc/{pid}/status")
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigIgn"))
    return "" if int(mask, 16) >> (signal.SIGTERM - 1) & 1 else "deaf"
