"""Group mirror: ten thousand pods of 7 KB followed; what a change takes, and what a pod weighs."""

import json
import subprocess
import sys
from functools import cache
from statistics import median

from tests.bench.ledger import Ledger, Measure
from tests.bench.pod_server import PODS
from tests.bench.pod_stream import CHANGES

TURNS = 3
A_SECOND = 2_000  # changes that have to be kept up with
MOST_BYTES = 2_000  # a pod, all included
MOST_HELD_UP = 0.05  # seconds for which one cluster may keep the loop from others


@cache
def ran(what: str) -> list[dict[str, float]]:
    """Return what some runs took, each with a server of its own."""
    found = []
    for _ in range(TURNS if what == "changes" else 1):
        server = (sys.executable, "-m", "tests.bench.pod_stream")
        with subprocess.Popen(
            server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as running:
            assert running.stdin is not None
            assert running.stdout is not None
            command = (sys.executable, "-m", "tests.bench.mirror_run", what)
            port = running.stdout.readline().strip()
            answer = subprocess.run((*command, port), capture_output=True, check=True).stdout
            found.append(json.loads(answer))
            running.stdin.close()
    return found


def changes(ledger: Ledger) -> None:
    """Two thousand changes of pods a second on one core, from the wire to who asks."""
    found = ran("changes")
    took = median(one["changed"] for one in found) * A_SECOND / CHANGES
    of = "one second of one core"
    ledger.row("2000-pod-changes", ours=took, peer=1, of=of, unit="s", at_most=1)
    held_up = median(one["held_up"] for one in found)
    ledger.row("  loop-held-up", ours=held_up, peer=MOST_HELD_UP, of="bound", unit="s", at_most=1)
    listed = median(one["listed"] for one in found)
    ledger.row(f"  first-list-{PODS}", ours=listed, peer=3, of="bound", unit="s", at_most=1)


def memory(ledger: Ledger) -> None:
    """A pod of 7 KB in memory, with Python's objects, after each was changed once."""
    [found] = ran("memory")
    ledger.row(
        "pod-in-memory", ours=found["traced"], peer=MOST_BYTES, of="bound", unit="B", at_most=1
    )
    of = "as the mirror says"
    ledger.row("  said", ours=found["said"], peer=found["traced"], of=of, unit="B", at_most=1.25)


ROWS: dict[str, Measure] = {"2000-pod-changes": changes, "pod-in-memory": memory}
