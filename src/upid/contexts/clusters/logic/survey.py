"""What a cluster is and has, from the few kinds of objects that tell it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from upid.contexts.clusters.facts import Capability, ProviderFacts, Sight
from upid.contexts.clusters.logic import manifests as m
from upid.contexts.clusters.logic.capabilities import capabilities_of
from upid.contexts.clusters.logic.inventory import read_inventory
from upid.contexts.clusters.logic.provider import provider_of
from upid.core.ports.cluster_connection import Served
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.snapshot import Node
from upid.core.window import Window

WORKLOADS = ("deployments", "statefulsets", "daemonsets")
TELLING = ("namespaces", "nodes", "services", *WORKLOADS)  # the kinds that are needed

_MOMENT = timedelta(minutes=1)
_NODE = msgspec.json.Decoder(m.NodeObject)


@dataclass(frozen=True, slots=True)
class Survey:
    """Who runs a cluster, what it can do, and its nodes; None: they may not be listed."""

    provider: ProviderFacts
    capabilities: tuple[Capability, ...]
    nodes: tuple[Node, ...] | None


def survey(
    seen: Mapping[str, Sequence[ObjectVersion] | None],
    version: str,
    served: Served | None,
    at: datetime,
) -> Survey:
    """Return what a cluster is and has.

    seen    objects of each kind in `TELLING`; None or missing: they may not be listed
    served  None where that is not known
    """
    objects = [one for kind in TELLING for one in seen.get(kind) or ()]
    held = read_inventory(objects, Window(at - _MOMENT, at + _MOMENT))
    names = [one.name for one in seen.get("namespaces") or ()]
    groups = None if served is None else served.groups
    provider = provider_of(_nodes(seen.get("nodes") or ()), version, groups, names)
    lists = [seen.get(kind) for kind in WORKLOADS]
    nodes = None if seen.get("nodes") is None else held.nodes
    sight = Sight(
        version=version,
        groups=groups,
        failing=served.failing if served else (),
        workloads=None if all(one is None for one in lists) else held.workloads,
        services=None if seen.get("services") is None else held.services,
        nodes=nodes,
        partial=("workloads",) if any(one is None for one in lists) else (),
        distribution=provider.distribution,
    )
    return Survey(provider, capabilities_of(sight), nodes)


def _nodes(versions: Sequence[ObjectVersion]) -> list[m.NodeObject]:
    """Return the nodes that can be read."""
    found = []
    for version in versions:
        try:
            found.append(_NODE.decode(version.body))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    return found
