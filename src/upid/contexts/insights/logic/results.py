"""Judgements of pods as types, and what the pods of a workload say together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from math import isnan

import numpy as np

from upid.contexts.insights.logic import words
from upid.contexts.insights.types import Factor, IdleCost, PodIdle, WorkloadIdle
from upid.core.activity import Activity, Bools, Floats
from upid.core.explain import Explained, Unknown
from upid.core.idle import (
    DEPENDENCY_REASON_BELOW,
    FACTORS,
    HISTORY_NEEDED,
    REASON_ABOVE,
    Held,
    Judgement,
    Verdict,
)
from upid.core.noise import NAMES, Noise
from upid.core.periods import named_periods, quiet_hours
from upid.core.snapshot import Pod, WorkloadKey
from upid.core.usage import BY_NETWORK, NO_USAGE

_DECIMALS = 4  # of figures in evidence; more is noise
_KINDS = {0: "none", 1: "CPU cores", 2: "network bytes/s"}

_UNKNOWN_FACTOR = {
    "business": "no request data tells of this pod's work",
    "temporal": "activity is business requests, and none are known of this pod",
    "dependency": "no dependency of this pod is known",
}


@dataclass(frozen=True, eq=False)
class Found:
    """All that was found of p pods, to be told pod by pod.

    by_kind  (p, k) requests in the evidence by `Noise`
    down     what of each workload's needs is down, in words
    needs    how many dependencies each workload has
    costs    (p,) micros over the report's window and a month, None without costs
    """

    pods: tuple[Pod, ...]
    activity: Activity
    judged: Judgement
    by_kind: Floats
    down: Mapping[WorkloadKey, tuple[str, ...]]
    needs: Mapping[WorkloadKey, int]
    costs: Mapping[str, IdleCost] | None

    @property
    def hours(self) -> int:
        """Hours of evidence."""
        return int(self.activity.alive.shape[1]) - self.activity.history

    @cached_property
    def lived(self) -> list[int]:
        """(p,) hours of the evidence in which the pod was there."""
        return _totals(self.activity.alive[:, self.activity.history :])

    @cached_property
    def worked(self) -> list[int]:
        """(p,) hours of the evidence in which usage tells of work."""
        return _totals(self.judged.usage.working[:, self.activity.history :])

    @cached_property
    def without_cpu(self) -> list[bool]:
        """(p,) whether no CPU was measured in the evidence."""
        cpu = self.activity.cpu[:, self.activity.history :]
        without: Bools = np.asarray(np.isnan(cpu).all(axis=1))
        found: list[bool] = without.tolist()
        return found


def pods_idle(found: Found, rows: Sequence[int]) -> tuple[PodIdle, ...]:
    """Return the judgement of the pods in the given rows."""
    judged, activity = found.judged, found.activity
    known = np.where(judged.by_requests[:, None], activity.observed, judged.usage.sampled)
    cut = activity.history
    quiet = quiet_hours(judged.active, known, activity.hours)
    # What is idle now is quiet in all of its evidence, whatever it did before.
    idle = np.array([verdict is Verdict.IDLE for verdict in judged.verdict])
    lately = quiet_hours(judged.active[idle, cut:], known[idle, cut:], activity.hours[cut:])
    quiet[idle] = lately
    # Usage that never rose above its floor says nothing of when a pod that is not idle works.
    tells = idle | judged.by_requests | judged.active.any(axis=1)
    quiet &= (tells & known[:, cut:].any(axis=1))[:, None]
    return tuple(_pod(found, row, quiet[row]) for row in rows)


def workloads_idle(pods: Sequence[PodIdle]) -> tuple[WorkloadIdle, ...]:
    """Return what the pods of each workload say together, by namespace, kind and name."""
    ordered = sorted(pods, key=lambda p: (p.workload, p.name, p.uid))
    return tuple(
        _workload(key, tuple(group)) for key, group in groupby(ordered, key=lambda p: p.workload)
    )


def _pod(found: Found, row: int, quiet: Bools) -> PodIdle:
    pod, judged = found.pods[row], found.judged
    verdict, held = judged.verdict[row], Held(int(judged.held[row]))
    factors = tuple(_factor(found, row, place) for place in range(len(FACTORS)))
    down = found.down.get(pod.workload, ())
    told = _told(found, row)
    said = words.sentence(verdict, held, told, "; ".join(down))
    probability = _probability(found, row, held, factors)
    cost = found.costs.get(pod.uid) if found.costs and verdict is Verdict.IDLE else None
    return PodIdle(
        uid=pod.uid,
        namespace=pod.namespace,
        name=pod.name,
        workload=pod.workload,
        probability=probability,
        factors=factors,
        confidence=_confidence(found, row, probability),
        verdict=verdict,
        reasons=_reasons(factors),
        sentence=said,
        idle_periods=named_periods(quiet),
        missing=_missing(found, row),
        counter_evidence=_counter(found, row, held, down),
        cost=cost,
    )


def _probability(found: Found, row: int, held: Held, factors: tuple[Factor, ...]) -> Explained:
    judged, activity = found.judged, found.activity
    value = float(judged.probability[row])
    inputs: dict[str, float | int | str | None] = {}
    for factor in factors:
        known = not isinstance(factor.value, Unknown)
        inputs[factor.name] = factor.value if not isinstance(factor.value, Unknown) else None
        inputs[f"{factor.name}_weight"] = factor.weight if known else 0.0
    why = words.HELD.get(held, "nothing that was measured tells whether it works")
    return Explained(
        value=Unknown(why) if isnan(value) else round(value, _DECIMALS),
        unit="%",
        formula="IDL-1" if judged.by_requests[row] else "IDL-7",
        inputs=inputs,
        samples=int(activity.samples[row]),
        confidence=_confidence_value(found, row),
    )


def _confidence_value(found: Found, row: int) -> float | Unknown:
    if isnan(float(found.judged.probability[row])):
        return Unknown("there is no probability to be confident of")
    return round(float(found.judged.confidence[row]), _DECIMALS)


def _confidence(found: Found, row: int, probability: Explained) -> Explained:
    activity, judged = found.activity, found.judged
    return Explained(
        value=probability.confidence,
        unit="%",
        formula="IDL-6",
        inputs={
            "samples": int(activity.samples[row]),
            "requests": _figure(activity.requests[row]),
            "hours": found.lived[row],
            "consistency": _figure(judged.consistency[row]),
            "request_source": "covers this pod" if activity.covered[row] else "does not cover it",
            "highest": 99 if judged.by_requests[row] else 75,
        },
        samples=int(activity.samples[row]),
        confidence=100.0,
    )


def _factor(found: Found, row: int, place: int) -> Factor:
    name = FACTORS[place]
    value = float(found.judged.factors[row, place])
    by_requests = bool(found.judged.by_requests[row])
    evidence = {
        "business": _business,
        "resource": _resource if by_requests else _usage,
        "temporal": _temporal,
        "dependency": _dependency,
    }[name](found, row)
    formula = {"business": "IDL-2", "temporal": "IDL-4", "dependency": "IDL-5"}.get(
        name, "IDL-3" if by_requests else "IDL-7"
    )
    return Factor(
        name=name,
        value=Unknown(_why_unknown(found, row, name)) if isnan(value) else round(value, _DECIMALS),
        weight=round(float(found.judged.weights[row, place]), 6),
        formula=formula,
        evidence=evidence,
    )


_Evidence = dict[str, float | int | str | None]


def _business(found: Found, row: int) -> _Evidence:
    evidence: _Evidence = {
        "requests_total": _figure(found.activity.requests[row]),
        "business_requests": _figure(found.judged.business[row]),
        "selected_by_service": "yes" if found.activity.selected[row] else "no",
    }
    for kind in Noise:
        if kind is not Noise.BUSINESS:
            evidence[NAMES[kind].replace(" ", "_")] = _figure(found.by_kind[row, kind])
    return evidence


def _resource(found: Found, row: int) -> _Evidence:
    judged = found.judged
    return {
        "requests_per_cpu_second": _figure(judged.rate[row]),
        "baseline": _figure(judged.baseline[row]),
        "business_requests": _figure(judged.business[row]),
    }


def _usage(found: Found, row: int) -> _Evidence:
    usage = found.judged.usage
    return {
        "measured": _KINDS[int(usage.kind[row])],
        "p95_of_evidence": _figure(usage.level[row]),
        "floor": _figure(usage.floor[row]),
        "p95_of_30_days": _figure(usage.p95[row]),
        "highest_hour": _figure(usage.peak[row]),
    }


def _temporal(found: Found, row: int) -> _Evidence:
    judged = found.judged
    expected = float(judged.expected[row])
    return {
        "business_requests": _figure(judged.business[row]),
        "expected": _figure(expected),
        "ratio": _figure(judged.business[row] / expected) if expected > 0 else None,
        "history_hours": int(judged.history[row]),
    }


def _dependency(found: Found, row: int) -> _Evidence:
    key = found.pods[row].workload
    down = found.down.get(key, ())
    return {
        "dependencies": found.needs.get(key, 0),
        "down": len(down),
        "which": "; ".join(down) or None,
    }


def _why_unknown(found: Found, row: int, name: str) -> str:
    if name != "resource":
        return _UNKNOWN_FACTOR[name]
    usage = found.judged.usage
    if usage.kind[row] == NO_USAGE:
        return "neither network bytes nor CPU of this pod were measured"
    if usage.rare[row]:
        return "it works so rarely that its P95 sits at its floor"
    return "its usage is steady and not small: that may be work"


def _told(found: Found, row: int) -> str:
    judged, usage = found.judged, found.judged.usage
    if judged.by_requests[row]:
        noise = {NAMES[k]: float(found.by_kind[row, k]) for k in Noise if k is not Noise.BUSINESS}
        return words.of_requests(
            business=float(judged.business[row]),
            expected=float(judged.expected[row]),
            noise=noise,
            hours=found.hours,
            history=float(judged.history[row]),
        )
    if usage.kind[row] == NO_USAGE:
        return words.HELD[Held.NO_USAGE]
    return words.of_usage(
        kind=int(usage.kind[row]),
        level=float(usage.level[row]),
        floor=float(usage.floor[row]),
        p95=float(usage.p95[row]),
    )


def _reasons(factors: tuple[Factor, ...]) -> tuple[str, ...]:
    """Return the names of the factors that are reasons (IDL-1), the weightiest first."""
    found = []
    for factor in factors:
        if isinstance(factor.value, Unknown):
            continue
        low = factor.name == "dependency" and factor.value < DEPENDENCY_REASON_BELOW
        if low or factor.value > REASON_ABOVE.get(factor.name, 100.0):
            found.append(factor.name)
    return tuple(found)


def _missing(found: Found, row: int) -> tuple[str, ...]:
    activity, judged = found.activity, found.judged
    lacks = []
    if not activity.covered[row]:
        lacks.append("request data: the business factor is Unknown, confidence is at most 75 %")
    elif not judged.by_requests[row]:
        lacks.append("requests that tell of its work: the business factor is Unknown")
    if not judged.by_requests[row]:
        lacks.append("what scaling to zero asks for (ZER-1): it cannot hold without requests")
    if found.without_cpu[row]:
        lacks.append("CPU samples")
    if judged.by_requests[row] and isnan(float(judged.baseline[row])):
        lacks.append("7 days of history for a baseline of requests per CPU-second")
    if judged.by_requests[row] and judged.history[row] < HISTORY_NEEDED:
        lacks.append("14 days of history of the same hours of the week")
    if isnan(float(activity.healthy[row])):
        lacks.append("known dependencies: that factor is left out, the others weigh more")
    return tuple(lacks)


def _counter(found: Found, row: int, held: Held, down: tuple[str, ...]) -> tuple[str, ...]:
    judged, activity = found.judged, found.activity
    against = [*down]
    business = float(judged.business[row])
    if business > 0:
        against.append(words.count(business, "business requests") + " in the evidence")
    elif (before := float(activity.business[row, : activity.history].sum())) > 0:
        against.append(words.count(before, "business requests") + " in the history")
    if judged.usage.works_now[row]:
        kind = "network" if judged.usage.kind[row] == BY_NETWORK else "CPU"
        against.append(
            f"{words.count(found.worked[row], 'hours')} of work by its {kind} in the evidence"
        )
    if held is not Held.NOT:
        against.append(words.HELD[held])
    return tuple(against)


def _workload(key: WorkloadKey, pods: tuple[PodIdle, ...]) -> WorkloadIdle:
    verdict = _together([pod.verdict for pod in pods])
    known = [p.probability.value for p in pods if not isinstance(p.probability.value, Unknown)]
    sure = [p.confidence.value for p in pods if not isinstance(p.confidence.value, Unknown)]
    first = next(pod for pod in pods if pod.verdict is verdict)
    costs = [pod.cost for pod in pods if pod.cost is not None]
    mean = round(sum(known) / len(known), _DECIMALS) if known else None
    return WorkloadIdle(
        key=key,
        probability=Unknown(first.sentence) if mean is None else mean,
        confidence=Unknown(first.sentence) if not sure else min(sure),
        verdict=verdict,
        pods=len(pods),
        idle_pods=sum(pod.verdict is Verdict.IDLE for pod in pods),
        reasons=first.reasons,
        sentence=first.sentence,
        idle_periods=_shared_periods(pods),
        missing=_merged(pod.missing for pod in pods),
        counter_evidence=first.counter_evidence,
        cost=sum(costs[1:], costs[0]) if costs else None,
    )


def _together(verdicts: Sequence[Verdict]) -> Verdict:
    """Return what pods say together: idle only if every one is."""
    for verdict in (Verdict.BLOCKED, Verdict.BUSY, Verdict.UNKNOWN):
        if verdict in verdicts:
            return verdict
    return Verdict.IDLE


def _shared_periods(pods: tuple[PodIdle, ...]) -> tuple[str, ...]:
    """Return the periods that every pod of known quiet names."""
    named = [pod.idle_periods for pod in pods if pod.verdict is not Verdict.UNKNOWN]
    if not named:
        return ()
    return tuple(period for period in named[0] if all(period in other for other in named))


def _merged(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return everything said once, in the order in which it was first said."""
    return tuple(dict.fromkeys(text for texts in lists for text in texts))


def _totals(hours: Bools) -> list[int]:
    found: list[int] = hours.sum(axis=1).tolist()
    return found


def _figure(value: float) -> float | None:
    """Return a figure as it is told: whole where it is whole, None where it is not known."""
    number = float(value)
    return None if isnan(number) else round(number, _DECIMALS)
