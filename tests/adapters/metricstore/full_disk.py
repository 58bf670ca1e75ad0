"""Writes to a store on a small disk of its own, fills the disk and empties it, again and again.

Run in a mount namespace of its own: it mounts a tmpfs on the folder that it is given. It prints how
often the store refused, and fails where the store did not keep its word.
"""

import json
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import numpy as np

from tests.adapters.metricstore.shelves import (
    CLUSTER,
    HOUR,
    START,
    Machine,
    everything,
    opened,
    tick,
)
from upid.adapters.metricstore import EmbeddedStore, StoreLimits, StoreUnavailable
from upid.adapters.metricstore.inspection import verify
from upid.core import metrics as m

SIZE = "3m"
SERIES = 200
STEP = timedelta(minutes=5)
LIMITS = StoreLimits(segment_bytes=30_000)


class Disk:
    """A small file system, and a file that fills it."""

    def __init__(self, folder: Path) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True)
        self._filler = folder / "filler"

    def fill(self, leave: int) -> None:
        """Leave so many bytes, rounded to pages."""
        with self._filler.open("wb", buffering=0) as file:
            block = bytes(4096)
            try:
                while True:
                    file.write(block)
            except OSError:
                pass
            file.truncate(max(0, file.tell() - leave // 4096 * 4096))

    def empty(self) -> None:
        """Give everything back."""
        self._filler.unlink()


class Sender:
    """Sends deliveries, and remembers what was acknowledged."""

    def __init__(self, store: EmbeddedStore, machine: Machine) -> None:
        self.store, self.machine = store, machine
        self.acked: dict[tuple[int, int], float] = {}
        self.said: Counter[str] = Counter()
        self.number = 0

    def send(self, count: int) -> None:
        """Send deliveries; one that is refused is lost, as its sender lost patience."""
        random = np.random.default_rng(self.number)
        for _ in range(count):
            at = self.number * STEP
            self.number += 1
            self.machine.pass_(STEP)
            found = random.integers(0, 10**7, SERIES) / 1e6
            values = dict(enumerate(found.tolist()))
            try:
                self.store.append(CLUSTER, [tick(m.CPU, at, values)])
            except StoreUnavailable:
                self.said["refused"] += 1
                continue
            self.said["acked"] += 1
            time = at // timedelta(milliseconds=1)
            self.acked |= {(series, time): value for series, value in values.items()}

    def tidy(self) -> bool:
        """Tidy up; return whether there was room."""
        try:
            self.store.tidy()
        except StoreUnavailable:
            self.said["untidy"] += 1
            return False
        return True

    def check(self) -> None:
        """Fail where the store has not exactly what it acknowledged."""
        assert everything(self.store, m.CPU, days=40) == self.acked


def main(folder: Path, rounds: int) -> None:
    """Fill and empty the disk."""
    disk, machine = Disk(folder), Machine(START + HOUR)
    random = np.random.default_rng(4)
    with opened(folder / "store", machine, LIMITS) as store:
        sender = Sender(store, machine)
        for _ in range(rounds):
            disk.fill(int(random.integers(0, 16_000)))
            for _ in range(3):
                sender.send(int(random.integers(1, 12)))
                sender.tidy()
            sender.check()
            disk.empty()
            before = sender.said["refused"]
            sender.send(3)
            assert sender.said["refused"] == before, "no recovery without a restart"
            assert sender.tidy()
            sender.check()
    with opened(folder / "store", machine, LIMITS) as store:
        sender.store = store
        sender.check()
    assert verify(folder / "store") == ()
    sys.stdout.write(json.dumps(sender.said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
