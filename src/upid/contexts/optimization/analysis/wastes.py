"""The biggest wastes, each with a reason in plain words."""

from collections import defaultdict

from upid.contexts.insights import Verdict, WorkloadIdle
from upid.contexts.optimization import schemas as s
from upid.contexts.optimization.analysis.answers import known, money
from upid.contexts.optimization.analysis.findings import Findings
from upid.contexts.optimization.types import AdviceType, Headroom, Recommendation
from upid.core.snapshot import WorkloadKey


def wastes(found: Findings, limit: int) -> list[s.Waste]:
    """Return what is paid for and used by nobody, the dearest first: workloads and orphans."""
    listed = _workloads(found) + _orphans(found)
    listed.sort(key=lambda waste: (-waste.monthly_waste, waste.workload))
    return [waste for waste in listed if waste.monthly_waste > 0][:limit]


def _workloads(found: Findings) -> list[s.Waste]:
    rows: dict[WorkloadKey, list[Headroom]] = defaultdict(list)
    for row in found.advice.headroom:
        rows[WorkloadKey(row.target.namespace, row.target.kind, row.target.name)].append(row)
    advised = {
        WorkloadKey(r.target.namespace, r.target.kind, r.target.name): r
        for r in found.advice.recommendations
        if r.type is not AdviceType.COST
    }
    idle = {w.key: w for w in found.idle.workloads}
    spared = {str(one.target): one.reason for one in found.advice.left_alone}
    pods: dict[WorkloadKey, int] = defaultdict(int)
    for pod in found.inventory.pods:
        pods[pod.workload] += pod.ended is None
    return [
        _waste(
            found,
            key,
            rows[key],
            advised.get(key),
            idle.get(key),
            spared.get(str(key), ""),
            pods[key],
        )
        for key in sorted(rows)
        if key in found.within
    ]


def _waste(
    found: Findings,
    key: WorkloadKey,
    rows: list[Headroom],
    advice: Recommendation | None,
    idle: WorkloadIdle | None,
    spared: str,
    pods: int,
) -> s.Waste:
    monthly = found.allocation.monthly
    charged, used = sum(r.charged for r in rows), sum(r.used for r in rows)
    verdict = idle.verdict if idle else Verdict.UNKNOWN
    return s.Waste(
        workload=str(key),
        namespace=key.namespace,
        kind=key.kind,
        name=key.name,
        pods=pods,
        monthly_cost=money(monthly(charged)),
        monthly_waste=money(monthly(sum(r.over for r in rows))),
        monthly_headroom=money(monthly(sum(r.headroom for r in rows))),
        efficiency=round(used / charged, 6) if charged else None,
        verdict=verdict.value,
        reason=advice.reason if advice else spared,
        confidence=known(advice.confidence) if advice else None,
        recommendation=advice.id if advice else None,
    )


def _orphans(found: Findings) -> list[s.Waste]:
    return [
        s.Waste(
            workload=str(one.target),
            namespace=one.target.namespace,
            kind=one.target.kind,
            name=one.target.name,
            pods=0,
            monthly_cost=money(one.saving.month),
            monthly_waste=money(one.saving.month),
            monthly_headroom=0.0,
            efficiency=0.0,
            verdict="unused",
            reason=one.reason,
            confidence=known(one.confidence),
            recommendation=one.id,
        )
        for one in found.advice.recommendations
        if one.type is AdviceType.COST
    ]
