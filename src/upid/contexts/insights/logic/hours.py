"""Panels and objects, laid out as hours of pods."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import numpy as np

from upid.core.activity import DAY, Activity, Bools, Floats, Ints
from upid.core.panel import Panel, per_hour
from upid.core.ports.cluster_source import Catalogue
from upid.core.snapshot import Pod, Service, Snapshot
from upid.core.window import HOUR, Window

EVIDENCE = timedelta(days=7)  # IDL-6
LOOKED_BACK = timedelta(days=90)  # IDL-4
SETTLING = 2  # hours after a start in which usage says little: start-up spikes
_Hourly = TypeVar("_Hourly", Floats, Ints)


@dataclass(frozen=True, slots=True)
class Span:
    """The time that is judged and what came before it, in whole hours.

    start      of the first column, a whole number of hours before the evidence
    history    columns before the evidence
    hours      columns in all
    """

    evidence: Window
    start: datetime
    history: int
    hours: int

    @classmethod
    def of(cls, window: Window, held: Window) -> "Span":
        """Return the evidence at the end of `window`, with what `held` knows of the time before."""
        evidence = window.last(EVIDENCE)
        reach = min(evidence.start - held.start, LOOKED_BACK)
        history = int(reach.total_seconds()) // HOUR
        start = evidence.start - timedelta(hours=history)
        return cls(evidence, start, history, history + -(-evidence.seconds // HOUR))

    @property
    def whole(self) -> Window:
        """History and evidence together."""
        return Window(self.start, self.evidence.end)

    @property
    def first_hour(self) -> int:
        """Hour of the week of the first column."""
        return self.start.weekday() * DAY + self.start.hour

    def lives(self, pods: tuple[Pod, ...]) -> tuple[Bools, Bools]:
        """(p, h) whether each pod was there in each hour, and was there for two hours before."""
        edges = np.arange(self.hours) * float(HOUR)
        created = np.array([(p.created - self.start).total_seconds() for p in pods])
        ended = np.array(
            [(p.ended - self.start).total_seconds() if p.ended else np.inf for p in pods]
        )
        alive = (created[:, None] < edges + HOUR) & (ended[:, None] > edges)
        return alive, np.asarray(alive & (created[:, None] <= edges - (SETTLING - 1) * HOUR))


class Places:
    """Which row each series belongs to: by its pod's uid, or by its name where that is all."""

    def __init__(self, pods: tuple[Pod, ...]) -> None:
        self._by_uid = {pod.uid: row for row, pod in enumerate(pods) if pod.uid}
        self._by_name = {(pod.namespace, pod.name): row for row, pod in enumerate(pods)}
        self.count = len(pods)

    def of(self, catalogue: Catalogue) -> Ints:
        """(s,) the row of each series, −1 for a pod that is not known."""
        labels = zip(
            *(catalogue.labels[name].tolist() for name in ("pod_uid", "namespace", "pod")),
            strict=True,
        )
        rows = (
            self._by_uid.get(uid, -1) if uid else self._by_name.get((namespace, name), -1)
            for uid, namespace, name in labels
        )
        return np.fromiter(rows, np.int64, len(catalogue))


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """A level metric by pod: hourly sums over its series, NaN for none, and samples."""

    hourly: Floats
    samples: Ints


def levels(parts: Iterable[Panel], rows: Ints, places: Places, span: Span) -> Levels:
    """Return the hourly mean of each pod's series added up, and its best covered series' samples.

    parts    of a panel, one after the other; none where nothing was measured
    rows     (s,) the row of each series of all parts together
    samples  (p,) in the evidence
    """
    found = np.full((places.count, span.hours), np.nan)
    samples = np.zeros(places.count, np.int64)
    for part, at in _placed(parts):
        block = rows[at]
        means, counts = per_hour(part)
        means, counts = _fitted(means, span.hours, np.nan), _fitted(counts, span.hours, 0)
        known = block >= 0
        _add(found, block[known], means[known])
        seen = counts[known, span.history :].sum(axis=1)
        np.maximum.at(samples, block[known], seen.astype(np.int64))
    return Levels(found, samples)


