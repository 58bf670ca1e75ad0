"""Puts advice together: who is idle, who is oversized, what nobody uses; each saving once."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from upid.contexts.costs import Allocation
from upid.contexts.insights import IdleReport, Verdict, WorkloadIdle
from upid.contexts.optimization.logic import judging, wording
from upid.contexts.optimization.logic.features import Features, read
from upid.contexts.optimization.logic.grouping import RUNS, Question, Samples, group
from upid.contexts.optimization.logic.money import Ledger, efficiencies, gains, headroom, ledger
from upid.contexts.optimization.logic.orphans import orphans
from upid.contexts.optimization.logic.sizing import Draft, Judged, Thresholds, by_workload, judge
from upid.contexts.optimization.logic.surroundings import Surroundings, surroundings
from upid.contexts.optimization.patch import resources_patch, sleep_patch
from upid.contexts.optimization.types import (
    Advice,
    AdviceType,
    Code,
    ContainerChange,
    LeftAlone,
    Recommendation,
    Saving,
    Target,
    Totals,
)
from upid.core.explain import Unknown
from upid.core.simulation import Exceeded, Replay, replay
from upid.core.snapshot import Snapshot, WorkloadKey
from upid.core.window import Window

_ID_DIGITS = 16
_UNMEASURED = Unknown("not measured")


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """All that advice is made from."""

    cluster_id: str
    window: Window
    inventory: Snapshot
    samples: Samples
    allocation: Allocation
    idle: IdleReport


@dataclass(frozen=True, slots=True)
class Rules:
    """How panels are read, when advice is given, and how long it holds."""

    question: Question
    thresholds: Thresholds
    valid_for: timedelta


def advise(material: Material, rules: Rules) -> Advice:
    """Return what should change and what was left alone (OPT-1, OPT-4)."""
    samples, span = material.samples, material.window
    features = read(samples, group(samples.labels, material.inventory.pods), rules.question)
    book = ledger(material.allocation)
    judged = _judged(material, rules, features, book)
    verdicts = {w.key: w for w in material.idle.workloads}
    expires = span.end + rules.valid_for
    found: list[Recommendation] = []
    left: list[LeftAlone] = []
    sleeping = set()
    for key, one in judged.items():
        idle = verdicts.get(key)
        if idle is not None and idle.verdict is Verdict.IDLE and _may_sleep(one):
            sleeping.add(key)
            found.append(_asleep(one.around, idle, book, material, expires))
    awake = {k: v for k, v in judged.items() if k not in sleeping}
    blocked = {
        k
        for k, one in awake.items()
        if k in verdicts and verdicts[k].verdict is Verdict.BLOCKED and not _decided(one)
    }
    sized = {k: v for k, v in awake.items() if k not in blocked and v.left is None}
    found += _rightsizings(sized, features, samples, book, material, expires)
    left += [v.left for k, v in awake.items() if v.left is not None and k not in blocked]
    left += _idle_left(verdicts, {k: v for k, v in awake.items() if not _decided(v)})
    lost, kept = orphans(material.inventory, material.allocation, span)
    found += [_finished(one, material, expires) for one in lost]
    left += kept
    ordered = tuple(sorted(found, key=lambda r: (-r.saving.month, r.target, r.type)))
    return Advice(
        cluster_id=material.cluster_id,
        window=span,
        currency=material.allocation.currency,
        recommendations=ordered,
        left_alone=tuple(sorted(left, key=lambda x: (x.target, x.code))),
        headroom=headroom(book, judged, frozenset(sleeping)),
        totals=totals(ordered),
        notes=_notes(material),
    )


def narrowed(
    advice: Advice,
    namespaces: Collection[str],
    types: Collection[AdviceType],
    min_confidence: int,
) -> Advice:
    """Return the part of the advice that the filters let through, with its own totals."""

    def wanted(target: Target) -> bool:
        return not namespaces or target.namespace in namespaces

    kept = tuple(
        r
        for r in advice.recommendations
        if wanted(r.target) and (not types or r.type in types) and r.confidence >= min_confidence
    )
    return replace(
        advice,
        recommendations=kept,
        left_alone=tuple(x for x in advice.left_alone if wanted(x.target)),
        headroom=tuple(x for x in advice.headroom if wanted(x.target)),
        totals=totals(kept),
    )


def totals(recommendations: Iterable[Recommendation]) -> Totals:
    """Return the sums; a workload is in one recommendation only, so each saving counts once."""
    found = list(recommendations)
    sure = [r.saving for r in found if r.confidence > judging.HIGH_CONFIDENCE]
    by_type = {
        kind: sum((r.saving for r in found if r.type is kind), Saving()) for kind in AdviceType
    }
    return Totals(
        count=len(found),
        saving=sum((r.saving for r in found), Saving()),
        high_confidence=sum(sure, Saving()),
        by_type=by_type,
    )


def identity(cluster_id: str, kind: AdviceType, target: Target) -> str:
    """Return the id of a recommendation: the same for the same cluster, type and target."""
    words = f"{cluster_id}\0{kind}\0{target.namespace}\0{target.kind}\0{target.name}"
    return "rec_" + hashlib.sha256(words.encode()).hexdigest()[:_ID_DIGITS]


def _judged(
    material: Material, rules: Rules, features: Features, book: Ledger
) -> dict[WorkloadKey, Judged]:
    """Return what was decided about every workload that lives, or that runs now and then."""
    efficiency, groups = efficiencies(book), by_workload(features)
    found = {}
    for key, around in surroundings(material.inventory).items():
        if around.workload.ended is not None or (not around.pods and key.kind not in RUNS):
            continue
        found[key] = judge(
            around,
            groups.get(key, {}),
            features,
            efficiency.get(key, Unknown("nothing was charged")),
            material.window.start,
            material.window.end,
            rules.thresholds,
        )
    return found


def _decided(one: Judged) -> bool:
    """Tell whether idleness no longer matters: it opted out, or it needs more than it has.

    What waits for something is not made smaller by how little it does meanwhile; but it may wait
    because it is killed for want of memory.
    """
    if one.left is not None:
        return one.left.code in (Code.OPTED_OUT, Code.VPA)
    return any(
        (d.sized.ask.memory_request or 0) > (d.current.memory_request or 0) for d in one.changes
    )


def _may_sleep(one: Judged) -> bool:
    return (one.left is None or one.left.code is not Code.OPTED_OUT) and (
        sleep_patch(Target(*one.around.workload.key), one.around.workload.replicas) is not None
    )


def _asleep(
    around: Surroundings,
    idle: WorkloadIdle,
    book: Ledger,
    material: Material,
    expires: datetime,
) -> Recommendation:
    """Return the advice to put an idle workload to sleep; it saves all that it is charged."""
    target = Target(*around.workload.key)
    saving = Saving.over(book.charged(around.workload.key), material.allocation.hours)
    sure = 0 if isinstance(idle.confidence, Unknown) else round(idle.confidence)
    probability = None if isinstance(idle.probability, Unknown) else round(idle.probability, 1)
    risk, risk_parts = judging.risk(around, 1.0)
    word = "suspend it" if around.workload.key.kind == "CronJob" else "scale to zero"
    draft = Recommendation(
        id="",
        type=AdviceType.IDLE,
        target=target,
        action=word,
        reason=idle.sentence,
        saving=saving,
        realised=wording.REALISED,
        confidence=sure,
        confidence_parts={"idle": float(sure)},
        risk=risk,
        risk_parts=risk_parts,
        effort_minutes=judging.effort(around),
        apply_by=judging.apply_by(around),
        priority=judging.priority(sure, saving.month),
        expires=expires,
        evidence={"idle_probability": probability, "pods": idle.pods, "idle_pods": idle.idle_pods},
        notes=(*idle.counter_evidence, *idle.missing),
        patch=sleep_patch(target, around.workload.replicas),
    )
    return _finished(draft, material, expires)


def _rightsizings(
    judged: Mapping[WorkloadKey, Judged],
    features: Features,
    samples: Samples,
    book: Ledger,
    material: Material,
    expires: datetime,
) -> list[Recommendation]:
    """Return one recommendation for each workload whose containers should change."""
    drafts = {(key, d.container.name): d for key, one in judged.items() for d in one.changes}
    worth = gains(book, {place: (d.current, d.sized.ask) for place, d in drafts.items()})
    played = _replayed(drafts.values(), features, samples)
    found = []
    for key, one in judged.items():
        changes = tuple(
            ContainerChange(
                d.container.name,
                d.current,
                d.sized.ask,
                d.usage,
                played[d.group],
                d.sized.steps,
                d.container.sidecar,
            )
            for d in sorted(
                one.changes, key=lambda d: -worth.get((key, d.container.name), (0, 0, 0))[2]
            )
        )
        micros = sum(worth.get((key, c.name), (0, 0, 0))[2] for c in changes)
        found.append(_rightsized(one, changes, micros, material, expires))
    return found


def _rightsized(
    one: Judged,
    changes: tuple[ContainerChange, ...],
    micros: int,
    material: Material,
    expires: datetime,
) -> Recommendation:
    around = one.around
    key = around.workload.key
    target = Target(*key, tuple(c.name for c in changes))
    saving = Saving.over(micros, material.allocation.hours)
    jvm = any(
        d.runtime == "JVM" and (d.sized.ask.memory_request or 0) < (d.current.memory_request or 0)
        for d in one.changes
    )
    runs = max(c.usage.pods for c in changes) if key.kind in RUNS else None
    parts = judging.confidence_parts(
        [c.usage for c in changes], shifted=bool(one.shifted), jvm=jvm, runs=runs
    )
    sure = judging.confidence(parts)
    risk, risk_parts = judging.risk(around, judging.largest_cut(changes))
    patch = resources_patch(target, changes)
    notes = (*one.shifted, *one.notes)
    if patch is None:
        notes = (*notes, f"a {key.kind} cannot be patched in place: change what creates it")
    draft = Recommendation(
        id="",
        type=AdviceType.RIGHTSIZING,
        target=target,
        action=wording.action(changes),
        reason=wording.reason(changes),
        saving=saving,
        realised=wording.REALISED if micros >= 0 else wording.REALISED_GROWTH,
        confidence=sure,
        confidence_parts=parts,
        risk=risk,
        risk_parts=risk_parts,
        effort_minutes=judging.effort(around),
        apply_by=judging.apply_by(around),
        priority=judging.priority(sure, saving.month),
        expires=expires,
        changes=changes,
        notes=notes,
        patch=patch,
    )
    return _finished(draft, material, expires)


def _finished(draft: Recommendation, material: Material, expires: datetime) -> Recommendation:
    identifier = identity(material.cluster_id, draft.type, draft.target)
    return replace(draft, id=identifier, expires=expires)


def _replayed(drafts: Iterable[Draft], features: Features, samples: Samples) -> dict[int, Replay]:
    """Return the past replayed with each proposal, by group."""
    chosen = {d.group: d.sized.ask for d in drafts}
    size = len(features.groups.keys)
    of = np.where(np.isin(features.groups.of, sorted(chosen)), features.groups.of, -1)
    bounds = {name: np.full(size, np.inf) for name in Bounded}
    for place, ask in chosen.items():
        for name in Bounded:
            value = getattr(ask, name)
            if value is not None:
                bounds[name][place] = value
    cpu, memory = samples.cpu, samples.memory
    by_cpu = None if cpu is None else replay(cpu, of, bounds["cpu_request"], bounds["cpu_limit"])
    by_memory = None
    if memory is not None:
        by_memory = replay(memory, of, bounds["memory_request"], bounds["memory_limit"])
    return {place: _replay(place, by_cpu, by_memory) for place in chosen}


Bounded = ("cpu_request", "cpu_limit", "memory_request", "memory_limit")


def _replay(place: int, cpu: Exceeded | None, memory: Exceeded | None) -> Replay:
    def share(found: Exceeded | None, over: str) -> float | Unknown:
        if found is None or not found.samples[place]:
            return _UNMEASURED
        return round(float(getattr(found, over)[place] / found.samples[place]), 6)

    def worst(found: Exceeded | None) -> float | Unknown:
        if found is None or not found.samples[place]:
            return _UNMEASURED
        value = float(found.worst[place])
        return value if np.isfinite(value) else 0.0

    excess, hits = worst(memory), share(memory, "over_limit")
    known = memory is not None and not isinstance(hits, Unknown)
    return Replay(
        cpu_over_request=share(cpu, "over_request"),
        cpu_over_limit=share(cpu, "over_limit"),
        cpu_worst=worst(cpu),
        memory_over_request=share(memory, "over_request"),
        memory_over_limit=int(memory.over_limit[place]) if memory and known else _UNMEASURED,
        memory_worst=excess if isinstance(excess, Unknown) else round(excess),
    )


def _idle_left(
    verdicts: Mapping[WorkloadKey, WorkloadIdle], awake: Mapping[WorkloadKey, Judged]
) -> list[LeftAlone]:
    """Return what may look idle but is left alone: blocked, not known, or without a switch."""
    codes = {Verdict.BLOCKED: Code.BLOCKED, Verdict.UNKNOWN: Code.IDLE_UNKNOWN}
    return [
        LeftAlone(Target(*key), codes[idle.verdict], idle.sentence)
        for key, idle in verdicts.items()
        if key in awake and idle.verdict in codes
    ]


def _notes(material: Material) -> tuple[str, ...]:
    notes = list(material.allocation.notes) + list(material.idle.missing)
    if material.samples.cpu is None:
        notes.append("CPU was not measured: CPU requests are left as they are")
    if material.samples.memory is None:
        notes.append("memory was not measured: memory requests are left as they are")
    return tuple(dict.fromkeys(notes))
