"""Series by container of a workload, and panels by the hour: what features are computed from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from upid.core.panel import Floats, Ints, Panel, hour_sums
from upid.core.snapshot import Pod, WorkloadKey

_HOUR = timedelta(hours=1)
Rows = Floats | Ints | NDArray[np.bool_]
RUNS = ("Job", "CronJob")  # sized from their neediest run


@dataclass(frozen=True, slots=True)
class Question:
    """How panels are read; see the settings of the same names."""

    quantile: float
    half_life: timedelta
    startup: timedelta


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Panels of a cluster's containers, all with the rows of one catalogue.

    A panel is None where the metric is not measured at all.
    """

    labels: Mapping[str, NDArray[np.object_]]
    cpu: Panel | None
    memory: Panel | None
    throttled: Panel | None
    restarts: Panel | None
    oom_kills: Panel | None


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Which series belong to which container of which workload.

    keys  (workload, container name), sorted
    of    (s,)  place in `keys`; -1 for series of no known container
    pods  (s,)  the pod of each series, None where it is not known
    """

    keys: tuple[tuple[WorkloadKey, str], ...]
    of: Ints
    pods: tuple[Pod | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """A panel by the hour: (s, hours) sums and counts of samples.

    of_steps  (span,) the hour in which each step begins
    per       steps an hour; not whole where cadences do not divide hours
    """

    added: Floats
    counts: Ints
    of_steps: Ints
    per: float

    def means(self) -> Floats:
        """(s, hours) mean of each hour, NaN in one without samples."""
        found = np.full(self.added.shape, np.nan)
        np.divide(self.added, self.counts, out=found, where=self.counts > 0)
        return found


def group(labels: Mapping[str, NDArray[np.object_]], pods: Sequence[Pod]) -> Groups:
    """Return which series belongs to which container; init containers are left out."""
    by_uid = {pod.uid: pod for pod in pods}
    known: dict[str, frozenset[str]] = {}
    owners: list[tuple[WorkloadKey, str] | None] = []
    found: list[Pod | None] = []
    for uid, name in zip(labels["pod_uid"].tolist(), labels["container"].tolist(), strict=True):
        pod = by_uid.get(uid)
        if pod is not None and uid not in known:
            known[uid] = frozenset(c.name for d in pod.declared for c in d.containers if not c.init)
        belongs = pod is not None and name in known[uid]
        found.append(pod if belongs else None)
        owners.append((pod.workload, name) if pod is not None and belongs else None)
    keys = tuple(sorted({owner for owner in owners if owner is not None}))
    place = {key: i for i, key in enumerate(keys)}
    of = np.array([-1 if owner is None else place[owner] for owner in owners], np.int64)
    return Groups(keys, of, tuple(found))


def by_hour(panel: Panel | None) -> Hours | None:
    """Return sums and counts of each hour; None where nothing was measured."""
    if panel is None:
        return None
    return Hours(*hour_sums(panel), panel.hours_of_steps(), _HOUR / panel.cadence)


def grouped(rows: Rows, groups: Groups, ufunc: np.ufunc, empty: float) -> Floats:
    """(g, …) rows of each group put together; `empty` for a group without rows."""
    found = np.full((len(groups.keys), *rows.shape[1:]), empty)
    kept = np.flatnonzero(groups.of >= 0)
    if kept.size:
        order = kept[np.argsort(groups.of[kept], kind="stable")]
        starts = np.flatnonzero(np.diff(groups.of[order], prepend=-1))
        found[groups.of[order][starts]] = ufunc.reduceat(rows[order], starts, axis=0)
    return found


def events(panel: Panel) -> list[tuple[int, int, float]]:
    """Return row, step and count of every sample of a count metric that is above zero."""
    places = np.flatnonzero(panel.values > 0)
    rows, steps = panel.at(places)
    return list(zip(rows.tolist(), steps.tolist(), panel.values[places].tolist(), strict=True))
