"""Puts advice together: who is idle, who is oversized, what nobody uses; each saving once."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from upid.contexts.costs import Allocation
from upid.contexts.insights import IdleReport, Verdict, WorkloadIdle
from upid.contexts.optimization.logic import judging, risk, wording
from upid.contexts.optimization.logic.features import Features, read
from upid.contexts.optimization.logic.grouping import RUNS, Question, Samples, group
from upid.contexts.optimization.logic.money import Ledger, efficiencies, gains, headroom, ledger
from upid.contexts.optimization.logic.orphans import orphans
from upid.contexts.optimization.logic.replaying import Past, replayed
from upid.contexts.optimization.logic.ruling import Switches, ruled, wanted
from upid.contexts.optimization.logic.sizing import Judged, Thresholds, by_workload, judge
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
from upid.core.panel import Floats, Panel
from upid.core.snapshot import Snapshot, WorkloadKey
from upid.core.window import Window

_ID_DIGITS = 16


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
    """How panels are read, when and where advice is given, and how long it holds."""

    question: Question
    thresholds: Thresholds
    switches: Switches
    valid_for: timedelta


def advise(material: Material, rules: Rules) -> Advice:
    """Return what should change and what was left alone (OPT-1, OPT-4)."""
    samples, span = material.samples, material.window
    features = _counted(
        read(samples, group(samples.labels, material.inventory.pods), rules.question), samples
    )
    book = ledger(material.allocation)
    judged = _judged(material, rules, features, book)
    verdicts = {w.key: w for w in material.idle.workloads}
    expires = span.end + rules.valid_for
    found: list[Recommendation] = []
    left: list[LeftAlone] = []
    sleeping = set()
    for key, one in judged.items():
        idle = verdicts.get(key)
        asleep = idle is not None and idle.verdict is Verdict.IDLE and _may_sleep(one)
        if idle is not None and asleep and wanted(rules.switches, AdviceType.IDLE, key.namespace):
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
    left += [
        LeftAlone(Target(*key), Code.BLOCKED, verdicts[key].sentence) for key in sorted(blocked)
    ]
    lost, kept = orphans(material.inventory, material.allocation, span)
    found += [_finished(one, material, expires) for one in lost]
    left += kept
    found, unwanted = ruled(found, rules.switches)
    left += unwanted
    ordered = tuple(sorted(found, key=lambda r: (-r.saving.month, r.target, r.type)))
    return Advice(
        cluster_id=material.cluster_id,
        window=span,
        currency=material.allocation.currency,
        recommendations=ordered,
        left_alone=tuple(sorted(left, key=lambda x: x.target)),
        headroom=headroom(book, judged, frozenset(sleeping)),
        totals=totals(ordered),
        idle=material.idle,
        notes=_notes(material),
    )


def totals(recommendations: Iterable[Recommendation]) -> Totals:
    """Return the sums; a workload is in one recommendation only, so each saving counts once."""
    found = list(recommendations)
    less = [r for r in found if r.saving.month > 0]
    by_type = {
        kind: sum((r.saving for r in found if r.type is kind), Saving()) for kind in AdviceType
    }
    return Totals(
        count=len(found),
        saving=sum((r.saving for r in found), Saving()),
        saves=sum((r.saving for r in less), Saving()),
        costs_more=-sum((r.saving for r in found if r.saving.month <= 0), Saving()),
        high_confidence=sum(
            (r.saving for r in less if r.confidence > judging.HIGH_CONFIDENCE), Saving()
        ),
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
    existed = material.window.end - max(material.window.start, around.workload.created)
    judgement = risk.judged(
        risk.impact(around, stops=True), risk.asleep(existed / timedelta(days=1), sure)
    )
    now = f"{around.replicas} replica{'' if around.replicas == 1 else 's'}"
    cron = around.workload.key.kind == "CronJob"
    word = "suspend it" if cron else f"scale to zero ({now} now)"
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
        risk=judgement.risk,
        risk_parts=judgement.parts,
        effort_minutes=judging.effort(around),
        apply_by=judging.apply_by(around),
        priority=judging.priority(sure, saving.month),
        expires=expires,
        evidence={"idle_probability": probability, "pods": idle.pods, "idle_pods": idle.idle_pods},
        notes=(*idle.counter_evidence, *(f"missing: {one}" for one in idle.missing)),
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
    played = replayed({d.group: d.sized.ask for d in drafts.values()}, features.groups, samples)
    found = []
    for key, one in judged.items():
        changes = tuple(
            ContainerChange(
                d.container.name,
                d.current,
                d.sized.ask,
                d.usage,
                played[d.group].replay,
                d.sized.steps,
                d.container.sidecar,
            )
            for d in sorted(
                one.changes, key=lambda d: -worth.get((key, d.container.name), (0, 0, 0))[2]
            )
        )
        micros = sum(worth.get((key, c.name), (0, 0, 0))[2] for c in changes)
        past = {d.container.name: played[d.group] for d in one.changes}
        found.append(_rightsized(one, changes, past, micros, material, expires))
    return found


def _rightsized(
    one: Judged,
    changes: tuple[ContainerChange, ...],
    past: Mapping[str, Past],
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
    seen = risk.observed(
        changes,
        [(past[c.name].over_request, past[c.name].memory_growth) for c in changes],
        confidence=sure,
        runs=runs,
        shifted=bool(one.shifted),
        leaking=any(d.seen.leaking for d in one.changes),
    )
    judgement = risk.judged(risk.impact(around), risk.likelihood(seen), gives=seen.cut <= 0)
    patch = resources_patch(target, changes)
    notes = (*one.shifted, *one.notes)
    if patch is None:
        notes = (*notes, f"a {key.kind} cannot be patched in place: change what creates it")
    draft = Recommendation(
        id="",
        type=AdviceType.RIGHTSIZING,
        target=target,
        action=wording.action(changes),
        reason=wording.reason(
            changes,
            part="run" if runs is not None else "pod",
            leaking=[d.container.name for d in one.drafts if d.seen.leaking],
        ),
        saving=saving,
        realised=wording.REALISED if micros >= 0 else wording.REALISED_GROWTH,
        confidence=sure,
        confidence_parts=parts,
        risk=judgement.risk,
        risk_parts=judgement.parts,
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


def _counted(features: Features, samples: Samples) -> Features:
    """Return the features with no event where a source that counts them lists none.

    Kubernetes' own metrics list only containers that were killed: a container that is measured,
    in a recording that knows of kills, was not killed.
    """
    measured = (features.cpu.samples > 0) | (features.memory.samples > 0)

    def none(counts: Floats, panel: Panel | None) -> Floats:
        if panel is None:
            return counts
        return np.where(np.isnan(counts) & measured, 0.0, counts)

    return replace(
        features,
        restarts=none(features.restarts, samples.restarts),
        oom_kills=none(features.oom_kills, samples.oom_kills),
    )


def _notes(material: Material) -> tuple[str, ...]:
    notes = list(material.allocation.notes) + list(material.idle.missing)
    if material.samples.cpu is None:
        notes.append("CPU was not measured: CPU requests are left as they are")
    if material.samples.memory is None:
        notes.append("memory was not measured: memory requests are left as they are")
    return tuple(dict.fromkeys(notes))
