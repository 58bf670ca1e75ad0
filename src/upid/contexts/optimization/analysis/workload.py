"""The analysis of one workload, and of one pod of it."""

from collections.abc import Callable, Sequence

from upid.contexts.costs import CostLine
from upid.contexts.insights import PodIdle, Verdict, WorkloadIdle
from upid.contexts.optimization import schemas as s
from upid.contexts.optimization.analysis import answers
from upid.contexts.optimization.analysis.cluster import confidence, price_sources
from upid.contexts.optimization.analysis.findings import Findings
from upid.contexts.optimization.analysis.parts import charged
from upid.contexts.optimization.types import HOURS_A_DAY, HOURS_A_MONTH, Recommendation, Target
from upid.core.snapshot import Autoscaler, Pod, Snapshot, Workload, WorkloadKey

Draw = Callable[[Sequence[Pod], Workload, Recommendation | None], list[s.Distribution]]
OPT_OUT = "upid.io/"  # prefix of the annotations by which people steer UPID (SAF-4)


def of_workload(
    found: Findings, workload: Workload, draw: Draw, lines: Sequence[CostLine]
) -> s.DeploymentAnalysis:
    """Return what is known of one workload.

    draw   makes the histograms of some pods
    lines  the cluster's cost by pod uid
    """
    key = workload.key
    pods = [pod for pod in found.inventory.pods if pod.workload == key]
    idle = next((one for one in found.idle.workloads if one.key == key), None)
    advice = _advice(found, key)
    currency = found.allocation.currency
    return s.DeploymentAnalysis(
        deployment_id=f"{found.cluster.id}/{key}",
        workload=answers.workload(workload),
        window=answers.span(found.allocation.window),
        analysis_timestamp=answers.span(found.allocation.window).end,
        currency=currency,
        total_pods=sum(pod.ended is None for pod in pods),
        scaling_recommendation=_scaling(workload, idle, _autoscalers(found.inventory, key)),
        cost_analysis=_workload_cost(found, key),
        idle=answers.workload_idle(idle, found.pods_of(key), found.idle.idle_above)
        if idle
        else None,
        distributions=draw(pods, workload, next(iter(advice), None)),
        pods=_pods(found, pods, lines),
        recommendations=[answers.recommended(one, currency) for one in advice],
        left_alone=[answers.spared(o) for o in found.advice.left_alone if _is(o.target, key)],
        guards=guards(found.inventory, workload),
        price_sources=price_sources(found.allocation),
        confidence=advice[0].confidence if advice else confidence(found.allocation),
        notes=[*found.notes, *found.allocation.notes],
    )


def of_pod(found: Findings, pod: Pod, draw: Draw, lines: Sequence[CostLine]) -> s.PodAnalysis:
    """Return what is known of one pod; advice is for its workload, which is what one changes."""
    key = pod.workload
    workload = next(w for w in found.inventory.workloads if w.key == key)
    idle = next((one for one in found.idle.pods if one.uid == pod.uid), None)
    line = next((one for one in lines if one.key == pod.uid), None)
    advice = _advice(found, key)
    return s.PodAnalysis(
        pod_id=pod.uid,
        namespace=pod.namespace,
        name=pod.name,
        node=pod.node or "",
        workload=answers.workload(workload),
        window=answers.span(found.allocation.window),
        currency=found.allocation.currency,
        insights=s.Insights(
            state=_state(pod, idle),
            idle=answers.pod_idle(idle, found.idle.idle_above) if idle else None,
            cost=_pod_cost(found, line) if line else None,
            distributions=draw([pod], workload, next(iter(advice), None)),
        ),
        recommendations=[answers.recommended(one, found.allocation.currency) for one in advice],
        confidence=answers.known(idle.confidence.value) if idle else None,
        analysis_timestamp=answers.span(found.allocation.window).end,
        notes=[*found.notes, *found.allocation.notes],
    )


def guards(inventory: Snapshot, workload: Workload) -> list[str]:
    """Return what has to be respected when this workload is changed, in plain words."""
    key = workload.key
    found = [_steered(scaler) for scaler in _autoscalers(inventory, key)]
    for budget in inventory.budgets:
        selects = budget.selector and budget.selector.items() <= workload.pod_labels.items()
        if budget.namespace == key.namespace and selects:
            bound = f"minAvailable {budget.minimum}" if budget.minimum else ""
            bound = bound or f"maxUnavailable {budget.maximum}"
            found.append(f"disruption budget {budget.name!r}: {bound}")
    found += [f"LimitRange {b.name!r}" for b in inventory.bounds if b.namespace == key.namespace]
    found += [f"ResourceQuota {q.name!r}" for q in inventory.quotas if q.namespace == key.namespace]
    if workload.managed_by:
        found.append(f"managed by {workload.managed_by}: a change by hand may be undone")
    if workload.replicas == 1:
        found.append("a single replica: a restart interrupts it")
    found += [
        f"annotation {name}: {value}"
        for name, value in sorted(workload.annotations.items())
        if name.startswith(OPT_OUT)
    ]
    return found


