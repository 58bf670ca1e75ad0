"""Plays histories on both servers and says where they part.

python -m tests.world.simulated.agree 1000          seeds 0 to 999 on a control plane of its own
python -m tests.world.simulated.agree 1 --from 417  one seed again
python -m tests.world.simulated.agree --show 417    print a history and what the simulation answers
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from tests.world import control_plane as planes
from tests.world.control_plane import ControlPlane
from tests.world.enclosure import Enclosure, enclosed
from tests.world.simulated.answers import Json
from tests.world.simulated.histories import history
from tests.world.simulated.real import Real, Server
from tests.world.simulated.runs import Playing, Seen, simulated
from tests.world.simulated.seen import comparable, misplaced_event
from tests.world.simulated.steps import History
from tests.world.switches import Switches

AT_ONCE = 24  # histories under way; a consistent list may wait 0.1 s for etcd's progress
SHOWN = 10  # disagreements printed
SLOT = 4  # of the control planes in an enclosure; 0 is everybody's, 1 the old one's
QUIET = Switches(extra={"audit-log-path": ""})  # nobody reads it here
Simulation = Callable[[History, str], list[Seen]]


@dataclass(frozen=True)
class Disagreement:
    """Where a history was answered differently."""

    history: History
    step: int
    expected: Json  # what the real server answered
    found: Json  # what the simulated one did

    def __str__(self) -> str:
        lines = self.history.lines()
        lines[self.step] = f"→{lines[self.step][1:]}"
        replay = f"python -m tests.world.simulated.agree 1 --from {self.history.seed}"
        return "\n".join(
            [
                f"seed {self.history.seed}, step {self.step}; again: {replay}",
                *lines[: self.step + 1],
                f"  real:      {json.dumps(self.expected, sort_keys=True)}",
                f"  simulated: {json.dumps(self.found, sort_keys=True)}",
            ]
        )


def compared(history: History, real: list[Seen], found: list[Seen]) -> Disagreement | None:
    """Return the first step at which two servers differ; nothing when they agree throughout."""
    for seen in (real, found):
        wrong = misplaced_event(seen)
        if wrong:
            return Disagreement(history, len(history.steps) - 1, wrong, wrong)
    pairs = zip(comparable(real), comparable(found), strict=True)
    for step, (expected, answered) in enumerate(pairs):
        if expected != answered:
            return Disagreement(history, step, expected, answered)
    return None


class Bed:
    """A real API server that histories are played on, many at once."""

    def __init__(self, server: Server, lose_past: Callable[[], None]) -> None:
        self._server, self._lose_past = server, lose_past
        self._stamp = f"{time.time_ns() // 1_000_000:x}"  # the same seeds may be played again
        self._sides: list[Real] = []
        self._mine = threading.local()

    def play(self, histories: Iterable[History]) -> Iterator[tuple[History, list[Seen]]]:
        """Play histories; yield each with what came back.

        Those that lose their past do so together, in the middle of each, before all others begin:
        the server restarts. Of the others those that wait for a watch to end go first.
        """
        begun = [(each, self._begin(each)) for each in histories]
        halves = [under_way for each, under_way in begun if each.compacts]
        begun.sort(key=lambda pair: not pair[0].expires)
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                if halves:
                    list(pool.map(self._go_on, halves))
                    self._close()
                    self._lose_past()
                list(pool.map(self._go_on, [under_way for _, under_way in begun]))
        finally:
            self._close()
        for each, under_way in begun:
            yield each, under_way.playing.seen

    def _begin(self, each: History) -> "_UnderWay":
        playing = Playing(each, Real(self._server), f"h{each.seed}-{self._stamp}")
        return _UnderWay(playing, playing.run())

    def _go_on(self, under_way: "_UnderWay") -> None:
        """Play up to the next compaction or the end, on this thread's connection."""
        side = getattr(self._mine, "side", None)
        if side is None:
            side = self._mine.side = Real(self._server)
            self._sides.append(side)
        under_way.playing.side = side
        try:
            next(under_way.steps, None)
        except Exception as error:
            error.add_note(f"while playing seed {under_way.playing.history.seed}")
            raise

    def _close(self) -> None:
        for side in self._sides:
            side.close()


@dataclass
class _UnderWay:
    """A history and where it has come to."""

    playing: Playing
    steps: Iterator[None]


def disagreements(
    seeds: Iterable[int], bed: Bed, simulation: Simulation = simulated
) -> Iterator[Disagreement]:
    """Play the histories of seeds on both servers; yield where they part."""
    for each, seen in bed.play([history(seed) for seed in seeds]):
        namespace = seen[0].body["metadata"]["name"]
        found = compared(each, seen, simulation(each, namespace))
        if found is not None:
            yield found


@contextmanager
def bed_of_its_own(enclosure: Enclosure) -> Iterator[Bed]:
    """Yield a bed on a control plane of its own, without controllers: they write by themselves."""
    with planes.running(enclosure, slot=SLOT, switches=QUIET, controllers=False) as plane:
        yield Bed(Server.at(plane.server, plane.token(), plane.ca), lambda: lose_past_of(plane))


def lose_past_of(plane: ControlPlane) -> None:
    """Compact etcd at a write that comes after all others, and restart the API server.

    Without the restart its watch cache would still serve a past of unsaid length.
    """
    api = plane.api()
    api.create("/api/v1/namespaces", {"metadata": {"generateName": "compacted-"}})
    latest = httpx2.post(f"{plane.etcd}/v3/kv/range", json={"key": "AA=="}, trust_env=False)
    revision = latest.raise_for_status().json()["header"]["revision"]
    answer = httpx2.post(
        f"{plane.etcd}/v3/kv/compaction", json={"revision": revision}, trust_env=False
    )
    answer.raise_for_status()
    plane.program("apiserver").kill()
    plane.start_api_server()


def main() -> int:
    """Play seeds, or show one; return 1 if the servers disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="SEED")
    parser.add_argument("--show", type=int, metavar="SEED")
    asked = parser.parse_args()
    if asked.show is not None:
        shown = history(asked.show)
        answers = comparable(simulated(shown, f"h{asked.show}"))
        for line, answer in zip(shown.lines(), answers, strict=True):
            print(line, "\n      ", json.dumps(answer))
        return 0
    seeds = range(asked.first, asked.first + asked.count)
    with enclosed() as enclosure, bed_of_its_own(enclosure) as bed:
        began = time.monotonic()
        found = list(disagreements(seeds, bed))
        took = time.monotonic() - began
    for each in found[:SHOWN]:
        print(each, "\n")
    print(f"{len(seeds) - len(found)} of {len(seeds)} histories agree, {took:.1f} s")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
