"""Whose sample it is: the pod that had a name for all of the time that the sample speaks of."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np

from upid.core.panel import Ints
from upid.core.ports.cluster_source import ObjectVersion

MILLI = 1000
_ALWAYS = np.iinfo(np.int64).max
_HANDOVER = 60 * MILLI  # by so much the clocks of nodes and API server may differ
_NOBODY = -1

Name = tuple[str, str]  # namespace and name of a pod
Labels = tuple[str, ...]


class Lives:
    """The pods that were seen, with the times at which each came and went."""

    def __init__(self) -> None:
        self._pods: dict[Name, dict[str, tuple[int, int]]] = {}

    def watched(self, versions: Iterable[ObjectVersion]) -> Iterator[ObjectVersion]:
        """Pass objects on and note the pods among them."""
        for version in versions:
            if version.kind == "Pod":
                self._note(version)
            yield version

    def _note(self, version: ObjectVersion) -> None:
        pods = self._pods.setdefault((version.namespace, version.name), {})
        since = stamp(version.since)
        until = _ALWAYS if version.until is None else stamp(version.until)
        known = pods.get(version.uid, (since, until))
        pods[version.uid] = min(known[0], since), max(known[1], until)

    def owners(self, keys: Sequence[Labels]) -> "Owners":
        """Return to whom the samples of containers (namespace, pod, container) belong."""
        return Owners(self._pods, keys)


class Owners:
    """The series that keys stand for: one for each pod that had the name.

    labels  place → namespace, pod, pod_uid, container
    """

    def __init__(
        self, pods: dict[Name, dict[str, tuple[int, int]]], keys: Sequence[Labels]
    ) -> None:
        self.labels: list[Labels] = []
        begins, ends = [], []
        self._first, self._count = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
        for number, (namespace, pod, container) in enumerate(keys):
            lives = sorted((*life, uid) for uid, life in pods.get((namespace, pod), {}).items())
            self._first[number], self._count[number] = len(self.labels), len(lives)
            self.labels += [(namespace, pod, uid, container) for _, _, uid in lives]
            begins += [since for since, _, _ in lives[:1]]
            begins += [_taken_over(since, last[1]) for last, (since, _, _) in pairwise(lives)]
            ends += [until for _, until, _ in lives]
        self._begins = np.array(begins, dtype=np.int64)
        self._ends = np.array(ends, dtype=np.int64)

    def places(self, keys: Ints, since: Ints, until: Ints) -> Ints:
        """Return the place of samples that speak of `since` to `until`; -1: nobody's for certain.

        keys, since, until  (n,) Unix milliseconds
        """
        found = np.full(keys.size, _NOBODY, dtype=np.int64)
        for turn in range(int(self._count.max(initial=0))):
            there = np.flatnonzero(self._count[keys] > turn)
            place = self._first[keys[there]] + turn
            lived = (self._begins[place] <= since[there]) & (until[there] <= self._ends[place])
            found[there[lived]] = place[lived]
        return found


def _taken_over(since: int, before: int) -> int:
    """Return from when on the samples of a name belong to the one who took it from another."""
    return since + _HANDOVER if since - before < _HANDOVER else since


def stamp(instant: datetime) -> int:
    """Return an instant as Unix milliseconds."""
    return round(instant.timestamp() * MILLI)
