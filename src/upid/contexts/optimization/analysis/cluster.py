"""The analysis of a cluster: cost, use, waste, what to do about it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from upid.contexts.costs import Allocation, CostLine
from upid.contexts.insights import Verdict, WorkloadIdle
from upid.contexts.optimization import schemas as s
from upid.contexts.optimization.analysis import answers
from upid.contexts.optimization.analysis.findings import Findings
from upid.contexts.optimization.analysis.lines import grouped
from upid.contexts.optimization.analysis.parts import Split, charged, rates, whole
from upid.contexts.optimization.analysis.wastes import wastes
from upid.contexts.optimization.types import HOURS_A_MONTH, Recommendation, Risk
from upid.core import allocation as resources
from upid.core.explain import Unknown
from upid.core.snapshot import Snapshot, WorkloadKey

HIGHLY, MODERATELY = 0.70, 0.40  # waste shares above which a cluster is called inefficient (CLI-3)
SAFE_CONFIDENCE = 80  # CLI-3's medium priority begins above it
FULL_WEEK = 168.0  # hours; fewer cannot show a whole week's rhythm


def analysed(
    found: Findings, lines: Callable[[str], Sequence[CostLine]], limit: int
) -> s.ClusterAnalysis:
    """Return the analysis of a cluster, or of the scope within it."""
    allocation, advice = found.allocation, found.advice
    split = _split(found)
    coverage = answers.known(allocation.coverage)
    return s.ClusterAnalysis(
        cluster_id=found.cluster.id,
        cluster=_facts(found),
        scope=found.scope.text,
        window=answers.span(allocation.window),
        analysis_timestamp=answers.span(allocation.window).end,
        currency=allocation.currency,
        coverage=coverage,
        total_monthly_cost=answers.money(split.times(HOURS_A_MONTH / allocation.hours).total),
        money=rates(split, allocation.hours),
        resource_utilization=utilization(allocation),
        cost_breakdown=s.Breakdown(
            namespaces=grouped(found, lines, "namespace"),
            kinds=grouped(found, lines, "kind"),
            pools=grouped(found, lines, "pool") if found.scope.whole else [],
        ),
        efficiency_metrics=efficiency(found, split),
        wastes=wastes(found, limit),
        idle=_idle(found, limit),
        idle_counts=_verdicts(found),
        recommendations=[
            answers.recommended(one, allocation.currency) for one in advice.recommendations[:limit]
        ],
        safe_first=safe_first(advice.recommendations),
        left_alone=[answers.spared(one) for one in advice.left_alone],
        left_alone_counts=dict(sorted(Counter(o.code.value for o in advice.left_alone).items())),
        optimization_potential=answers.potential(advice.totals),
        confidence=confidence(allocation),
        price_sources=price_sources(allocation),
        missing=list(found.idle.missing),
        notes=_notes(found),
    )


def confidence(allocation: Allocation) -> float | None:
    """Return how sure the money is, 0 to 99: the share measured, less for under a full week."""
    if isinstance(allocation.coverage, Unknown):
        return None
    week = min(1.0, allocation.hours / FULL_WEEK)
    return round(min(99.0, 100 * allocation.coverage * week), 1)


def price_sources(allocation: Allocation) -> list[s.Price]:
    """Return which prices stand behind how many nodes, the commonest first."""
    found = Counter(
        (node.price.kind.value, node.price.source, node.price.as_of) for node in allocation.nodes
    )
    return [
        s.Price(nodes=count, kind=kind, source=source, as_of=as_of)
        for (kind, source, as_of), count in sorted(found.items(), key=lambda f: (-f[1], f[0]))
    ]


def safe_first(recommendations: Iterable[Recommendation]) -> s.SafeFirst:
    """Return what saves money at low risk with confidence above 80."""
    safe = [
        one
        for one in recommendations
        if one.risk is Risk.LOW and one.confidence > SAFE_CONFIDENCE and one.saving.month > 0
    ]
    return s.SafeFirst(
        count=len(safe),
        monthly_saving=answers.money(sum(one.saving.month for one in safe)),
        ids=[one.id for one in safe],
    )


def utilization(allocation: Allocation) -> dict[str, s.Usage]:
    """Return what of the nodes' CPU and memory was requested and used, as means over the window."""
    question = allocation.shares.question
    places = {"cpu": (resources.CPU, "cores"), "memory": (resources.MEMORY, "bytes")}
    return {
        name: _usage(question, place, unit, allocation.hours)
        for name, (place, unit) in places.items()
    }


def _usage(question: resources.Question, place: int, unit: str, hours: float) -> s.Usage:
    machines, demand = question.machines, question.demand
    available = float((machines.capacity[:, place] @ machines.presence).sum()) / hours
    on_nodes = (demand.node >= 0)[:, None] * demand.presence
    requested = float((demand.request[place] * on_nodes).sum()) / hours
    usage = demand.usage[place]
    measured = bool(np.isfinite(usage).any())
    used = float(np.nansum(usage * on_nodes)) / hours if measured else None
    return s.Usage(
        unit=unit,
        capacity=round(available, 3),
        requested=round(requested, 3),
        used=None if used is None else round(used, 3),
        utilization=None if used is None or not available else round(used / available, 6),
        requested_share=round(requested / available, 6) if available else 0.0,
    )