def _autoscalers(inventory: Snapshot, key: WorkloadKey) -> list[Autoscaler]:
    return [scaler for scaler in inventory.autoscalers if scaler.target == key]


def _steered(scaler: Autoscaler) -> str:
    if scaler.vertical:
        return f"VerticalPodAutoscaler {scaler.name!r} in mode {scaler.mode}"
    targets = [f"{name} {share:.0%}" for name, share in sorted(scaler.utilization.items())]
    at = f" at {', '.join(targets)}" if targets else ""
    bounds = f"{scaler.minimum} to {scaler.maximum} replicas"
    return f"HorizontalPodAutoscaler {scaler.name!r}: {bounds}{at}"


def _scaling(
    workload: Workload, idle: WorkloadIdle | None, scalers: Sequence[Autoscaler]
) -> s.Scaling:
    steers = next((scaler for scaler in scalers if not scaler.vertical), None)
    if idle and idle.verdict is Verdict.IDLE:
        why = "nothing here works: see the idle recommendation"
    elif steers:
        why = f"{_steered(steers)}; it decides, so only requests are advised"
    else:
        why = "replicas are left as they are: no latency target says how few are enough"
    return s.Scaling(
        replicas=workload.replicas,
        ready=workload.ready,
        owner=steers.name if steers else "",
        reason=why,
    )


def _workload_cost(found: Findings, key: WorkloadKey) -> s.Cost:
    split = charged(row for row in found.advice.headroom if _is(row.target, key))
    storage = sum(v.cost for v in found.allocation.volumes if v.owner == key)
    hours = found.allocation.hours
    month = split.times(HOURS_A_MONTH / hours)
    stored = round(storage * HOURS_A_MONTH / hours)
    total = split.total
    return s.Cost(
        monthly=answers.money(month.total + stored),
        daily=answers.money(round((total + storage) * HOURS_A_DAY / hours)),
        allocated=answers.money(month.total),
        used=answers.money(month.used),
        headroom=answers.money(month.headroom),
        workload_idle=answers.money(month.workload_idle),
        unknown=answers.money(month.unknown),
        storage=answers.money(stored),
        efficiency=round(split.used / total, 6) if total else None,
    )


def _pod_cost(found: Findings, line: CostLine) -> s.Cost:
    monthly = found.allocation.monthly
    return s.Cost(
        monthly=answers.money(line.monthly),
        daily=answers.money(line.daily),
        allocated=answers.money(monthly(line.allocated)),
        used=answers.money(monthly(line.used)),
        headroom=None,
        workload_idle=None,
        unknown=answers.money(monthly(line.unmeasured)),
        storage=answers.money(monthly(line.storage)),
        efficiency=answers.known(line.efficiency),
    )


def _pods(found: Findings, pods: Sequence[Pod], lines: Sequence[CostLine]) -> list[s.PodLine]:
    by_key = {line.key: line for line in lines}
    idle = {one.uid: one for one in found.idle.pods}
    listed = []
    for pod in pods:
        if pod.ended is not None:
            continue
        line, judged = by_key.get(pod.uid), idle.get(pod.uid)
        listed.append(
            s.PodLine(
                name=pod.name,
                node=pod.node or "",
                phase=pod.phase,
                ready=pod.ready,
                monthly_cost=answers.money(line.monthly) if line else 0.0,
                efficiency=answers.known(line.efficiency) if line else None,
                idle_probability=answers.known(judged.probability.value) if judged else None,
            )
        )
    return listed


def _advice(found: Findings, key: WorkloadKey) -> list[Recommendation]:
    return [one for one in found.advice.recommendations if _is(one.target, key)]


def _is(target: Target, key: WorkloadKey) -> bool:
    return target[:3] == (key.namespace, key.kind, key.name)


def _state(pod: Pod, idle: PodIdle | None) -> str:
    if pod.ended is not None:
        return "completed" if pod.phase == "Succeeded" else "ended"
    if pod.waiting:
        return pod.waiting[0]
    return idle.verdict.value if idle else pod.phase.lower()
