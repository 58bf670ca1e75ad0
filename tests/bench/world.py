"""Group world: how long the real cluster of the tests takes to be there, and what it weighs."""

import os
import time
from functools import cache
from typing import NamedTuple

from tests.bench.ledger import Ledger, Measure
from tests.world import control_plane as planes
from tests.world import enclosure, images, parts, pods
from tests.world import node as nodes
from tests.world.cluster import namespace
from tests.world.fleet import starting
from tests.world.weight import weigh

MEGABYTE = 10**6
MOST_SECONDS = {
    "control-plane": 5,
    "node-ready": 12,
    "first-pod": 15,
    "fleet-2000": 60,
    "fleet-10000": 300,
}
MOST_MEGABYTES = 3000  # with 10,000 pods
MOST_WITH_A_NODE = 1200  # MB
NODES = {2_000: 100, 10_000: 500}


class Ran(NamedTuple):
    """A fleet that was: seconds from nothing to every pod Running and Ready, bytes it took then."""

    ready: float
    weight: dict[str, int]


@cache
def ran(pods: int) -> Ran:
    """Return the one run of a size, made as a test makes a fleet."""
    started = time.perf_counter()
    with enclosure.enclosed() as made, starting.running(made, NODES[pods], pods):
        return Ran(time.perf_counter() - started, dict(weigh(made)))


def control_plane(ledger: Ledger) -> None:
    """From nothing to an API server that says it is ready, with controllers and scheduler."""
    if not possible():
        return
    started = time.perf_counter()
    with enclosure.enclosed() as made, planes.running(made):
        took = time.perf_counter() - started
    bound(ledger, "control-plane", took)


def node(ledger: Ledger) -> None:
    """From nothing to a real node that is Ready, to the first pod that is Running; its weight."""
    if not possible():
        return
    with enclosure.enclosed() as made:
        started = time.perf_counter()
        plane = planes.prepare(made)
        plane.start()
        nodes.start(plane, images.write_all(made.folder / "images"))
        ready = time.perf_counter() - started
        with namespace(plane) as cluster:
            cluster.run("first", pods.actor())
            first = time.perf_counter() - started
            weight = sum(weigh(made).values()) / MEGABYTE
    bound(ledger, "node-ready", ready)
    bound(ledger, "first-pod", first)
    ledger.row("node-memory", ours=weight, peer=MOST_WITH_A_NODE, of="bound", unit="MB", at_most=1)


def fleet_2000(ledger: Ledger) -> None:
    """From nothing to 2,000 pods that real controllers made, Running and Ready on 100 nodes."""
    if possible():
        bound(ledger, "fleet-2000", ran(2_000).ready)


def fleet_10000(ledger: Ledger) -> None:
    """The same with 10,000 pods on 500 nodes, and what all processes take then."""
    if not possible():
        return
    found = ran(10_000)
    bound(ledger, "fleet-10000", found.ready)
    weight = sum(found.weight.values()) / MEGABYTE
    ledger.row(
        "fleet-10000-memory", ours=weight, peer=MOST_MEGABYTES, of="bound", unit="MB", at_most=1
    )
    for name, size in sorted(found.weight.items(), key=lambda one: -one[1]):
        if size > weight * MEGABYTE / 20:
            ledger.row(
                f"  {name}", ours=size / MEGABYTE, peer=weight, of="the whole world", unit="MB"
            )


def bound(ledger: Ledger, name: str, seconds: float) -> None:
    """Write down seconds against their bound, with how busy the machine is."""
    print(f"  load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    ledger.row(name, ours=seconds, peer=MOST_SECONDS[name], of="bound", unit="s", at_most=1)


def possible() -> bool:
    """Return whether this machine can have a world; say why not."""
    absent = parts.not_built()
    reason = enclosure.missing() or (f"not built: {', '.join(absent)}" if absent else None)
    if reason and os.environ.get("CI", "").lower() == "true":
        raise RuntimeError(reason)
    if reason:
        print(f"  not measured: {reason} (make world)", flush=True)
    return reason is None


ROWS: dict[str, Measure] = {
    "control-plane": control_plane,
    "node": node,
    "fleet-2000": fleet_2000,
    "fleet-10000": fleet_10000,
}