def efficiency(found: Findings, split: Split) -> s.Efficiency:
    """Return how well the money is used (CLI-3): waste = 1 − used ÷ allocated."""
    allocation = found.allocation
    rows = [i for i, row in enumerate(allocation.containers) if row.workload in found.within]
    shares = allocation.shares.parts[rows]
    nodes = allocation.node_total
    if isinstance(allocation.coverage, Unknown):
        used_share = cpu = memory = None
    else:
        used_share = _share(shares[:, :, resources.USED], shares)
        cpu = _share(shares[:, resources.CPU, resources.USED], shares[:, resources.CPU])
        memory = _share(shares[:, resources.MEMORY, resources.USED], shares[:, resources.MEMORY])
    waste = None if used_share is None else round(1 - used_share, 6)
    idle_share = split.infrastructure_idle / nodes if nodes and found.scope.whole else None
    return s.Efficiency(
        efficiency=used_share,
        cpu_efficiency=cpu,
        memory_efficiency=memory,
        idle_share=None if idle_share is None else round(idle_share, 6),
        waste_share=waste,
        verdict=_verdict(waste),
    )


def _share(part: np.ndarray, of: np.ndarray) -> float | None:
    whole_sum = int(of.sum())
    return round(int(part.sum()) / whole_sum, 6) if whole_sum else None


def _verdict(waste: float | None) -> str:
    if waste is None:
        return "unknown"
    if waste > HIGHLY:
        return "highly inefficient"
    return "moderately inefficient" if waste > MODERATELY else "efficient"


def _split(found: Findings) -> Split:
    rows = [
        row
        for row in found.advice.headroom
        if WorkloadKey(row.target.namespace, row.target.kind, row.target.name) in found.within
    ]
    if found.scope.whole:
        return whole(found.allocation, found.advice.headroom)
    part = charged(rows)
    inside = found.scope.namespace
    volumes = sum(v.cost for v in found.allocation.volumes if v.claim and inside(v.namespace))
    balancers = sum(b.cost for b in found.allocation.load_balancers if inside(b.namespace))
    if found.scope.selector.requirements:
        volumes = sum(v.cost for v in found.allocation.volumes if v.owner in found.within)
        balancers = sum(b.cost for b in found.allocation.load_balancers if b.owner in found.within)
    return Split(
        used=part.used,
        headroom=part.headroom,
        workload_idle=part.workload_idle,
        unknown=part.unknown,
        storage=volumes,
        load_balancers=balancers,
    )


def _facts(found: Findings) -> s.ClusterFacts:
    inventory, facts = found.inventory, found.cluster.facts
    at_end = [node for node in inventory.nodes if node.ended is None]
    pools = sorted({node.pool for node in at_end})
    living = [p for p in inventory.pods if p.ended is None and p.workload in found.within]
    return s.ClusterFacts(
        id=found.cluster.id,
        name=facts.name,
        provider=inventory.provider,
        version=inventory.version,
        regions=sorted({node.region for node in at_end if node.region}),
        nodes=len(at_end),
        pods=len(living),
        workloads=len(found.within),
        namespaces=len({key.namespace for key in found.within}),
        pools=[
            s.PoolFacts(
                name=pool,
                nodes=sum(node.pool == pool for node in at_end),
                instance_types=sorted({n.instance_type for n in at_end if n.pool == pool}),
                capacity_types=sorted({n.capacity_type for n in at_end if n.pool == pool}),
            )
            for pool in pools
        ],
        sources=list(facts.sources),
    )


def _idle(found: Findings, limit: int) -> list[s.Idle]:
    told = (Verdict.IDLE, Verdict.BLOCKED)
    judged = [w for w in found.idle.workloads if w.key in found.within and w.verdict in told]
    judged.sort(key=_dearest_idle)
    above = found.idle.idle_above
    return [answers.workload_idle(one, found.pods_of(one.key), above) for one in judged[:limit]]


def _dearest_idle(found: WorkloadIdle) -> tuple[bool, int, WorkloadKey]:
    cost = found.cost.monthly_micros if found.cost else 0
    return (found.verdict is not Verdict.IDLE, -cost, found.key)


def _verdicts(found: Findings) -> dict[str, int]:
    counted = Counter(w.verdict.value for w in found.idle.workloads if w.key in found.within)
    return {verdict.value: counted[verdict.value] for verdict in Verdict}


def _notes(found: Findings) -> list[str]:
    """Return what has to be known, each once; what is missing has a place of its own."""
    skipped = _skipped(found.inventory)
    notes = [*found.notes, *found.allocation.notes, *found.advice.notes, *skipped]
    return [note for note in dict.fromkeys(notes) if note not in found.idle.missing]


def _skipped(inventory: Snapshot) -> list[str]:
    count = len(inventory.skipped)
    if not count:
        return []
    return [f"{count} objects could not be read, the first: {inventory.skipped[0]}"]
