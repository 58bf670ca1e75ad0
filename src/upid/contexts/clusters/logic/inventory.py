"""Reads a cluster's inventory from versions of its Kubernetes objects."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from upid.contexts.clusters.logic import bindings, machines, pods, workloads
from upid.contexts.clusters.logic import manifests as m
from upid.contexts.clusters.logic.owners import KINDS, Owners, owners
from upid.contexts.clusters.logic.provider import provider_of
from upid.core.errors import UpidError
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.snapshot import Node, Pod, Snapshot
from upid.core.window import Window

_Object = TypeVar("_Object", bound=msgspec.Struct)
_Made = TypeVar("_Made")

_SHAPES: dict[str, type[msgspec.Struct]] = {
    "Pod": m.PodObject,
    "Node": m.NodeObject,
    "Service": m.ServiceObject,
    "PersistentVolume": m.VolumeObject,
    "PersistentVolumeClaim": m.ClaimObject,
    "HorizontalPodAutoscaler": m.AutoscalerObject,
    "VerticalPodAutoscaler": m.AutoscalerObject,
    "PodDisruptionBudget": m.BudgetObject,
    "LimitRange": m.LimitRangeObject,
    "ResourceQuota": m.QuotaObject,
    "Namespace": m.NamespaceObject,
    **dict.fromkeys(KINDS, m.WorkloadObject),
}
_INSTANT = timedelta(seconds=1)
_DECODERS = {kind: msgspec.json.Decoder(shape) for kind, shape in _SHAPES.items()}


class _Reading:
    """Objects decoded so far, each with its versions in order, and what could not be read."""

    def __init__(self) -> None:
        self.versions: dict[str, dict[str, list[tuple[ObjectVersion, msgspec.Struct]]]] = {}
        self.skipped: list[str] = []

    def take(self, version: ObjectVersion) -> None:
        """Decode one version of an object of a known kind."""
        decoder = _DECODERS.get(version.kind)
        if decoder is None:
            return
        try:
            found = decoder.decode(version.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self.skip(version, str(error))
            return
        key = version.uid or f"{version.namespace}/{version.name}"
        history = self.versions.setdefault(version.kind, {}).setdefault(key, [])
        if history and history[0][0][1:3] != version[1:3]:
            self.skip(version, f"its uid is that of {history[0][0].name!r}")
            return
        history.append((version, found))

    def skip(self, version: ObjectVersion, why: str) -> None:
        """Remember that an object could not be read."""
        place = f"{version.namespace}/" if version.namespace else ""
        self.skipped.append(f"{version.kind} {place}{version.name}: {why}")

    def last(self, shape: type[_Object]) -> Iterator[tuple[ObjectVersion, _Object]]:
        """Yield the last version of each object that was decoded as a shape."""
        for kind in self.versions:
            if _SHAPES[kind] is shape:
                for versions in self.versions[kind].values():
                    version, body = versions[-1]
                    if isinstance(body, shape):  # it is: _SHAPES decoded it
                        yield version, body

    def made(
        self, shape: type[_Object], make: Callable[[_Object, ObjectVersion], _Made]
    ) -> Iterator[_Made]:
        """Yield what `make` makes of each object of a shape; name those it cannot."""
        for version, body in self.last(shape):
            try:
                yield make(body, version)
            except (UpidError, ValueError) as error:
                self.skip(version, str(error))


def read_inventory(objects: Iterable[ObjectVersion], window: Window) -> Snapshot:
    """Return everything that existed at some time in the window.

    objects  versions in any order; those of one object in the order of time
    An object that cannot be read is left out and named in `skipped`; the rest goes on.
    """
    reading = _Reading()
    for version in objects:
        if version.since < window.end and (version.until is None or version.until > window.start):
            reading.take(version)
    nodes = tuple(sorted(reading.made(m.NodeObject, _node), key=lambda n: n.name))
    found_pods = _pods(reading, owners(reading.versions))
    bodies = [body for _, body in reading.last(m.NodeObject)]
    return Snapshot(
        at=window.end,
        version=machines.version(machines.kubelet(body) for body in bodies),
        provider=provider_of(bodies).distribution,
        nodes=nodes,
        pods=found_pods,
        workloads=workloads.workloads(reading.versions, found_pods, reading.skip),
        services=_read(reading, m.ServiceObject, bindings.service),
        volumes=_read(reading, m.VolumeObject, bindings.volume),
        claims=_read(reading, m.ClaimObject, bindings.claim),
        autoscalers=_read(reading, m.AutoscalerObject, bindings.autoscaler),
        budgets=_read(reading, m.BudgetObject, bindings.budget),
        bounds=_read(reading, m.LimitRangeObject, bindings.bounds),
        quotas=_read(reading, m.QuotaObject, bindings.quota),
        namespaces=dict(sorted(_read(reading, m.NamespaceObject, bindings.namespace))),
        skipped=tuple(sorted(reading.skipped)),
    )


def present(objects: Iterable[ObjectVersion], at: datetime) -> Snapshot:
    """Return what is there now: the last version of what is not gone, by whichever clock.

    at  the instant that it is of
    """
    living = (_lasting(version, at) for version in objects if version.until is None)
    return read_inventory(living, Window(at - _INSTANT, at + _INSTANT))


def _lasting(version: ObjectVersion, at: datetime) -> ObjectVersion:
    """Return a version as one that began before `at`: a server's clock may be ahead."""
    return version if version.since <= at else version._replace(since=at)


def _node(body: m.NodeObject, version: ObjectVersion) -> Node:
    return machines.node(body, version.until)


def _read(
    reading: _Reading, shape: type[_Object], make: Callable[[_Object], _Made]
) -> tuple[_Made, ...]:
    return tuple(reading.made(shape, lambda body, _: make(body)))


def _pods(reading: _Reading, owned: Owners) -> tuple[Pod, ...]:
    found = []
    for versions in reading.versions.get("Pod", {}).values():
        history = [(v, body) for v, body in versions if isinstance(body, m.PodObject)]
        try:
            found.append(pods.pod(history, owned))
        except (UpidError, ValueError) as error:
            reading.skip(versions[-1][0], str(error))
    return tuple(sorted(found, key=lambda p: (p.namespace, p.name, p.created, p.uid)))
