"""Lays containers and nodes out by hour: who was where, asked for what, and took what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from upid.contexts.costs.types import ContainerRow
from upid.core.allocation import RESOURCES, Demand
from upid.core.panel import Floats, Ints, Panel, per_hour
from upid.core.snapshot import Container, Node, Pod
from upid.core.window import HOUR, Window

_Series = tuple[str, tuple[str, str], str]  # pod uid, (namespace, pod) without one, container
_NAMELESS = ("", "")


@dataclass(frozen=True, slots=True, eq=False)
class Usage:
    """Samples of containers: labels as in the catalogue, panels in the same rows.

    A panel is None where the metric is not measured at all.
    """

    labels: Mapping[str, NDArray[np.object_]]
    cpu: Panel | None
    memory: Panel | None


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Containers by hour.

    unplaced  pods that were on no node or on one that is not known
    strays    series of samples that belong to no container of a known pod
    """

    rows: tuple[ContainerRow, ...]
    demand: Demand
    unplaced: int
    strays: int


def hours_of(span: Window) -> int:
    """Return how many hours a window touches, counted from its start."""
    return -(-span.seconds // HOUR)


def presence(begin: Floats, end: Floats, hours: int) -> Floats:
    """(k, hours) the share of each hour that lies between `begin` and `end`.

    begin, end  (k,)  hours since the window's start
    """
    edge = np.arange(hours, dtype=float)
    found = np.minimum(end[:, None], edge + 1.0)
    found -= np.maximum(begin[:, None], edge)
    return np.clip(found, 0.0, 1.0, out=found)


def life(things: Iterable[tuple[datetime, datetime | None]], span: Window) -> tuple[Floats, Floats]:
    """(k,), (k,) begin and end of each life in hours since the window's start, held to it."""
    pairs = [
        (
            (begin - span.start).total_seconds() / HOUR,
            (min(end or span.end, span.end) - span.start).total_seconds() / HOUR,
        )
        for begin, end in things
    ]
    both = np.array(pairs, float).reshape(-1, 2)
    return np.maximum(both[:, 0], 0.0), both[:, 1]


def lay_out(pods: Sequence[Pod], nodes: Sequence[Node], span: Window, usage: Usage) -> Layout:
    """Return every container that was there in the window, hour by hour.

    A container counts while both its pod and its node are there.
    """
    there = sorted(
        (p for p in pods if p.created < span.end and (p.ended is None or p.ended > span.start)),
        key=lambda p: (p.namespace, p.name, p.uid),
    )
    place = _places(nodes)
    rows: list[ContainerRow] = []
    owners: list[Pod] = []
    unplaced = 0
    for pod in there:
        node = _place(pod, place, nodes, span)
        unplaced += node < 0
        for name in _names(pod):
            owners.append(pod)
            rows.append(
                ContainerRow(pod.uid, pod.namespace, pod.name, name, pod.workload, node, pod.labels)
            )
    cpu, memory, strays = _usage(rows, pods, usage, span)
    node_of = np.array([row.node for row in rows], np.int64)
    asked = _requests(rows, owners, span)
    demand = Demand(
        node=node_of,
        presence=_presence(owners, node_of, nodes, span),
        request=(asked[0], asked[1], asked[2]),
        usage=(cpu, memory, np.full((len(rows), 1), np.nan)),
    )
    return Layout(tuple(rows), demand, unplaced, strays)


def _names(pod: Pod) -> list[str]:
    """Return the names of all containers that the pod ever declared, in order."""
    if len(pod.declared) == 1:
        return [c.name for c in pod.declared[0].containers if not c.init]
    return list(
        dict.fromkeys(c.name for version in pod.declared for c in version.containers if not c.init)
    )


def _places(nodes: Sequence[Node]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i, node in enumerate(nodes):
        found.setdefault(node.name, []).append(i)
    return found


def _place(
    pod: Pod, places: Mapping[str, Sequence[int]], nodes: Sequence[Node], span: Window
) -> int:
    """Return the node that a pod was on; of two of one name, that which it met for longer."""
    known = places.get(pod.node or "", ())
    if len(known) <= 1:
        return known[0] if known else -1

    def met(i: int) -> float:
        end = min(pod.ended or span.end, nodes[i].ended or span.end)
        return (end - max(pod.created, nodes[i].created)).total_seconds()

    return max(known, key=met)


def _presence(owners: Sequence[Pod], node: Ints, nodes: Sequence[Node], span: Window) -> Floats:
    begin, end = life(((p.created, p.ended) for p in owners), span)
    if len(nodes) and len(node):
        node_begin, node_end = life(((n.created, n.ended) for n in nodes), span)
        begin = np.where(node < 0, begin, np.maximum(begin, node_begin[node]))
        end = np.where(node < 0, end, np.minimum(end, node_end[node]))
    return presence(begin, end, hours_of(span))


def _requests(
    rows: Sequence[ContainerRow], owners: Sequence[Pod], span: Window
) -> tuple[Floats, ...]:
    """3 × (c, 1) requests, or (c, hours) when a pod was resized in place."""
    last = np.zeros((len(rows), RESOURCES))
    for i, (row, pod) in enumerate(zip(rows, owners, strict=True)):
        last[i] = _asked(pod.declared[-1].containers, row.container)
    resized = [i for i, pod in enumerate(owners) if len(pod.declared) > 1]
    if not resized:
        return tuple(last[:, [r]] for r in range(RESOURCES))
    hours = hours_of(span)
    whole = [np.repeat(last[:, [r]], hours, axis=1) for r in range(RESOURCES)]
    for i in resized:
        by_hour = _over_time(owners[i], rows[i].container, span)
        for r in range(RESOURCES):
            whole[r][i] = by_hour[:, r]
    return tuple(whole)


def _over_time(pod: Pod, name: str, span: Window) -> Floats:
    """(hours, 3) the mean request of a container in each hour; the first one holds before it."""
    hours = hours_of(span)
    starts = [(v.since - span.start).total_seconds() / HOUR for v in pod.declared]
    begin = np.array([-np.inf, *starts[1:]])
    end = np.array([*starts[1:], np.inf])
    asked = np.array([_asked(version.containers, name) for version in pod.declared])
    found: Floats = presence(begin, end, hours).T @ asked
    return found


def _asked(containers: Iterable[Container], name: str) -> tuple[float, float, float]:
    """Return cores, bytes and GPUs that a container requests; 0 where it asks for nothing."""
    for container in containers:
        if container.name == name and not container.init:
            memory = float(container.memory_request or 0)
            return container.cpu_request or 0.0, memory, float(container.gpus)
    return 0.0, 0.0, 0.0


def _usage(
    rows: Sequence[ContainerRow], pods: Sequence[Pod], usage: Usage, span: Window
) -> tuple[Floats, Floats, int]:
    """(c, hours), (c, hours) mean cores and bytes by hour, NaN unmeasured; and stray series."""
    series = _series(usage.labels)
    uids = {pod.uid for pod in pods}
    names = {(pod.namespace, pod.name) for pod in pods}
    strays = sum(uid not in uids if uid else name not in names for uid, name, _ in series)
    source = np.array([_series_of(row, series) for row in rows], np.int64)
    cpu = _by_hour(usage.cpu, source, span)
    return cpu, _by_hour(usage.memory, source, span), strays


def _series(labels: Mapping[str, NDArray[np.object_]]) -> dict[_Series, int]:
    """Return the row of each series by pod uid, or by name where it has none, and container."""
    whose = zip(
        labels["pod_uid"], labels["namespace"], labels["pod"], labels["container"], strict=True
    )
    return {
        (uid, _NAMELESS if uid else (namespace, pod), container): i
        for i, (uid, namespace, pod, container) in enumerate(whose)
    }


def _series_of(row: ContainerRow, series: Mapping[_Series, int]) -> int:
    found = series.get((row.pod_uid, _NAMELESS, row.container))
    if found is None:
        found = series.get(("", (row.namespace, row.pod), row.container), -1)
    return found


def _by_hour(panel: Panel | None, source: Ints, span: Window) -> Floats:
    """(c, hours) the hourly means of the series that each row has; NaN where it has none."""
    hours = hours_of(span)
    found = np.full((source.size, hours), np.nan)
    if panel is None or not len(panel) or not panel.span:
        return found
    means, _ = per_hour(panel)
    shift = round((panel.start - span.start).total_seconds() / HOUR)
    width = min(means.shape[1], hours - shift)
    some = source >= 0
    found[some, shift : shift + width] = means[source[some], :width]
    return found