def events(panel: Panel | None, rows: Ints, places: Places, span: Span) -> Bools:
    """(p, h) whether a count metric counted anything of any of the pod's series in the hour."""
    found = np.zeros((places.count, span.hours), np.bool_)
    if panel is None or rows.size == 0:
        return found
    series, step = panel.at(np.flatnonzero(panel.values > 0))
    row, hour = rows[series], panel.hours_of_steps()[step]
    kept = (row >= 0) & (hour < span.hours)
    found[row[kept], hour[kept]] = True
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What the request source reported.

    business   (p, h) business requests
    by_kind    (p, k) requests in the evidence, by `Noise`
    counted    (h,)   whether it reported anything of anybody
    covered    (p,)   whether it reported a series of the pod
    samples    (p,)   in the evidence, of the best covered series
    totals     (s,)   requests of each series, history included
    """

    business: Floats
    by_kind: Floats
    counted: Bools
    covered: Bools
    samples: Ints
    totals: Floats


def asked(
    parts: Iterable[Panel], rows: Ints, kinds: Ints, places: Places, span: Span, *, kinds_count: int
) -> Asked:
    """Return what was asked of each pod, given the kind of noise of each series.

    parts, rows  as for `levels`
    """
    pods = places.count
    business = np.zeros((pods, span.hours))
    by_kind = np.zeros((pods, kinds_count))
    counted = np.zeros(span.hours, np.bool_)
    covered = np.zeros(pods, np.bool_)
    samples = np.zeros(pods, np.int64)
    totals = np.zeros(rows.size)
    covered[rows[rows >= 0]] = True
    for part, here in _placed(parts):
        block = rows[here]
        sums, counts = per_hour(part, total=True)
        sums = _fitted(np.nan_to_num(sums), span.hours, 0.0)
        counts = _fitted(counts, span.hours, 0)
        counted |= counts.any(axis=0)
        totals[here] = sums.sum(axis=1)
        known, kind = block >= 0, kinds[here]
        now = sums[:, span.history :].sum(axis=1)
        np.add.at(by_kind, (block[known], kind[known]), now[known])
        seen = counts[:, span.history :].sum(axis=1)
        np.maximum.at(samples, block[known], seen[known].astype(np.int64))
        work = known & (kind == 0)
        np.add.at(business, block[work], sums[work])
    return Asked(business, by_kind, counted, covered, samples, totals)


def selected(pods: tuple[Pod, ...], services: tuple[Service, ...]) -> Bools:
    """(p,) whether a Service selects each pod."""
    by_namespace: dict[str, list[frozenset[tuple[str, str]]]] = {}
    for service in services:
        if service.selector:
            wanted = frozenset(service.selector.items())
            by_namespace.setdefault(service.namespace, []).append(wanted)
    return np.array(
        [
            any(wanted <= pod.labels.items() for wanted in by_namespace.get(pod.namespace, ()))
            for pod in pods
        ],
        np.bool_,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Everything that was read about the pods of a cluster, ready to be laid out."""

    asked: Asked
    cpu: Levels
    network: Levels
    restarted: Bools
    healthy: Floats
    blocked: Bools


def activity(pods: tuple[Pod, ...], objects: Snapshot, span: Span, read: Measured) -> Activity:
    """Return the hours of the pods."""
    alive, settled = span.lives(pods)
    unsettled = read.restarted.copy()
    unsettled[:, 1:] |= read.restarted[:, :-1]
    numbers = {key: n for n, key in enumerate(sorted({pod.workload for pod in pods}))}
    workload = np.array([numbers[pod.workload] for pod in pods], np.int64)
    seen = np.zeros(len(numbers), np.bool_)
    seen[workload[read.asked.covered]] = True
    end = span.evidence.end
    return Activity(
        first_hour=span.first_hour,
        history=span.history,
        workload=workload,
        alive=alive,
        settled=settled & ~unsettled,
        counted=read.asked.counted,
        covered=seen[workload],
        selected=selected(pods, objects.services),
        stateful=np.array([bool(pod.claims) for pod in pods], np.bool_),
        business=read.asked.business,
        requests=read.asked.by_kind.sum(axis=1),
        cpu=read.cpu.hourly,
        network=read.network.hourly,
        samples=np.maximum(read.cpu.samples, read.asked.samples),
        healthy=read.healthy,
        blocked=read.blocked,
        age=np.array([(end - pod.created).total_seconds() / HOUR for pod in pods]),
    )


def _placed(parts: Iterable[Panel]) -> Iterator[tuple[Panel, slice]]:
    """Yield each part of a panel with the places of its series in the whole."""
    first = 0
    for part in parts:
        yield part, slice(first, first + len(part))
        first += len(part)


def _fitted(hourly: _Hourly, hours: int, empty: float) -> _Hourly:
    """Return the hours cut or filled to the number of columns wanted."""
    if hourly.shape[1] == hours:
        return hourly
    fitted = np.full((hourly.shape[0], hours), empty, hourly.dtype)
    kept = min(hours, hourly.shape[1])
    fitted[:, :kept] = hourly[:, :kept]
    return fitted


def _add(found: Floats, rows: Ints, values: Floats) -> None:
    """Add values to their rows where there is one; a cell nobody measured stays NaN."""
    there = ~np.isnan(values)
    row, hour = np.nonzero(there)
    cell = rows[row], hour
    empty = np.isnan(found[cell])
    found[rows[row[empty]], hour[empty]] = 0.0
    np.add.at(found, cell, values[there])
