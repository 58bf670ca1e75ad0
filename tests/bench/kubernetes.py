"""Group kubernetes: ten thousand pods of 7 KB from a local server, listed and parsed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from statistics import median
from typing import NamedTuple

from tests.bench.ledger import IN, Ledger, Measure, program, seconds
from tests.bench.pod_server import PODS
from tests.bench.world import possible
from tests.world.enclosure import enclosed
from tests.world.fleet.starting import running

TURNS = 5
MEGABYTE = 10**6
MOST_MEGABYTES = 150
LIVE_NODES, LIVE_PODS, LIVE_SECONDS = 100, 2_000, 4


class Ran(NamedTuple):
    """What one way took: median seconds, and the most memory of its process in bytes."""

    seconds: float
    peak: float


@contextmanager
def serving() -> Iterator[str]:
    """Yield the port of a server with ten thousand pods."""
    command = (sys.executable, "-m", "tests.bench.pod_server")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        yield running.stdout.readline().strip()
        running.stdin.close()


@cache
def ran() -> dict[tuple[str, str], Ran]:
    """Return what each way took; they take turns, so that a busy machine is fair."""
    ways = [("client", "gzip"), ("bound", "gzip"), ("client", "identity"), ("bound", "identity")]
    if find_spec("lightkube"):
        ways.append(("lightkube", "gzip"))
    took: dict[tuple[str, str], list[dict[str, float]]] = {way: [] for way in ways}
    with serving() as port:
        for _ in range(TURNS):
            for way, encoding in ways:
                command = (sys.executable, "-m", "tests.bench.pod_lists", way, port, encoding)
                answer = subprocess.run(command, capture_output=True, check=True).stdout
                found = json.loads(answer)
                if found["pods"] != PODS:
                    raise RuntimeError(f"{way} listed {found['pods']} pods of {PODS}")
                took[way, encoding].append(found)
    return {
        way: Ran(median(one["seconds"] for one in runs), max(one["peak"] for one in runs))
        for way, runs in took.items()
    }


def list_pods(ledger: Ledger) -> None:
    """Listed and parsed, compressed as the client asks for by itself; and what it weighs."""
    found = ran()
    ours, bound = found["client", "gzip"], found["bound", "gzip"]
    of = "transfer, gunzip and decode"
    ledger.row(
        "list-10000-pods", ours=ours.seconds, peer=bound.seconds, of=of, unit="s", at_most=1.5
    )
    peak = ours.peak / MEGABYTE
    ledger.row(
        "list-10000-pods-memory", ours=peak, peer=MOST_MEGABYTES, of="bound", unit="MB", at_most=1
    )
    plain, least = found["client", "identity"], found["bound", "identity"]
    of = "transfer and decode, uncompressed"
    ledger.row("  uncompressed", ours=plain.seconds, peer=least.seconds, of=of, unit="s")


def list_pods_lightkube(ledger: Ledger) -> None:
    """The same against lightkube, the quickest of the public clients."""
    found = ran()
    peer = found.get(("lightkube", "gzip"))
    if peer is None:
        print("  not measured: lightkube is not installed", flush=True)
        return
    ours = found["client", "gzip"].seconds
    ledger.row(
        "list-10000-pods-lightkube",
        ours=ours,
        peer=peer.seconds,
        of="lightkube",
        unit="s",
        at_most=0.5,
    )


def analyze_live(ledger: Ledger) -> None:
    """`upid analyze cluster` on 2,000 live simulated pods without Prometheus, and its stages."""
    if not possible():
        return
    with enclosed() as made, running(made, LIVE_NODES, LIVE_PODS) as fleet:
        config = str(fleet.control_plane.kubeconfig())
        upid = program(IN / "upid", "analyze", "cluster", "--kubeconfig", config, "-q")
        took = seconds({"upid": upid}, TURNS)["upid"]
        command = (sys.executable, "-m", "tests.bench.live_stages", config)
        stages: dict[str, float] = json.loads(
            subprocess.run(command, capture_output=True, check=True).stdout
        )
    print(f"  load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    ledger.row(
        "analyze-2000-live-pods", ours=took, peer=LIVE_SECONDS, of="bound", unit="s", at_most=1
    )
    for name, one in stages.items():
        ledger.row(f"  {name}", ours=one, peer=took, of="the whole command", unit="s")


ROWS: dict[str, Measure] = {
    "analyze-2000-live-pods": analyze_live,
    "list-10000-pods": list_pods,
    "list-10000-pods-lightkube": list_pods_lightkube,
}
