"""Turns figures into answers: micros into numbers, Unknown into null with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import fields

from upid.contexts.insights import PodIdle, WorkloadIdle
from upid.contexts.optimization import schemas as s
from upid.contexts.optimization import types as t
from upid.core.explain import Unknown
from upid.core.money import MICROS
from upid.core.quantity import format_bytes, format_cpu
from upid.core.rightsizing import Ask
from upid.core.snapshot import Workload
from upid.core.window import Window, rfc3339

_DIGITS = 6  # a micro


def money(micros: int) -> float:
    """Return micros in units of the currency."""
    return micros / MICROS


def known(value: float | Unknown | None) -> float | None:
    """Return a figure, null where it is Unknown."""
    return None if value is None or isinstance(value, Unknown) else round(value, _DIGITS)


def reason(value: object) -> str | None:
    """Return why a figure is not known, null where it is."""
    return value.reason if isinstance(value, Unknown) else None


def span(window: Window) -> s.Span:
    """Return a window as it is answered."""
    return s.Span(
        start=rfc3339(window.start), end=rfc3339(window.end), hours=round(window.hours, 4)
    )


def plain(part: object) -> s.Words:
    """Return a dataclass of figures as words; an Unknown becomes null, its reason beside it."""
    found: s.Words = {}
    for field in fields(part):  # type: ignore[arg-type]
        found |= words({field.name: getattr(part, field.name)})
    return found


def words(facts: Mapping[str, object]) -> s.Words:
    """Return named facts as plain values."""
    found: s.Words = {}
    for name, value in facts.items():
        if isinstance(value, Unknown):
            found[name] = None
            found[f"{name}_unknown"] = value.reason
        elif isinstance(value, float):
            found[name] = round(value, _DIGITS)
        elif value is None or isinstance(value, int | str):
            found[name] = value
    return found


def saving(amount: t.Saving) -> s.Saving:
    """Return a saving in units of the currency."""
    return s.Saving(
        hourly=money(amount.hour),
        daily=money(amount.day),
        monthly=money(amount.month),
        yearly=money(amount.year),
    )


def requests(ask: Ask) -> s.Requests:
    """Return what a container asks for, as Kubernetes writes it."""
    return s.Requests(
        cpu_request=None if ask.cpu_request is None else format_cpu(ask.cpu_request),
        cpu_limit=None if ask.cpu_limit is None else format_cpu(ask.cpu_limit),
        memory_request=None if ask.memory_request is None else format_bytes(ask.memory_request),
        memory_limit=None if ask.memory_limit is None else format_bytes(ask.memory_limit),
    )


def change(part: t.ContainerChange) -> s.Change:
    """Return one container's change."""
    return s.Change(
        container=part.name,
        current=requests(part.current),
        proposed=requests(part.proposed),
        usage=plain(part.usage),
        replay=plain(part.replay),
        steps=list(part.steps),
    )


def recommended(found: t.Recommendation, currency: str) -> s.Recommended:
    """Return one recommendation."""
    manifest = found.patch.manifest if found.patch else None
    return s.Recommended(
        id=found.id,
        type=found.type.value,
        target=str(found.target),
        namespace=found.target.namespace,
        kind=found.target.kind,
        name=found.target.name,
        priority=found.priority.value,
        action=found.action,
        reason=found.reason,
        impact=_impact(found.saving, currency),
        saving=saving(found.saving),
        realised=found.realised,
        confidence=found.confidence,
        confidence_parts=words(found.confidence_parts),
        risk=found.risk.value,
        risk_parts=list(found.risk_parts),
        effort_minutes=found.effort_minutes,
        apply_by=found.apply_by,
        status=found.status.value,
        expires=rfc3339(found.expires),
        changes=[change(part) for part in found.changes],
        evidence=words(found.evidence),
        notes=list(found.notes),
        patch=dict(manifest) if manifest is not None else None,
        diff=found.patch.diff if found.patch else "",
        command=found.patch.command if found.patch else "",
    )


def _impact(amount: t.Saving, currency: str) -> str:
    monthly = money(amount.month)
    if monthly >= 0:
        return f"saves {monthly:.2f} {currency} a month"
    return f"costs {-monthly:.2f} {currency} a month more"


def spared(found: t.LeftAlone) -> s.Spared:
    """Return something that was left alone."""
    return s.Spared(
        target=str(found.target),
        namespace=found.target.namespace,
        kind=found.target.kind,
        name=found.target.name,
        code=found.code.value,
        reason=found.reason,
    )


def potential(totals: t.Totals) -> s.Potential:
    """Return what could be saved."""
    return s.Potential(
        recommendations=totals.count,
        saving=saving(totals.saving),
        saves=saving(totals.saves),
        costs_more=saving(totals.costs_more),
        high_confidence=saving(totals.high_confidence),
        by_type={kind.value: saving(amount) for kind, amount in sorted(totals.by_type.items())},
    )


def pod_idle(found: PodIdle, idle_above: float) -> s.Idle:
    """Return how idle one pod is, where a higher probability than `idle_above` is idle."""
    value = found.probability.value
    return s.Idle(
        workload=str(found.workload),
        namespace=found.namespace,
        kind=found.workload.kind,
        name=found.workload.name,
        pod=found.name,
        verdict=found.verdict.value,
        probability=known(value),
        idle_above=idle_above,
        unknown=reason(value),
        confidence=known(found.confidence.value),
        reasons=list(found.reasons),
        against=list(found.counter_evidence),
        missing=list(found.missing),
        periods=", ".join(found.idle_periods),
        sentence=found.sentence,
        monthly_cost=money(found.cost.monthly_micros) if found.cost else None,
        factors=factors(found),
    )


def workload_idle(found: WorkloadIdle, pods: Sequence[PodIdle], idle_above: float) -> s.Idle:
    """Return how idle a workload is, with the factors of its least idle pod."""
    judged = [pod for pod in pods if not isinstance(pod.probability.value, Unknown)]
    least = min(judged, key=lambda pod: (_probability(pod), pod.name), default=None)
    return s.Idle(
        workload=str(found.key),
        namespace=found.key.namespace,
        kind=found.key.kind,
        name=found.key.name,
        pod=None,
        verdict=found.verdict.value,
        probability=known(found.probability),
        idle_above=idle_above,
        unknown=reason(found.probability),
        confidence=known(found.confidence),
        reasons=list(found.reasons),
        against=list(found.counter_evidence),
        missing=list(found.missing),
        periods=", ".join(found.idle_periods),
        sentence=found.sentence,
        monthly_cost=money(found.cost.monthly_micros) if found.cost else None,
        factors=factors(least or (pods[0] if pods else None)),
    )


def factors(pod: PodIdle | None) -> list[s.Factor]:
    """Return the factors of a pod's idleness."""
    return [
        s.Factor(
            name=factor.name,
            value=known(factor.value),
            unknown=reason(factor.value),
            weight=round(factor.weight, _DIGITS),
            evidence=words(factor.evidence),
        )
        for factor in (pod.factors if pod else ())
    ]


def workload(found: Workload) -> s.Workload:
    """Return what a workload is."""
    return s.Workload(
        namespace=found.key.namespace,
        kind=found.key.kind,
        name=found.key.name,
        managed_by=found.managed_by,
        labels=dict(sorted(found.labels.items())),
        created=rfc3339(found.created),
    )


def _probability(pod: PodIdle) -> float:
    value = pod.probability.value
    return 0.0 if isinstance(value, Unknown) else value
