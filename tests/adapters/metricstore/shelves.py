"""Stores in a folder with clocks moved by hand, and deliveries to put into them."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from tests.fixtures.clock import FixedClock
from upid.adapters.metricstore import EmbeddedStore, StoreLimits
from upid.core import metrics as m
from upid.core.metrics import Metric
from upid.core.panel import Panel
from upid.core.ports.metric_store import Batch
from upid.core.samples import unix_milli
from upid.core.window import Window

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
BASE = unix_milli(START)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TICK = timedelta(minutes=10)
CLUSTER = "cl_0123456789abcdef"

Row = tuple[int, int, float]  # series, milliseconds after START, value


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder, in memory where there is such a place: thousands of fsyncs take minutes."""
    shared = Path("/dev", "shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as found:
        yield Path(found)


class Machine:
    """A wall clock and a monotonic one that run together, until one is set."""

    def __init__(self, now: datetime = START) -> None:
        self.wall = FixedClock(now)
        self.running = 1000.0

    def pass_(self, by: timedelta) -> None:
        """Let time pass on both."""
        self.wall.move(by)
        self.running += by.total_seconds()

    def monotonic(self) -> float:
        return self.running


def opened(root: Path, machine: Machine, limits: StoreLimits | None = None) -> EmbeddedStore:
    return EmbeddedStore(root, machine.wall, limits, machine.monotonic)


def batch(metric: Metric, rows: Iterable[Row]) -> Batch:
    ids, times, values = zip(*rows, strict=True)
    return Batch(
        metric,
        np.array(ids, np.int64),
        np.array(times, np.int64) + BASE,
        np.array(values, np.float64),
    )


def tick(metric: Metric, at: timedelta, values: Mapping[int, float]) -> Batch:
    """Return samples of one time."""
    return Batch(
        metric,
        np.array(sorted(values), np.int64),
        np.array([unix_milli(START + at)]),
        np.array([values[one] for one in sorted(values)]),
    )


def everything(store: EmbeddedStore, metric: Metric, days: int = 4) -> dict[tuple[int, int], float]:
    """Return all samples of a metric, by series and milliseconds after START."""
    window = Window(START - DAY, START + days * DAY)
    panel = store.panel(CLUSTER, metric, window, cadence=timedelta(milliseconds=1))
    return told(panel)


def told(panel: Panel) -> dict[tuple[int, int], float]:
    steps = panel.steps_of_samples() * (panel.cadence // timedelta(milliseconds=1))
    times = steps + unix_milli(panel.start) - BASE
    series = panel.ids[panel.row_of_sample()]
    keys = zip(series.tolist(), times.tolist(), strict=True)
    return dict(zip(keys, panel.values.tolist(), strict=True))


def fill(root: Path, machine: Machine, hours: int, series: int = 40) -> int:
    """Put a tick of three metrics every ten minutes into a store; return how many samples."""
    rng = np.random.default_rng(3)
    count = 0
    with opened(root, machine) as store:
        for number in range(hours * 6):
            at = number * TICK
            machine.pass_(max(START + at - machine.wall(), timedelta()))
            batches = []
            for metric, first in ((m.CPU, 0), (m.MEMORY, 0), (m.REQUESTS, 100)):
                found = rng.integers(0, 10**6, series) / metric.scale
                ids = range(first, first + series)
                batches.append(tick(metric, at, dict(zip(ids, found.tolist(), strict=True))))
            count += store.append(CLUSTER, batches).kept
            if number % 6 == 0:
                store.tidy()
    return count


def at_rest(root: Path) -> dict[str, str]:
    """Return the digest of each file that holds samples, and of the manifests."""
    found = sorted([*root.glob("resolution=*/*/*/*"), *root.glob("manifest/*/*")])
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
    }
