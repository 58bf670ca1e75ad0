"""A program that writes to a store until it is killed, and forks itself so that it starts at once.

It reads lines `FOLDER FIRST COUNT` and starts a child for each, which writes deliveries FIRST up
to FIRST + COUNT into the store in FOLDER. The child prints `started PID`, and `acked K` once
delivery K is acknowledged; one that is refused for want of a disk is tried again.
"""

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from tests.fixtures.clock import FixedClock
from upid.adapters.metricstore import EmbeddedStore, StoreLimits, StoreUnavailable
from upid.core import metrics as m
from upid.core.panel import Floats
from upid.core.ports.metric_store import Batch
from upid.core.samples import unix_milli

CLUSTER = "cl_written"
SERIES = 1000
START = datetime(2026, 3, 2, tzinfo=UTC)
STEP = timedelta(minutes=10)  # an hour is 6 deliveries, a day 144
LIMITS = StoreLimits(segment_bytes=200_000)


def values(delivery: int) -> Floats:
    """Return what a delivery says: fixed point does not hold one in 37 of it."""
    whole = (np.arange(SERIES) * 7919 + delivery * 104_729) % 1_000_003
    found: Floats = np.where((whole + delivery) % 37 == 0, whole / 3e6, whole / 1e6)
    return found


def write(root: Path, first: int, count: int) -> None:
    """Write deliveries, tidy up after each, and say what was acknowledged."""
    clock = FixedClock(START + first * STEP)

    def running() -> float:
        return (clock.now - START).total_seconds()

    store = EmbeddedStore(root, clock, LIMITS, running)
    ids = np.arange(SERIES)
    for delivery in range(first, first + count):
        clock.now = START + delivery * STEP
        batch = Batch(m.CPU, ids, np.array([unix_milli(clock.now)]), values(delivery))
        while True:
            try:
                store.append(CLUSTER, [batch])
                break
            except StoreUnavailable:
                say(f"refused {delivery}")
                time.sleep(0.001)
        say(f"acked {delivery}")
        try:
            store.tidy()
        except StoreUnavailable:
            say(f"untidy {delivery}")
    store.close()


def say(line: str) -> None:
    """Print a line at once, by one call of the system."""
    os.write(1, line.encode() + b"\n")


def main() -> None:
    """Start a child for each line."""
    for line in sys.stdin:
        folder, first, count = line.split()
        child = os.fork()
        if child == 0:
            say(f"started {os.getpid()}")
            write(Path(folder), int(first), int(count))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        say(f"ended {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main()
