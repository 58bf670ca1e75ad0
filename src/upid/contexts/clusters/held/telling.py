"""Tells how clusters are: health, status, what they use, and what a look finds just now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upid.contexts.clusters.logic.health import Signs, health_of
from upid.contexts.clusters.logic.naming import endings
from upid.contexts.clusters.logic.permissions import READ, needed
from upid.contexts.clusters.logic.requests import asked_by
from upid.contexts.clusters.logic.roles import mending
from upid.contexts.clusters.schemas import state as s
from upid.contexts.clusters.schemas.shared import (
    Amounts,
    CheckRow,
    Trouble,
    check_row,
    instant,
    milliseconds,
)
from upid.contexts.clusters.service import RECORDED
from upid.contexts.clusters.types import Cluster
from upid.core.window import rfc3339
from upid.kit.breaker import CircuitState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from upid.contexts.clusters.facts import Capability, Evidence, ProviderFacts
    from upid.contexts.clusters.held.views import ClusterViews
    from upid.contexts.clusters.lines import Line
    from upid.contexts.clusters.registry import ClusterRegistry
    from upid.contexts.clusters.service import ClusterService
    from upid.core.errors import UpidError
    from upid.core.snapshot import Snapshot
    from upid.kit.clock import Clock

# Codes of errors that are answers of the cluster: from before and after it knows who is asking.
_UNKNOWN_USER = ("cluster_unauthorized",)
_KNOWN_USER = ("cluster_forbidden", "cluster_object_missing")


class ClusterStates:
    """Tells how clusters are, each figure with the reason where there is none."""

    def __init__(
        self,
        clusters: ClusterService,
        views: ClusterViews,
        registry: ClusterRegistry,
        clock: Clock,
    ) -> None:
        self._clusters, self._views, self._registry = clusters, views, registry
        self._clock = clock

    async def health(self, named: str) -> s.ClusterHealth:
        """Return how a cluster and the way to it are, from what is known; nothing is asked."""
        line, now = self._views.line(named), self._clock()
        ends = list(endings(line.cluster, now))
        opened = line.breaker.state is not CircuitState.CLOSED
        trouble = line.follower.trouble
        signs = Signs(
            check=line.last,
            breaker_open=opened,
            following=line.following(),
            missing=[f"{one.permission}: {one.without}" for one in line.missing() if one.vital],
            warnings=[warning for *_, warning in ends if warning],
            usage=line.usage.unknown,
            trouble=trouble.message if trouble else "",
        )
        overall, reasons = health_of(signs, now)
        return s.ClusterHealth(
            cluster_id=line.id,
            name=line.name,
            overall=overall,
            reasons=list(reasons),
            breaker=s.BreakerState(
                state=line.breaker.state,
                retry_in_seconds=line.breaker.retry_in() if opened else None,
            ),
            last_check=_last(line),
            following=self._follow(line),
            endings=[
                s.EndingRow(what=what, until=rfc3339(until), warning=warning or None)
                for what, until, warning in ends
            ],
        )

    async def checks(self, named: str, limit: int) -> s.CheckRows:
        """Return the latest looks at a cluster, the newest first."""
        line = self._views.line(named)
        found = await self._registry.checks(line.id, limit)
        return s.CheckRows(cluster_id=line.id, items=[check_row(one) for one in found])

    async def validate(self, named: str) -> s.Validation:
        """Look at a cluster now; what goes wrong is part of the answer."""
        line = self._views.line(named)
        check = await line.look(whole=True, at_once=True)
        reach = line.reach if check.ok else None
        missing = line.missing() if check.ok else ()
        return s.Validation(
            cluster_id=line.id,
            ok=check.ok and not any(need.vital for need in missing),
            reached=check.ok or check.code in (*_UNKNOWN_USER, *_KNOWN_USER),
            authenticated=check.ok or check.code in _KNOWN_USER,
            error=None
            if check.ok
            else Trouble(code=check.code, message=check.message, hint=check.hint),
            version=check.version or None,
            latency_ms=milliseconds(check.latency),
            skew_seconds=check.skew,
            usage_unknown=(reach.no_usage or None) if reach else None,
            permissions=_permissions(line) if check.ok else [],
            missing_rbac=mending([need.permission for need in missing], "") if missing else None,
        )

    async def status(self, named: str) -> s.ClusterStatus:
        """Return what is known of a cluster, connected or recorded."""
        found = self._clusters.find(named)
        line = None if isinstance(found, Cluster) else self._views.line(named)
        view, standing, unknown = await self._views.standing(named)
        version = standing.version if standing else ""
        if not version and line is not None:
            version = line.cluster.version
        return s.ClusterStatus(
            cluster_id=found.id,
            name=found.name,
            source=RECORDED if line is None else "connected",
            as_of=instant(view.at) if view else None,
            unknown=unknown or None,
            version=version or None,
            provider=_provider(standing.provider) if standing else None,
            capabilities=[_capability(one) for one in standing.capabilities] if standing else [],
            counts=standing.counts if standing else None,
            following=self._follow(line) if line else None,
            missing_permissions=[str(one.permission) for one in line.missing()] if line else [],
            last_check=_last(line) if line else None,
            unreadable=list(view.snapshot.skipped) if view else [],
        )

    async def metrics(self, named: str) -> s.ClusterMetrics:
        """Return what a cluster uses now against what is asked for and there."""
        line = self._views.line(named)
        view = await self._views.view(named)
        held, usage = view.snapshot, line.usage.latest
        asked = asked_by(held.pods, lambda pod: pod.node)
        used = {one.node: (one.cores, one.memory) for one in usage.nodes} if usage else {}
        nodes = [
            s.NodeUsage(
                node=node.name,
                used=_amounts(used.get(node.name)),
                requested=_amounts(asked.get(node.name, (0.0, 0))),
                allocatable=_amounts((node.allocatable.cpu, node.allocatable.memory)),
            )
            for node in held.nodes
        ]
        known = [used[node.name] for node in held.nodes if node.name in used]
        return s.ClusterMetrics(
            cluster_id=line.id,
            as_of=rfc3339(view.at),
            read=instant(usage.at) if usage else None,
            unknown=line.usage.unknown or None,
            used=_total(known) if known else _amounts(None),
            requested=_total(asked.values()),
            allocatable=_total((n.allocatable.cpu, n.allocatable.memory) for n in held.nodes),
            nodes=nodes,
            nodes_without_usage=_unmeasured(held, used) if usage else [],
        )

    def _follow(self, line: Line) -> s.Follow | None:
        told, trouble = line.following(), line.follower.trouble
        if told is None:
            return None
        silent = None if told.contact is None else (self._clock() - told.contact).total_seconds()
        return s.Follow(
            freshness=told.freshness,
            contact=instant(told.contact),
            silent_seconds=None if silent is None else max(0.0, silent),
            generation=told.generation,
            objects=dict(sorted(told.objects.items())),
            relists=told.relists,
            memory_bytes=told.memory,
            left_out=list(told.left_out),
            trouble=_trouble(trouble) if trouble else None,
        )


def _permissions(line: Line) -> list[s.PermissionRow]:
    groups = line.served.groups if line.served else None
    return [
        s.PermissionRow(
            permission=str(need.permission),
            allowed=grant.allowed,
            vital=need.vital,
            without=need.without,
            why=grant.why or None,
        )
        for need in needed(READ.needs, groups)
        if (grant := line.grants.get(need.permission)) is not None
    ]


def _last(line: Line) -> CheckRow | None:
    return None if line.last is None else check_row(line.last)


def _trouble(error: UpidError) -> Trouble:
    return Trouble(code=error.code, message=error.message, hint=error.hint)


def _amounts(found: tuple[float, float] | None) -> Amounts:
    return Amounts(cpu=found[0], memory=found[1]) if found else Amounts(cpu=None, memory=None)


def _total(found: Iterable[tuple[float, float]]) -> Amounts:
    rows = tuple(found)
    return Amounts(
        cpu=round(sum(cpu for cpu, _ in rows), 9), memory=sum(memory for _, memory in rows)
    )


def _unmeasured(held: Snapshot, used: dict[str, tuple[float, float]]) -> list[str]:
    return [node.name for node in held.nodes if node.name not in used]


def _evidence(found: Sequence[Evidence]) -> list[s.EvidenceRow]:
    return [s.EvidenceRow(source=one.source, seen=one.seen, count=one.count) for one in found]


def _provider(facts: ProviderFacts) -> s.ProviderRow:
    return s.ProviderRow(
        distribution=facts.distribution,
        cloud=facts.cloud,
        confidence=facts.confidence,
        evidence=_evidence(facts.evidence),
        also=list(facts.also),
        steered_by=facts.steered_by or None,
        regions=list(facts.regions),
        zones=list(facts.zones),
        assumed=list(facts.assumed),
    )


def _capability(one: Capability) -> s.CapabilityRow:
    return s.CapabilityRow(
        name=one.name,
        presence=one.presence,
        evidence=_evidence(one.evidence),
        condition=one.condition or None,
        places=list(one.places),
        missing=list(one.missing),
        without=one.without,
    )
