"""Reads what a cluster holds and uses at one moment: objects page by page, usage once."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from upid.adapters.kubernetes.client import (
    ClusterClient,
    Forbidden,
    ObjectMissing,
    Resource,
    Selection,
    resource,
)
from upid.adapters.kubernetes.client.usage import seconds
from upid.adapters.kubernetes.identity import SYSTEM, identity_of
from upid.adapters.kubernetes.live.kinds import READ
from upid.core.errors import UpidError
from upid.core.ports.cluster_connection import ContainerReading, NodeReading, Usage
from upid.core.ports.cluster_source import ObjectVersion

Progress = Callable[[str], None]
_Read = TypeVar("_Read")

_AT_ONCE = 4  # lists side by side: the API server has others to serve
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # of objects that do not say when they were made
_NAMESPACES = resource("v1", "namespaces")
_SYSTEM = Selection(fields=f"metadata.name={SYSTEM}")
_NEEDED = frozenset({"nodes", "pods"})  # without them there is nothing to say


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    creation_timestamp: datetime | None = None


class _Object(msgspec.Struct, frozen=True):
    kind: str = ""
    metadata: _Metadata = _Metadata()


_OBJECT = msgspec.json.Decoder(_Object)


@dataclass(frozen=True, slots=True)
class Held:
    """What a cluster holds.

    identity  stable for one cluster: from the uid of its kube-system namespace, else its address
    objects   may be iterated over again and again
    left_out  what could not be read, a sentence each
    """

    identity: str
    version: str
    objects: Iterable[ObjectVersion]
    left_out: tuple[str, ...]


async def read_objects(client: ClusterClient, progress: Progress) -> Held:
    """Return every object that UPID reads, in a stable order.

    A kind that may not be listed is left out and named. Raises `Forbidden` when nodes or pods
    may not be listed, and whatever else the client raises.
    """
    progress("version and kinds")
    version, discovery = await asyncio.gather(client.version(), client.discovery())
    wanted = [found.resource for plural, in_ in READ if (found := discovery.find(plural, *in_))]
    gate = asyncio.Semaphore(_AT_ONCE)
    lists = await _together([_list(client, one, gate, progress) for one in wanted])
    left_out = [sentence for _, sentences in lists for sentence in sentences]
    objects = sorted(
        (found for versions, _ in lists for found in versions),
        key=lambda one: (one.kind, one.namespace, one.name, one.since),
    )
    return Held(_identity(client, objects), str(version), tuple(objects), tuple(left_out))


async def _together(asked: Sequence[Coroutine[Any, Any, _Read]]) -> list[_Read]:
    """Return all answers; the first error ends what is still asked, and waits for its end.

    What is left running would be torn from its connection when the loop closes, and say so.
    """
    tasks = [asyncio.ensure_future(one) for one in asked]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def identify(client: ClusterClient) -> str | None:
    """Return what tells this cluster from all others, as in `Held`; None: that may not be seen.

    One small question, a list because to list is all that is granted; so it tells as well
    whether the cluster answers at all.
    """
    try:
        async with aclosing(client.list(_NAMESPACES, _Object, _SYSTEM)) as pages:
            found = [one.metadata.uid async for page in pages for one in page.items]
    except (Forbidden, ObjectMissing):
        return None
    return identity_of(found[0], client.access) if found else None


async def read_usage(client: ClusterClient, at: datetime) -> Usage | str:
    """Return what containers and nodes use now, or a sentence that says why that is unknown."""
    try:
        containers = [
            ContainerReading(
                pod.metadata.namespace,
                pod.metadata.name,
                container.name,
                container.usage.cores,
                float(container.usage.working_set),
                pod.timestamp,
                seconds(pod.window),
            )
            async for page in client.pod_usage()
            for pod in page.items
            for container in pod.containers
        ]
        nodes = [
            NodeReading(
                node.metadata.name,
                node.usage.cores,
                float(node.usage.working_set),
                node.timestamp,
                seconds(node.window),
            )
            async for page in client.node_usage()
            for node in page.items
        ]
    except UpidError as error:
        return usage_unknown(error)
    return Usage(at, tuple(containers), tuple(nodes))


def usage_unknown(error: UpidError) -> str:
    """Return in a sentence why the metrics API did not say what is used."""
    if isinstance(error, ObjectMissing):
        return "usage is unknown: the cluster has no metrics server (metrics.k8s.io)"
    return f"usage is unknown: {error}"


async def read_kind(client: ClusterClient, resource: Resource) -> list[ObjectVersion] | None:
    """Return the objects of a kind; None where they may not be listed."""
    gate = asyncio.Semaphore()
    try:
        return (await _listed(client, resource, gate, lambda _: None))[0]
    except Forbidden:
        return None


async def _list(
    client: ClusterClient, resource: Resource, gate: asyncio.Semaphore, progress: Progress
) -> tuple[list[ObjectVersion], list[str]]:
    """Return the objects of a kind, and what could not be read of it."""
    try:
        return await _listed(client, resource, gate, progress)
    except Forbidden as error:
        if resource.plural in _NEEDED:
            raise
        return [], [f"{resource} are left out: {error}"]


async def _listed(
    client: ClusterClient, resource: Resource, gate: asyncio.Semaphore, progress: Progress
) -> tuple[list[ObjectVersion], list[str]]:
    found: list[ObjectVersion] = []
    left_out: list[str] = []
    async with gate, aclosing(client.list(resource)) as pages:
        async for page in pages:
            if page.first:
                found.clear()
            found += map(_version, page.items)
            left_out += page.unreadable
            progress(f"{len(found):,} {resource.plural}")
    return found, left_out


def _version(body: bytes) -> ObjectVersion:
    found = _OBJECT.decode(body)
    meta = found.metadata
    since = meta.creation_timestamp or _BEGINNING
    return ObjectVersion(found.kind, meta.namespace, meta.name, meta.uid, since, None, body)


def _identity(client: ClusterClient, objects: list[ObjectVersion]) -> str:
    """Return what tells this cluster from all others."""
    system = (one.uid for one in objects if (one.kind, one.name) == ("Namespace", SYSTEM))
    return identity_of(next(system, ""), client.access)
