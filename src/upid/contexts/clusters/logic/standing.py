"""Finds out what a cluster is and can do from what it holds and serves (CLU-3, CLU-4)."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import msgspec

from upid.contexts.clusters.facts import Capability, ProviderFacts, Sight
from upid.contexts.clusters.logic import manifests as m
from upid.contexts.clusters.logic.capabilities import capabilities_of
from upid.contexts.clusters.logic.provider import provider_of
from upid.core.ports.cluster_connection import Served
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.snapshot import Snapshot

_NODE = msgspec.json.Decoder(m.NodeObject)
_RUNNING = ("deployments.apps", "statefulsets.apps", "daemonsets.apps")


@dataclass(frozen=True, slots=True)
class Standing:
    """What a cluster is, what it can do, and how many of everything it holds."""

    version: str
    provider: ProviderFacts
    capabilities: tuple[Capability, ...]
    counts: dict[str, int]


def standing_of(
    held: Snapshot,
    objects: Iterable[ObjectVersion],
    served: Served | None,
    denied: Collection[str] = (),
) -> Standing:
    """Return what is known of a cluster.

    objects  its nodes, as the API server prints them
    served   what its server serves; None where that is not known
    denied   permissions that are not granted, such as `list pods`: not seen is not absent
    """
    version = served.version if served else held.version
    groups = None if served is None else served.groups
    provider = provider_of(
        list(_nodes(objects)), served.version if served else "", groups, list(held.namespaces)
    )
    sight = Sight(
        version=version,
        groups=groups,
        failing=served.failing if served else (),
        workloads=None if any(f"list {one}" in denied for one in _RUNNING) else held.workloads,
        services=None if "list services" in denied else held.services,
        nodes=None if "list nodes" in denied else held.nodes,
        distribution=provider.distribution,
    )
    return Standing(version, provider, capabilities_of(sight), _counts(held))


def _nodes(objects: Iterable[ObjectVersion]) -> Iterator[m.NodeObject]:
    for version in objects:
        if version.kind == "Node" and version.until is None:
            try:
                yield _NODE.decode(version.body)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue  # named among what could not be read


def _counts(held: Snapshot) -> dict[str, int]:
    return {
        "nodes": len(held.nodes),
        "namespaces": len(held.namespaces),
        "workloads": len(held.workloads),
        "pods": len(held.pods),
        "services": len(held.services),
    }
