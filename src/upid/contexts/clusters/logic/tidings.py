"""Turns changes of objects into what is worth telling of them (EVT-1).

Most changes are not: a pod's status is written many times while it starts, and a Deployment's with
each of its pods.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import msgspec

from upid.contexts.clusters.logic import manifests as m
from upid.contexts.clusters.logic import pods
from upid.core.errors import UpidError
from upid.core.ports.cluster_connection import Happened, ObjectChange
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.snapshot import Container

Facts = Mapping[str, str | int | float | bool | None]

_Shape = TypeVar("_Shape", m.NodeObject, m.PodObject, m.ServiceObject, m.WorkloadObject)
_FAILED = "Failed"
_ONE = 1  # replicas of a Deployment that does not say: the API server's default


@dataclass(frozen=True, slots=True)
class Tiding:
    """Something that happened to one object.

    before, after  what of it changed, in the API's units; empty where it came or went
    """

    topic: str
    at: datetime
    namespace: str
    name: str
    uid: str
    before: Facts
    after: Facts


def tidings(changes: Iterable[ObjectChange]) -> list[Tiding]:
    """Return what is worth telling of changes, in their order."""
    return [told for change in changes for told in _told(change)]


def _told(change: ObjectChange) -> Iterator[Tiding]:
    version = change.after or change.before
    tell = _TELLING.get(version.kind) if version else None
    if version is None or tell is None:
        return
    try:
        for topic, before, after in tell(change):
            names = (version.namespace, version.name, version.uid)
            yield Tiding(topic, change.at, *names, before, after)
    except (UpidError, ValueError, msgspec.MsgspecError):
        return  # what cannot be read is named where the cluster's objects are listed


_Telling = Iterator[tuple[str, Facts, Facts]]


def _node(change: ObjectChange) -> _Telling:
    before, after = _pair(change, m.NodeObject)
    if change.happened is Happened.ADDED:
        yield "node.added", {}, {"ready": _is_ready(after.status.conditions) if after else None}
    elif change.happened is Happened.REMOVED:
        yield "node.removed", {}, {}
    cordoned = bool(after and after.spec.unschedulable)
    if cordoned and not (before and before.spec.unschedulable):
        yield "node.cordoned", {}, {}


def _service(change: ObjectChange) -> _Telling:
    before, after = _pair(change, m.ServiceObject)
    if change.happened is Happened.ADDED:
        yield "service.created", {}, _service_facts(after)
    elif change.happened is Happened.REMOVED:
        yield "service.deleted", {}, {}
    else:
        yield from _changed("service.updated", _service_facts(before), _service_facts(after))


def _pod(change: ObjectChange) -> _Telling:
    before, after = _pair(change, m.PodObject)
    failed = bool(after and after.status.phase == _FAILED)
    if change.happened is Happened.ADDED:
        yield "pod.created", {}, _pod_facts(after)
    elif change.happened is Happened.REMOVED:
        yield "pod.deleted", {}, {}
    else:
        yield from _changed("pod.updated", _pod_facts(before), _pod_facts(after))
    if failed and not (before and before.status.phase == _FAILED):
        yield "pod.failed", {}, {"phase": _FAILED}


def _deployment(change: ObjectChange) -> _Telling:
    before, after = _pair(change, m.WorkloadObject)
    if change.happened is not Happened.MODIFIED or before is None or after is None:
        return
    yield from _changed("deployment.scaled", _scale(before), _scale(after))
    yield from _changed("deployment.updated", _template(before), _template(after))


_TELLING: Mapping[str, Callable[[ObjectChange], _Telling]] = {
    "Node": _node,
    "Service": _service,
    "Pod": _pod,
    "Deployment": _deployment,
}


def _changed(topic: str, before: Facts, after: Facts) -> _Telling:
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    if keys:
        yield topic, {key: before.get(key) for key in keys}, {key: after.get(key) for key in keys}


def _pair(change: ObjectChange, shape: type[_Shape]) -> tuple[_Shape | None, _Shape | None]:
    def read(version: ObjectVersion | None) -> _Shape | None:
        return None if version is None else msgspec.json.decode(version.body, type=shape)

    return read(change.before), read(change.after)


def _is_ready(conditions: list[m.Condition] | None) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in conditions or ())


def _pod_facts(body: m.PodObject | None) -> Facts:
    if body is None:
        return {}
    return {
        "phase": body.status.phase or "Unknown",
        "node": body.spec.node_name or None,
        "ready": _is_ready(body.status.conditions),
        **_requests(pods.containers(body.spec)),
    }


def _requests(containers: tuple[Container, ...]) -> Facts:
    found: dict[str, float | int | None] = {}
    for one in containers:
        if not one.init:
            found[f"{one.name}.cpu_request"] = one.cpu_request
            found[f"{one.name}.memory_request"] = one.memory_request
    return found


def _service_facts(body: m.ServiceObject | None) -> Facts:
    if body is None:
        return {}
    spec = body.spec
    selector = ",".join(f"{key}={value}" for key, value in sorted((spec.selector or {}).items()))
    ports = ",".join(str(one.port) for one in spec.ports or ())
    return {"type": spec.type or "ClusterIP", "selector": selector, "ports": ports}


def _scale(body: m.WorkloadObject) -> Facts:
    return {"replicas": _ONE if body.spec.replicas is None else body.spec.replicas}


def _template(body: m.WorkloadObject) -> Facts:
    template = body.spec.template
    found: dict[str, str | int | float | bool | None] = {}
    for one in pods.containers(template.spec if template else None):
        found[f"{one.name}.image"] = one.image
        found[f"{one.name}.cpu_request"] = one.cpu_request
        found[f"{one.name}.cpu_limit"] = one.cpu_limit
        found[f"{one.name}.memory_request"] = one.memory_request
        found[f"{one.name}.memory_limit"] = one.memory_limit
    return found
