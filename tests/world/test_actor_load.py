"""The actor takes exactly the CPU time and the memory that it is told to."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.world import acting, needs
from tests.world.acting import LIMIT, Acted
from tests.world.waiting import wait_until

pytestmark = pytest.mark.world

_MIB = 2**20
_SHARE = 0.02  # how far CPU time and memory may be from what was told
_TICK = 0.02  # seconds between two looks of the program at its own use
_PATIENT = "--catch-up=600s"  # however busy the machine is, nothing is forgiven
_LOOKS = 10  # one after another that have to find the same
_BEGINNING = 0.05  # CPU seconds that starting takes before a schedule has asked for any

Start = Callable[..., Acted]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return what starts an actor with flags; all of them end with the test."""
    needs.need_parts("actor")
    with contextlib.ExitStack() as running:
        yield lambda *flags, **more: running.enter_context(acting.acted(tmp_path, *flags, **more))


@pytest.fixture
def busy() -> Iterator[None]:
    """Keep more processes busy than the machine has cores."""
    loop = [*acting.DYING_WITH_US, "sh", "-c", "while :; do :; done"]
    loops = [subprocess.Popen(loop) for _ in range((os.cpu_count() or 1) + 1)]
    yield
    for one in loops:
        one.kill()
        one.wait(LIMIT)


@pytest.mark.parametrize(
    "schedule",
    [
        "steady:0.3",
        "diurnal:0.3,swing=0.25,period=1s",
        "burst:0.8,base=0.1,every=1s,for=0.3s",
        "leak:0.1/s,max=0.5",
    ],
)
def test_it_uses_the_cpu_time_it_is_told_to_beside_busy_neighbours(
    start: Start, busy: None, schedule: str
) -> None:
    actor = start(f"--cpu={schedule}", _PATIENT)
    assert _see(actor, seconds=3)["told_seconds"] > 0.4


def test_serving_is_part_of_the_cpu_time_it_is_told_to_use(start: Start) -> None:
    actor = start("--cpu=steady:0.4", _PATIENT)
    client = httpx2.Client(base_url=f"http://{actor.ports['http']}")
    with contextlib.closing(client):
        while actor.steered.told()["cpu"]["told_seconds"] < 1.2:
            for _ in range(50):
                client.get("/orders")
    assert _see(actor, seconds=3)["consumed_seconds"] > 1.1


def test_a_spike_is_spent_at_the_start(start: Start) -> None:
    actor = start("--cpu=spike:0.8,for=1s", _PATIENT)
    told = _see(actor, seconds=3)
    assert told["told_seconds"] == pytest.approx(0.8)


@pytest.mark.parametrize("megabytes", [32, 64, 200])
def test_it_takes_the_memory_it_is_told_to(start: Start, megabytes: int) -> None:
    actor = start(f"--memory=steady:{megabytes}Mi")
    _come_close(actor, megabytes * _MIB)


def test_what_is_released_is_really_released(start: Start) -> None:
    actor = start("--memory=steady:200Mi")
    _come_close(actor, 200 * _MIB)
    told = actor.steered.schedule(memory="steady:40Mi")
    assert told["memory"]["target_bytes"] == 40 * _MIB
    _come_close(actor, 40 * _MIB)


def test_a_leak_grows_to_its_bound_and_stays_there(start: Start) -> None:
    actor = start("--memory=steady:24Mi+leak:20Mi/s,max=40Mi")
    wait_until("a leak half way", lambda: actor.resident > 44 * _MIB, LIMIT)
    assert actor.resident < 66 * _MIB
    _come_close(actor, 64 * _MIB)


def test_another_schedule_takes_over_and_the_past_can_be_asked(start: Start) -> None:
    actor = start("--cpu=steady:0.2")
    before = actor.steered.told()
    after = actor.steered.schedule(cpu="steady:0.1")
    assert (before["cpu"]["cores"], after["cpu"]["cores"]) == (0.2, 0.1)
    past = actor.steered.told(before["at_ns"])
    assert past["cpu"]["schedule"] == "steady:0.2"
    # Nanoseconds pass through a float on the way, which keeps them to a microsecond.
    assert past["cpu"]["told_seconds"] == pytest.approx(before["cpu"]["told_seconds"], abs=1e-5)
    assert actor.steered.get(f"/actor/told?at={before['started_ns'] - 10**9}").status_code == 400
    assert actor.steered.get(f"/actor/told?at={before['now_ns'] + 10**12}").status_code == 400


@pytest.mark.parametrize("body", [{"cpu": "wave:1"}, {"disk": "steady:1"}, []])
def test_a_schedule_that_makes_no_sense_changes_nothing(start: Start, body: object) -> None:
    actor = start("--cpu=steady:0.1")
    assert actor.steered.post("/actor/schedule", body).status_code == 400
    assert actor.steered.told()["cpu"]["schedule"] == "steady:0.1"


def _see(actor: Acted, seconds: float) -> dict[str, float]:
    """Return what it was told and used after so many seconds of its schedule, once that agrees.

    That is so by its own word and by the kernel's account, which counts in ticks of 10 ms. It may
    be late, because a busy machine gives it less than it asks for, and is then left to catch up
    without being told to use more. It must never be early.
    """
    seen: list[dict[str, float]] = []

    def look() -> float:
        answer = actor.steered.told()
        cpu = answer["cpu"]
        used = max(cpu["consumed_seconds"], actor.cpu_seconds)
        assert used < cpu["told_seconds"] + _slack(cpu) + _BEGINNING, (used, cpu)
        assert cpu["forgiven_seconds"] == cpu["excess_seconds"] == 0, cpu
        seen.append(cpu)
        return float(answer["now_ns"] - answer["started_ns"]) / 1e9

    def agrees() -> bool:
        look()
        used = min(seen[-1]["consumed_seconds"], actor.cpu_seconds)
        return seen[-1]["told_seconds"] - used < _slack(seen[-1])

    wait_until("the schedule to have gone on", lambda: look() > seconds, LIMIT, pause=0.2)
    actor.steered.schedule(cpu="steady:0")
    wait_until("what it used to agree with what it was told", agrees, 2 * LIMIT, pause=0.2)
    return seen[-1]


def _slack(cpu: dict[str, float]) -> float:
    return _SHARE * cpu["told_seconds"] + _TICK


def _come_close(actor: Acted, target: int) -> None:
    """Wait until the kernel's account of the process is within 2 % of the target, and stays."""
    looks: list[bool] = []

    def has_settled() -> bool:
        looks.append(abs(actor.resident - target) < _SHARE * target)
        return len(looks) >= _LOOKS and all(looks[-_LOOKS:])

    wait_until(f"{target} resident bytes", has_settled, LIMIT, actor.log, pause=_TICK)
