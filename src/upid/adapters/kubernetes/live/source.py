"""A live cluster as it is now: its objects, and what its metrics server said of it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from upid.adapters.kubernetes.live.reading import Held
from upid.core.metrics import CPU, LABELS, MEMORY, NODE_CPU, NODE_MEMORY, Entity, Metric
from upid.core.panel import Panel
from upid.core.ports.cluster_connection import Usage
from upid.core.ports.cluster_source import (
    Catalogue,
    ClusterSource,
    ObjectVersion,
    PriceSheet,
    SourceFacts,
)
from upid.core.window import Window

CADENCE = timedelta(minutes=1)  # a metrics server measures every 15 to 60 s

_ID_DIGITS = 16
_Row = tuple[str, ...]


class LiveSource(ClusterSource):
    """What was read of a cluster, as a source of one short window that ends with the reading.

    held    its objects
    usages  readings of the metrics API in order of time; none: usage is unknown
    at      when the objects were read

    The window has one step of a minute for each minute that was watched, and at least one.
    """

    def __init__(self, held: Held, name: str, usages: Sequence[Usage], at: datetime) -> None:
        first, last = (usages[0].at, usages[-1].at) if usages else (at, at)
        steps = max(1, -((first - last) // CADENCE) + 1) if first < last else 1
        window = Window(last - steps * CADENCE, last)
        uids = {(o.namespace, o.name): o.uid for o in held.objects if o.kind == "Pod"}
        self._held, self._uids = held, uids
        self._rows: dict[Entity, dict[_Row, int]] = {Entity.CONTAINER: {}, Entity.NODE: {}}
        self._samples: dict[str, NDArray[np.float64]] = {}
        if usages:
            self._arrange(usages, window, steps)
        self._facts = SourceFacts(
            id=f"cl_{held.identity[:_ID_DIGITS]}",
            name=name,
            window=window,
            cadence=CADENCE,
            sources=("metrics-server",) if usages else (),
            metrics=frozenset(self._samples),
            notes=held.left_out,
        )

    def facts(self) -> SourceFacts:
        """Return what is known of the reading."""
        return self._facts

    def objects(self, kinds: Sequence[str] | None = None) -> Iterator[ObjectVersion]:
        """Yield the objects as they were read, in a stable order."""
        return (one for one in self._held.objects if kinds is None or one.kind in kinds)

    def catalogue(self, entity: Entity) -> Catalogue:
        """Return the series of an entity: containers and nodes that were measured."""
        rows = list(self._rows.get(entity, ()))
        labels: dict[str, NDArray[np.object_]] = {}
        for column, name in enumerate(LABELS[entity]):
            values = np.empty(len(rows), object)
            values[:] = [row[column] for row in rows]
            labels[name] = values
        return Catalogue(entity, np.arange(len(rows)), labels)

    def panel(
        self, metric: Metric, window: Window | None = None, ids: NDArray[np.int64] | None = None
    ) -> Panel:
        """Return the readings within a window; a minute without one has no sample."""
        first, stop = self._steps(window)
        known = len(self._rows.get(metric.entity, ()))
        asked = np.arange(known) if ids is None else np.asarray(ids, np.int64)
        matrix = self._samples.get(metric.name)
        if matrix is None:
            matrix = np.full((known, self._steps(None)[1]), np.nan)
        rows = matrix[asked, first:stop]
        there = ~np.isnan(rows)
        return Panel(
            values=np.ascontiguousarray(rows[there]),
            steps=None if there.all() else np.nonzero(there)[1].astype(np.int64),
            offsets=np.concatenate(([0], np.cumsum(there.sum(axis=1)))).astype(np.int64),
            ids=asked,
            start=self._facts.window.start + first * CADENCE,
            cadence=CADENCE,
            span=stop - first,
            unit=metric.unit,
        )

    def prices(self) -> PriceSheet | None:
        """Return nothing: a cluster does not know what it costs."""
        return None

    def _steps(self, window: Window | None) -> tuple[int, int]:
        whole = self._facts.window
        part = whole if window is None else whole.overlap(window)
        if part is None:
            return 0, 0
        return -((whole.start - part.start) // CADENCE), -((whole.start - part.end) // CADENCE)

    def _arrange(self, usages: Sequence[Usage], window: Window, steps: int) -> None:
        """Lay the readings out: a row for each container and node, a column a minute."""
        for usage in usages:
            for one in usage.containers:
                uid = self._uids.get((one.namespace, one.pod))
                if uid is not None:  # a pod that came after the list was read is not in it
                    row = (one.namespace, one.pod, uid, one.container)
                    self._rows[Entity.CONTAINER].setdefault(row, 0)
            for node in usage.nodes:
                self._rows[Entity.NODE].setdefault((node.node,), 0)
        for entity, rows in self._rows.items():
            self._rows[entity] = {row: place for place, row in enumerate(sorted(rows))}
        for metric in (CPU, MEMORY, NODE_CPU, NODE_MEMORY):
            self._samples[metric.name] = np.full((len(self._rows[metric.entity]), steps), np.nan)
        for usage in usages:
            step = min(steps - 1, max(0, -((window.start - usage.at) // CADENCE) - 1))
            self._place(usage, step)

    def _place(self, usage: Usage, step: int) -> None:
        """Put one reading into its minute: of several, CPU is the last and memory the highest."""
        for one in usage.containers:
            uid = self._uids.get((one.namespace, one.pod))
            if uid is not None:
                row = (one.namespace, one.pod, uid, one.container)
                self._put(CPU, MEMORY, row, step, one.cores, one.memory)
        for node in usage.nodes:
            self._put(NODE_CPU, NODE_MEMORY, (node.node,), step, node.cores, node.memory)

    def _put(
        self, cpu: Metric, memory: Metric, row: _Row, step: int, cores: float, size: float
    ) -> None:
        place = self._rows[cpu.entity][row]
        self._samples[cpu.name][place, step] = cores
        self._samples[memory.name][place, step] = np.fmax(
            self._samples[memory.name][place, step], size
        )
