"""Which pod a name meant at a time: a name that is used again is another pod."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np

from upid.core.metrics import LABELS, Entity
from upid.core.panel import Ints
from upid.core.ports.cluster_source import ObjectVersion

_MILLI = 1000
_PODLESS = -1


class Places(NamedTuple):
    """Where rows go.

    labels  place → all labels of a series, pod_uid among them
    first   key → its first place, or -1 where no object describes its pod
    since   place → Unix milliseconds from which it is meant
    pods    key → how many places it has
    """

    labels: list[tuple[str, ...]]
    first: Ints
    since: Ints
    pods: Ints

    def series(self, keys: Ints, time: Ints) -> Ints:
        """Return the place of each row: the youngest pod of the name that had begun by then."""
        found = self.first[keys].copy()
        for later in range(1, int(self.pods.max(initial=1))):
            candidate = self.first[keys] + later
            has = (self.pods[keys] > later) & (self.first[keys] >= 0)
            begun = np.zeros(keys.size, dtype=bool)
            begun[has] = self.since[candidate[has]] <= time[has]
            found[begun] = candidate[begun]
        return found


class Lifetimes:
    """The pods that were seen, by namespace and name."""

    def __init__(self) -> None:
        self._pods: dict[tuple[str, str], list[tuple[datetime, str]]] = {}

    def watched(self, versions: Iterable[ObjectVersion]) -> Iterator[ObjectVersion]:
        """Pass objects on and note the pods among them."""
        for version in versions:
            if version.kind == "Pod":
                pod = version.namespace, version.name
                self._pods.setdefault(pod, []).append((version.since, version.uid))
            yield version

    def places(self, entity: Entity, keys: Mapping[tuple[str, ...], int]) -> Places:
        """Return the series that keys (labels without pod_uid) stand for."""
        labels: list[tuple[str, ...]] = []
        since: list[int] = []
        first, count = np.zeros(len(keys), np.int64), np.ones(len(keys), np.int64)
        podded = "pod_uid" in LABELS[entity]
        for number, key in enumerate(keys):
            first[number] = len(labels)
            if not podded:
                labels.append(key)
                since.append(0)
                continue
            pods = sorted(self._pods.get((key[0], key[1]), []))
            count[number] = len(pods)
            if not pods:
                first[number] = _PODLESS
            for begun, uid in pods:
                labels.append((*key[:2], uid, *key[2:]))
                since.append(round(begun.timestamp() * _MILLI))
        return Places(labels, first, np.array(since, dtype=np.int64), count)
