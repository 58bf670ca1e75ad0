"""Group store: what samples take at rest, and what a durable tick and a reading cost."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.ledger import KEPT, Ledger, Measure, seconds
from tests.bench.scale import recording
from tests.fixtures.clock import FixedClock
from upid.adapters.metricstore import EmbeddedStore, StoreLimits
from upid.core import metrics as m
from upid.core.panel import Floats, Ints
from upid.core.ports.metric_store import Batch
from upid.core.rollup import Level
from upid.core.samples import unix_milli
from upid.core.window import Window

TRACES = Path(__file__).resolve().parents[3] / "shared" / "data" / "timeseries"
CLUSTER = "cl_bench"
DAY = timedelta(days=1)
RAW = 16  # bytes of a sample that nobody packs: a time and a float64
MOST_BYTES = 1.30
SERIES, TICKS = 10_000, 60
TICK_METRICS = (m.CPU, m.MEMORY, m.THROTTLED, m.RESTARTS, m.OOM_KILLS)
START = datetime(2026, 3, 2, tzinfo=UTC)
MILLISECONDS = 1000


@contextmanager
def store() -> Iterator[tuple[EmbeddedStore, FixedClock]]:
    """Give an empty store on a real disk, and its clock, which is also its monotonic one."""
    KEPT.mkdir(exist_ok=True)
    clock = FixedClock(START)

    def running() -> float:
        return (clock.now - START).total_seconds()

    with (
        tempfile.TemporaryDirectory(dir=KEPT) as folder,
        EmbeddedStore(
            Path(folder),
            clock,
            StoreLimits(late=100 * DAY),
            running,
        ) as opened,
    ):
        yield opened, clock


def at_rest(opened: EmbeddedStore, resolution: str = "raw") -> int:
    """Return the bytes of a resolution's files."""
    found = opened.root.glob(f"resolution={resolution}/*/*/*")
    return sum(path.stat().st_size for path in found)


def finish(opened: EmbeddedStore, clock: FixedClock) -> None:
    """Let every day become a file."""
    clock.move(200 * DAY)
    opened.tidy()


# ── bytes ────────────────────────────────────────────────────────────────────────────────────────


