"""The embedded metric store: a log, a head in memory, and files, behind the port `MetricStore`."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import msgspec
import numpy as np

from upid.adapters.metricstore.acceptance import Bounds, accepted
from upid.adapters.metricstore.clocks import Clocks, milliseconds
from upid.adapters.metricstore.durable import disk
from upid.adapters.metricstore.errors import (
    StoreDamaged,
    StoreUnavailable,
)
from upid.adapters.metricstore.layout import (
    HOUR,
    WAL,
    StoreLimits,
    checked_cluster,
)
from upid.adapters.metricstore.log import Log, Recovery
from upid.adapters.metricstore.manifest import Files
from upid.adapters.metricstore.memory import Memory
from upid.adapters.metricstore.parquet import FileMoved, Reader
from upid.adapters.metricstore.records import Record, columns_of, decoded, encoded
from upid.adapters.metricstore.shelf import Shelf
from upid.adapters.metricstore.snapshots import link_all
from upid.adapters.metricstore.upkeep import Upkeep
from upid.adapters.metricstore.versions import locked
from upid.adapters.metricstore.views import View
from upid.core.metrics import Metric
from upid.core.panel import Ints, Panel
from upid.core.ports.metric_store import Appended, Batch, Expired, MetricStore
from upid.core.rollup import Level, Rollup
from upid.core.samples import to_panel, unix_milli, usual_cadence
from upid.core.window import Window

Read = TypeVar("Read")


class EmbeddedStore(MetricStore):
    """The store in one folder, of which one process at a time may write.

    limits     its settings
    monotonic  seconds of a clock that nobody sets

    Raises StoreLocked, StoreDamaged, StoreIsNewer, StoreUnavailable. Use it in a `with` block, or
    call `close`. `recovered` says what was found in the log.
    """

    def __init__(
        self,
        root: Path,
        clock: Callable[[], datetime],
        limits: StoreLimits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.root, self._limits = root, limits or StoreLimits()
        self._lock = locked(root)
        try:
            self._clocks = Clocks(root, clock, monotonic, self._limits)
            self._memory = Memory()
            self._reader = Reader(root)
            self._shelf = Shelf(root, self._reader)
            self._writing = threading.Lock()  # the log, and the head in step with it
            self._tending = threading.RLock()  # files
            self._log = Log(root / WAL, self._limits.segment_bytes, self._memory.records)
            self._removing: set[str] = set()
            self.recovered = Recovery()
            self._upkeep = Upkeep(
                root,
                (self._log, self._memory, self._shelf, self._reader, self._clocks),
                self._limits,
                self._writing,
            )
            self._recover()
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> "EmbeddedStore":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder. What was acknowledged is in the log or in files."""
        with self._tending, self._writing:
            self._log.close_segment()
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1

    # ── in ───────────────────────────────────────────────────────────────────────────────────────

    def append(self, cluster: str, batches: Sequence[Batch]) -> Appended:
        """Store samples of a cluster; raises StoreUnavailable, BatchRefused."""
        checked_cluster(cluster)
        early, later = self._clocks.bounds()
        bounds = Bounds(
            early - milliseconds(self._limits.late), later + milliseconds(self._limits.ahead)
        )
        columns, counts = accepted(batches, bounds)
        if not columns:
            return counts
        payload = encoded(cluster, columns)
        newest = max(int(one.times.max()) for one in columns)
        with self._writing:
            if cluster in self._removing:
                raise StoreUnavailable(self.root, f"the cluster {cluster!r} is being removed")
            self._log.append(payload, newest)
            for one in columns:
                self._memory.add(cluster, one)
        return counts

    # ── out ──────────────────────────────────────────────────────────────────────────────────────

    def panel(
        self,
        cluster: str,
        metric: Metric,
        window: Window,
        ids: Ints | None = None,
        cadence: timedelta | None = None,
    ) -> Panel:
        """Return a metric's samples in a window; raises StoreDamaged, which names a file."""
        wanted = None if ids is None else np.unique(np.asarray(ids, np.int64))
        low, high = unix_milli(window.start), unix_milli(window.end)
        samples = self._steadily(cluster, metric, lambda view: view.samples(low, high, wanted))
        return to_panel(samples, metric, window, cadence or usual_cadence(samples), wanted)

    def rollup(
        self,
        cluster: str,
        metric: Metric,
        window: Window,
        level: Level,
        ids: Ints | None = None,
    ) -> Rollup:
        """Return the cells of a level whose steps begin in a window; raises StoreDamaged."""
        wanted = None if ids is None else np.unique(np.asarray(ids, np.int64))
        step = level.milliseconds
        low = -(-unix_milli(window.start) // step) * step
        high = -(-unix_milli(window.end) // step) * step
        return self._steadily(cluster, metric, lambda view: view.cells(level, low, high, wanted))

    def _steadily(self, cluster: str, metric: Metric, read: Callable[[View], Read]) -> Read:
        """Read from one state of the store, and again from the next where that one is gone."""
        before: Files | None = None
        while True:
            with self._memory.lock:
                heads = self._memory.parts(cluster, metric.name)
                files = self._shelf.of(cluster)
            try:
                return read(View(self._reader, cluster, metric, heads, files))
            except FileMoved as error:
                if files is before:
                    raise StoreDamaged(Path(str(error)), "it is missing") from error
                before = files

    @property
    def damaged(self) -> tuple[str, ...]:
        """What upkeep found damaged and set aside or left, a sentence each."""
        return (*self.recovered.damaged, *self._upkeep.damaged)

    @property
    def memory(self) -> int:
        """Bytes of the samples that are in no file yet."""
        return self._memory.nbytes

    # ── upkeep ───────────────────────────────────────────────────────────────────────────────────

    def tidy(self) -> None:
        """Put hours that ended into files and days that ended into one file each.

        Cheap where there is nothing to do; meant to be called every minute or so.
        """
        with self._tending:
            for cluster in sorted(self._removing):
                self._remove(cluster)
            now, _ = self._clocks.bounds()
            self._upkeep.flush(now // HOUR * HOUR)
            self._upkeep.compact(now)
            self._clocks.mark()

    def expire(self) -> Expired:
        """Remove what is older than its class is kept, where both clocks agree on the time."""
        with self._tending:
            return self._upkeep.expire()

    def remove(self, cluster: str) -> None:
        """Remove all of a cluster; raises StoreUnavailable, and then `tidy` goes on with it."""
        checked_cluster(cluster)
        with self._tending:
            self._remove(cluster)

    def snapshot(self, target: str) -> None:
        """Make a copy that shares its files; raises SnapshotRefused, StoreUnavailable."""
        with self._tending:
            with self._writing:
                self._log.close_segment()
                closed = [segment.path for segment in self._log.closed()]
            files = [self._shelf.of(cluster) for cluster in self._shelf.clusters()]
            notes = [one.note.path for each in files for one in each.values()]
            link_all(self.root, Path(target), notes, closed)

    def _remove(self, cluster: str) -> None:
        with self._writing:
            self._log.append(msgspec.msgpack.encode(Record(cluster, [])), 0)
            self._removing.add(cluster)
            self._memory.drop(cluster)
        self._erase(cluster)

    def _erase(self, cluster: str) -> None:
        """Remove a cluster's files, and all of the log that may speak of it."""
        self._shelf.remove(cluster)
        with self._memory.lock:
            self._shelf.publish(cluster, {})
        with self._writing:
            self._log.write_anew()
            self._removing.discard(cluster)

    # ── opening ──────────────────────────────────────────────────────────────────────────────────

    def _recover(self) -> None:
        with disk(self.root):
            self._shelf.sweep()
        try:
            self._log.replay(self._take, self.recovered)
        except ValueError as error:
            raise StoreDamaged(self.root / WAL, str(error)) from error
        for cluster in sorted(self._removing):
            self._erase(cluster)

    def _take(self, payload: bytes) -> int:
        """Take a record of the log; return the time of its newest sample."""
        cluster, parts = decoded(payload)
        if not parts:
            self._memory.drop(cluster)
            self._removing.add(cluster)
            return 0
        newest = 0
        for metric, ids, times, values in parts:
            self._memory.add(cluster, columns_of(metric, ids, times, values))
            newest = max(newest, int(times.max()))
        return newest
