"""What is in memory of all clusters: heads that grow, and those on their way into files."""

import threading
from collections.abc import Iterator

from upid.adapters.metricstore.head import Head, MetricHead
from upid.adapters.metricstore.records import Columns, columns_of, encoded


class Memory:
    """Heads by cluster. Safe to share between threads; `lock` makes several steps one."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._heads: dict[str, Head] = {}
        self._frozen: dict[str, Head] = {}

    def add(self, cluster: str, columns: Columns) -> None:
        """Take accepted samples."""
        with self.lock:
            self._heads.setdefault(cluster, Head()).add(columns)

    def parts(self, cluster: str, metric: str) -> list[MetricHead]:
        """Return what there is of a metric, to be read without a lock."""
        with self.lock:
            found = [kept.get(cluster) for kept in (self._frozen, self._heads)]
            parts = [head.copied(metric) for head in found if head is not None]
        return [part for part in parts if part is not None]

    def freeze(self, time: int) -> dict[str, Head]:
        """Set apart what is before a time; readers see it all the same."""
        with self.lock:
            for cluster, head in self._heads.items():
                before = head.cut(time)
                if before.metrics:
                    self._frozen[cluster] = before
            return dict(self._frozen)

    def thaw(self) -> None:
        """Put back what was set apart and is in no file."""
        with self.lock:
            for cluster, head in self._frozen.items():
                self._heads.setdefault(cluster, Head()).put_back(head)
            self._frozen.clear()

    def filed(self, cluster: str) -> None:
        """Forget what was set apart of a cluster: files have it."""
        with self.lock:
            self._frozen.pop(cluster, None)

    def drop(self, cluster: str) -> None:
        """Forget a cluster."""
        with self.lock:
            self._heads.pop(cluster, None)
            self._frozen.pop(cluster, None)

    def clusters(self) -> list[str]:
        """Return the clusters that have samples in memory."""
        with self.lock:
            heads = [*self._heads.items(), *self._frozen.items()]
        return sorted({cluster for cluster, head in heads if head.metrics})

    def records(self) -> Iterator[bytes]:
        """Yield records with all there is."""
        with self.lock:
            heads = [*self._frozen.items(), *self._heads.items()]
            found = [(name, one) for name, head in heads for one in head.columns()]
        for cluster, (metric, samples) in found:
            if len(samples):
                columns = columns_of(metric, samples.series(), samples.times, samples.values)
                yield encoded(cluster, [columns])

    @property
    def nbytes(self) -> int:
        """What the samples take."""
        with self.lock:
            return sum(h.nbytes for kept in (self._heads, self._frozen) for h in kept.values())
