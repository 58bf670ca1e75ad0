"""One look at a cluster: does it answer, which is it, what does it grant, how fresh is usage."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime, timedelta

import msgspec

from upid.adapters.kubernetes.client import (
    ClusterClient,
    ClusterError,
    Forbidden,
    Resource,
    Selection,
    resource,
)
from upid.adapters.kubernetes.client.failures import printable
from upid.adapters.kubernetes.identity import SYSTEM, identity_of
from upid.adapters.kubernetes.live import usage_unknown
from upid.core.ports.cluster_connection import Grant, Permission, Reach
from upid.kit.clock import Clock

_AT_ONCE = 4  # reviews side by side
_NAMESPACES = resource("v1", "namespaces")
_SYSTEM = Selection(fields=f"metadata.name={SYSTEM}")
_NO_READINGS = "usage is unknown: the metrics server has no readings yet"


class _Metadata(msgspec.Struct, frozen=True):
    uid: str = ""


class _Namespace(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()


async def look(client: ClusterClient, wanted: Sequence[Permission], clock: Clock) -> Reach:
    """Return whether the cluster answers, who it is, and which permissions it grants.

    A cluster that does not let its namespaces be listed is known by its address.
    Raises a `ClusterError`, or an error of the credentials.
    """
    at = clock()
    greeting = await client.greet()
    identity = await _identity(client)
    grants = await _grants(client, wanted)
    now = clock() + (greeting.skew or timedelta())
    no_usage, read_at = await _usage(client)
    return Reach(
        at=at,
        version=str(greeting.version),
        platform=greeting.version.platform,
        identity=identity,
        latency=greeting.latency,
        skew=greeting.skew,
        grants=grants,
        no_usage=no_usage,
        usage_age=None if read_at is None else max(now - read_at, timedelta()),
        by_address=identity_of("", client.access),
    )


async def _identity(client: ClusterClient) -> str:
    """Return the cluster's identity, by a list: to list is all that is granted."""
    try:
        async with aclosing(client.list(_NAMESPACES, _Namespace, _SYSTEM)) as pages:
            found = [one.metadata.uid async for page in pages for one in page.items]
    except Forbidden:
        found = []
    return identity_of(next(iter(found), ""), client.access)


async def _grants(client: ClusterClient, wanted: Sequence[Permission]) -> tuple[Grant, ...]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def ask(permission: Permission) -> Grant:
        async with gate:
            return await _grant(client, permission)

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(permission)) for permission in wanted]
    return tuple(one.result() for one in asked)


async def _grant(client: ClusterClient, permission: Permission) -> Grant:
    plural, _, part = permission.resource.partition("/")
    about = Resource(permission.group, "", plural)
    try:
        said = await client.allowed(permission.verb, about, subresource=part or None)
    except Forbidden as error:  # a cluster where nobody may ask about themselves
        return Grant(permission, allowed=False, why=f"unknown: {error}")
    return Grant(permission, said.allowed, printable(said.reason or said.evaluation_error))


async def _usage(client: ClusterClient) -> tuple[str, datetime | None]:
    """Return why usage is unknown, else when it was measured last."""
    try:
        async with aclosing(client.node_usage()) as pages:
            read = [one.timestamp async for page in pages for one in page.items]
    except ClusterError as error:
        return usage_unknown(error), None
    return ("", max(read)) if read else (_NO_READINGS, None)