def fleet_bytes(ledger: Ledger) -> None:
    """Bytes a sample of the ten thousand pods' week, every metric, exact."""
    source = recording()
    window = source.facts().window
    with store() as (opened, clock):
        clock.now = window.end
        kept = 0
        took = 0.0
        for name in sorted(source.facts().metrics):
            panel = source.panel(m.METRICS[name])
            series = panel.ids[panel.row_of_sample()]
            steps = panel.steps_of_samples() * (panel.cadence // timedelta(milliseconds=1))
            batch = Batch(m.METRICS[name], series, unix_milli(panel.start) + steps, panel.values)
            started = time.perf_counter()
            kept += opened.append(CLUSTER, [batch]).kept
            took += time.perf_counter() - started
        started = time.perf_counter()
        finish(opened, clock)
        files = time.perf_counter() - started
        sizes(ledger, "bytes-fleet", at_rest(opened) / kept)
        rolled = sum(at_rest(opened, level) for level in Level)
        ledger.row(
            "  roll-ups beside", ours=rolled / kept, peer=RAW, of="raw, unpacked", unit="B/sample"
        )
        ledger.row("  appended", ours=kept / took / 1e6, peer=1, of="", unit="M/s")
        ledger.row("  into files", ours=kept / files / 1e6, peer=1, of="", unit="M/s")


def trace_bytes(ledger: Ledger) -> None:
    """Bytes a sample of 250 real machines' three months: CPU, memory, network."""
    if not TRACES.is_dir():
        print("  no traces beside the project: bytes-traces is left out")
        return
    table = pq.read_table(TRACES / "bitbrains_vm_5m.parquet")
    vms = np.unique(table.column("vm").to_numpy(), return_inverse=True)[1].astype(np.int64)
    times = table.column("ts").to_numpy().astype(np.int64) * MILLISECONDS

    def column(name: str) -> Floats:
        return np.asarray(table.column(name).to_numpy(), np.float64)

    cores = column("cores") * column("cpu_centipct") / 1e4
    with store() as (opened, clock):
        clock.now = datetime(2013, 10, 1, tzinfo=UTC)
        kept = opened.append(
            CLUSTER,
            [
                Batch(m.CPU, vms, times, np.rint(cores * 1e6) / 1e6),
                Batch(m.MEMORY, vms, times, column("mem_used_mib") * 2**20),
                Batch(m.NETWORK_RX, vms, times, np.rint(column("net_rx_kbs") * 1000)),
                Batch(m.NETWORK_TX, vms, times, np.rint(column("net_tx_kbs") * 1000)),
            ],
        ).kept
        finish(opened, clock)
        sizes(ledger, "bytes-traces", at_rest(opened) / kept)


def sizes(ledger: Ledger, name: str, size: float) -> None:
    """Write down bytes a sample."""
    ledger.row(name, ours=size, peer=MOST_BYTES, of="bound", unit="B/sample", at_most=1)
    ledger.row(
        f"{name}-raw", ours=size, peer=RAW, of="raw, unpacked", unit="B/sample", at_most=0.08
    )


# ── a tick ───────────────────────────────────────────────────────────────────────────────────────


def values(number: int) -> list[Floats]:
    """Return what ten thousand containers do in one tick, metric by metric."""
    rng = np.random.default_rng(number)
    return [
        np.rint(rng.gamma(2, 0.05, SERIES) * 1e6) / 1e6,
        rng.integers(10_000, 500_000, SERIES).astype(np.float64) * 4096,
        np.rint(rng.random(SERIES).clip(0.9) * 1e4 - 9000) / 1e4,
        np.zeros(SERIES),
        np.zeros(SERIES),
    ]


def tick(ledger: Ledger) -> None:
    """p95 of a durable tick of 10,000 containers × 5 metrics against zstd, write and fsync."""
    ids = np.arange(SERIES, dtype=np.int64) * 3
    ours, peers = [], []
    codec = pa.Codec("zstd")
    with store() as (opened, clock), tempfile.TemporaryFile(dir=KEPT) as plain:
        for number in range(TICKS):
            clock.move(timedelta(seconds=15))
            time_ = np.array([unix_milli(clock.now)])
            found = values(number)
            batches = [
                Batch(*one) for one in zip(TICK_METRICS, 5 * [ids], 5 * [time_], found, strict=True)
            ]
            started = time.perf_counter()
            opened.append(CLUSTER, batches)
            ours.append(time.perf_counter() - started)
            started = time.perf_counter()
            same = b"".join(part.tobytes() for part in (ids, time_, *found))
            plain.write(codec.compress(same, asbytes=True))
            plain.flush()
            os.fsync(plain.fileno())
            peers.append(time.perf_counter() - started)
        share = opened.memory / (TICKS * SERIES * len(TICK_METRICS))
    ledger.row(
        "tick",
        ours=float(np.quantile(ours, 0.95)) * MILLISECONDS,
        peer=float(np.quantile(peers, 0.95)) * MILLISECONDS,
        of="zstd, write, fsync of the same",
        unit="ms",
        at_most=3,
    )
    ledger.row(
        "  median",
        ours=float(np.median(ours)) * MILLISECONDS,
        peer=float(np.median(peers)) * MILLISECONDS,
        of="zstd, write, fsync of the same",
        unit="ms",
    )
    ledger.row("  head", ours=share, peer=RAW, of="raw, unpacked", unit="B/sample")


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


@cache
def week() -> list[tuple[int, Floats]]:
    """Return ten thousand series' week of five-minute samples, day by day."""
    rng = np.random.default_rng(8)
    return [(day, np.rint(rng.gamma(2, 5e4, (SERIES, 288)))) for day in range(7)]


def reading(ledger: Ledger) -> None:
    """A week of 10,000 series at once against its columns alone, and of one series."""
    ids: Ints = np.arange(SERIES, dtype=np.int64)
    window = Window(START, START + 7 * DAY)
    with store() as (opened, clock):
        for day, whole in week():
            clock.now = START + (day + 1) * DAY
            times = unix_milli(START) + (day * 288 + np.arange(288)) * 300_000
            batch = Batch(m.CPU, np.repeat(ids, 288), np.tile(times, SERIES), whole.ravel() / 1e6)
            opened.append(CLUSTER, [batch])
        finish(opened, clock)
        paths = sorted(opened.root.glob("resolution=raw/*/*/*"))
        one = np.array([4321])
        minutes = timedelta(minutes=5)
        parts: dict[str, Callable[[], object]] = {
            "whole": lambda: opened.panel(CLUSTER, m.CPU, window, cadence=minutes),
            "columns": lambda: [
                pq.read_table(path, columns=["cpu"], use_threads=False) for path in paths
            ],
            "one": lambda: opened.panel(CLUSTER, m.CPU, window, one, minutes),
            "rolled": lambda: opened.rollup(CLUSTER, m.CPU, window, Level.HOUR),
        }
        took = seconds(parts, 5)
    ledger.row(
        "panel-week",
        ours=took["whole"],
        peer=took["columns"],
        of="pyarrow, the column alone",
        unit="s",
        at_most=5,
    )
    ledger.row(
        "panel-one-pod", ours=took["one"] * MILLISECONDS, peer=20, of="bound", unit="ms", at_most=1
    )
    ledger.row(
        "  hours of the week", ours=took["rolled"], peer=took["whole"], of="samples", unit="s"
    )


ROWS: dict[str, Measure] = {
    "bytes-fleet": fleet_bytes,
    "bytes-traces": trace_bytes,
    "tick": tick,
    "reading": reading,
}
