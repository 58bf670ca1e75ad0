"""Decides for each workload what its containers should ask for, or why they are left alone."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import isnan

from upid.contexts.optimization.logic import wording
from upid.contexts.optimization.logic.features import Features
from upid.contexts.optimization.logic.grouping import RUNS
from upid.contexts.optimization.logic.surroundings import (
    HINTS,
    Surroundings,
    over_quota,
    set_point,
)
from upid.contexts.optimization.types import Code, LeftAlone, Target, Usage
from upid.core.explain import Unknown
from upid.core.quantity import MIB, format_bytes, format_cpu
from upid.core.resizing import Guards, Sized, resize
from upid.core.rightsizing import Ask, Policy, Seen, round_memory
from upid.core.snapshot import Container, WorkloadKey

_HOUR = timedelta(hours=1)
_P95 = 0.95
UNMEASURED = Unknown("not measured")
UNLIMITED = Unknown("it has no CPU limit, so nothing throttles it")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When advice is given; see the settings of the same names."""

    policy: Policy
    efficiency: float
    least_history: timedelta
    least_coverage: float
    least_runs: int


@dataclass(frozen=True, slots=True)
class Draft:
    """One container that was judged: what it asks for, used, and should ask for.

    group  its place among the groups of the features
    """

    group: int
    container: Container
    current: Ask
    seen: Seen
    usage: Usage
    sized: Sized
    runtime: str

    @property
    def changed(self) -> bool:
        """Whether anything is to be changed."""
        return self.sized.ask != self.current


@dataclass(frozen=True, slots=True)
class Judged:
    """What was decided about one workload; `left` where it is left alone."""

    around: Surroundings
    drafts: tuple[Draft, ...]
    left: LeftAlone | None
    notes: tuple[str, ...] = ()
    shifted: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Draft, ...]:
        """The containers to change."""
        return tuple(d for d in self.drafts if d.changed) if self.left is None else ()


def judge(
    around: Surroundings,
    groups: Mapping[str, int],
    features: Features,
    efficiency: float | Unknown,
    start: datetime,
    end: datetime,
    rules: Thresholds,
) -> Judged:
    """Decide about one workload.

    groups      container name → place among the features' groups
    efficiency  used ÷ allocated money of the workload
    """
    target = Target(*around.workload.key)
    gate = _gate(around)
    drafts: list[Draft] = []
    lacking: list[str] = []
    inefficient = isinstance(efficiency, Unknown) or efficiency < rules.efficiency
    for container in around.containers:
        place = groups.get(container.name)
        short = _lack(around, place, features, start, end, rules)
        if short or place is None:
            lacking.append(f"container {container.name!r}: {short}")
            continue
        drafts.append(_draft(around, container, place, features, inefficient, start, end, rules))
    if gate is not None:
        return Judged(around, tuple(drafts), LeftAlone(target, *gate))
    if not drafts:
        code = Code.FEW_RUNS if around.workload.key.kind in RUNS else Code.TOO_LITTLE_DATA
        reason = "; ".join(lacking) or "its template shows no containers"
        return Judged(around, (), LeftAlone(target, code, reason))
    drafts = _qos_kept(around, drafts)
    too_large = _too_large(around, drafts)
    if too_large:
        return Judged(around, tuple(drafts), LeftAlone(target, Code.TOO_LARGE, too_large))
    if not any(d.changed for d in drafts):
        return Judged(
            around,
            tuple(drafts),
            LeftAlone(target, *_content(drafts, efficiency, rules)),
        )
    notes = list(lacking)
    for draft in drafts:
        if draft.changed:
            where = f"{draft.container.name}: " if len(around.containers) > 1 else ""
            notes += [where + note for note in _notes(draft)]
    grown = _grown(around, drafts)
    notes += over_quota(around, grown)
    shifted = tuple(s for d in drafts if (s := _shift(d, features, start)))
    return Judged(around, tuple(drafts), None, tuple(dict.fromkeys(notes)), shifted)


def _gate(around: Surroundings) -> tuple[Code, str] | None:
    """Return why a workload is left alone whatever it uses."""
    asked = around.opted_out()
    if asked:
        return Code.OPTED_OUT, f"it asks to be left alone ({asked})"
    if around.vertical is not None:
        name, mode = around.vertical.name, around.vertical.mode
        return Code.VPA, f"the VPA {name!r} (mode {mode}) changes its requests already"
    return None


def _lack(
    around: Surroundings,
    place: int | None,
    features: Features,
    start: datetime,
    end: datetime,
    rules: Thresholds,
) -> str:
    """Return what is missing to judge a container, or nothing."""
    if place is None or (not features.cpu.samples[place] and not features.memory.samples[place]):
        return "it has no samples in the window"
    if around.workload.key.kind in RUNS:
        runs = int(features.pods[place])
        few = runs < rules.least_runs
        return f"{runs} measured runs, {rules.least_runs} are needed" if few else ""
    hours = float(features.end[place] - features.begin[place])
    least = rules.least_history / _HOUR
    if hours < least:
        return f"{hours:.0f} h of samples, {least:.0f} h are needed"
    coverage = _coverage(around, place, features, start, end)
    if coverage < rules.least_coverage:
        return f"samples cover {coverage:.0%} of its time, {rules.least_coverage:.0%} are needed"
    return ""


def _coverage(
    around: Surroundings, place: int, features: Features, start: datetime, end: datetime
) -> float:
    """Return the share of the time a workload existed in the window that has samples."""
    existed = (end - max(start, around.workload.created)) / _HOUR
    return min(1.0, float(features.covered[place]) / existed) if existed > 0 else 0.0


def _draft(
    around: Surroundings,
    container: Container,
    place: int,
    features: Features,
    inefficient: bool,  # noqa: FBT001 - private, one caller
    start: datetime,
    end: datetime,
    rules: Thresholds,
) -> Draft:
    current = around.current(container)
    runs = around.workload.key.kind in RUNS
    cpu, memory = features.cpu, features.memory
    seen = Seen(
        cpu_need=float(cpu.need[place]),
        cpu_busy=float(cpu.busy[place]),
        cpu_peak=float(cpu.peak[place]),
        memory_peak=float(memory.peak[place]),
        oom_level=float(features.oom_level[place]),
        throttled=float(features.throttled[place]),
        leaking=bool(features.leaking[place]) and not runs,
        what=_called(place, features, rules.policy, runs=runs),
    )
    guards = Guards(
        keep_cpu=_hpa(around, "cpu", current, seen, rules.policy),
        keep_memory=_hpa(around, "memory", current, seen, rules.policy),
        may_shrink=inefficient,
        bounds=around.bounds,
    )
    sized = resize(current, seen, guards, rules.policy)
    coverage = _coverage(around, place, features, start, end)
    usage = _usage(place, features, coverage, limited=current.cpu_limit is not None)
    return Draft(place, container, current, seen, usage, sized, around.runtime(container))


def _called(place: int, features: Features, policy: Policy, *, runs: bool) -> str:
    """Return what the deciding CPU quantile is called."""
    name = f"P{policy.cpu_quantile * 100:g}"
    if runs:
        return f"{name} of its neediest run"
    above = policy.cpu_quantile == _P95 and features.cpu.need[place] > features.cpu.said[place, 1]
    return f"{name} of its neediest pod" if above else name


def _hpa(around: Surroundings, resource: str, current: Ask, seen: Seen, policy: Policy) -> str:
    """Return why an HPA keeps a resource's request, or nothing."""
    hpa = around.autoscaler
    if hpa is None or resource not in hpa.utilization:
        return ""
    if resource == "memory":
        return f"the HPA {hpa.name!r} scales on the memory request, so it stays"
    return set_point(hpa, current.cpu_request, seen.cpu_need * (1 + policy.cpu_headroom))


def _usage(place: int, features: Features, coverage: float, *, limited: bool) -> Usage:
    cpu, memory = features.cpu, features.memory

    def cores(value: float) -> float | Unknown:
        return UNMEASURED if isnan(value) else round(float(value), 6)

    def whole(value: float) -> int | Unknown:
        return UNMEASURED if isnan(value) else round(float(value))

    idle = cpu.samples[place] > 0 and isnan(cpu.busy[place])  # no hour did anything
    throttled = float(features.throttled[place])
    return Usage(
        pods=max(1, int(features.pods[place])),
        samples=int(cpu.samples[place] or memory.samples[place]),
        coverage=round(coverage, 4),
        days=round(float(features.end[place] - features.begin[place]) / 24, 2),
        cpu_p50=cores(cpu.said[place, 0]),
        cpu_p95=cores(cpu.said[place, 1]),
        cpu_p99=cores(cpu.said[place, 2]),
        cpu_max=cores(cpu.peak[place]),
        cpu_mean=cores(cpu.mean[place]),
        memory_p50=whole(memory.said[place, 0]),
        memory_p95=whole(memory.said[place, 1]),
        memory_p99=whole(memory.said[place, 2]),
        memory_max=whole(memory.peak[place]),
        memory_mean=whole(memory.mean[place]),
        throttled=(UNMEASURED if limited else UNLIMITED)
        if isnan(throttled)
        else round(throttled, 4),
        restarts=whole(float(features.restarts[place])),
        oom_kills=whole(float(features.oom_kills[place])),
        cpu_busy=0.0 if idle else cores(cpu.busy[place]),
        cpu_need=cores(cpu.need[place]),
    )


def qos(asks: list[Ask]) -> str:
    """Return the quality-of-service class of a pod whose containers ask for this."""
    if all(
        a.cpu_limit is not None
        and a.cpu_request == a.cpu_limit
        and a.memory_limit is not None
        and a.memory_request == a.memory_limit
        for a in asks
    ):
        return "Guaranteed"
    amounts = [v for a in asks for v in (a.cpu_request, a.cpu_limit, a.memory_request)]
    return "BestEffort" if all(v is None for v in amounts) else "Burstable"


def _qos_kept(around: Surroundings, drafts: list[Draft]) -> list[Draft]:
    """Keep a Burstable pod from becoming Guaranteed by the accident of rounding."""
    judged = {d.container.name: d for d in drafts}
    names = [c.name for c in around.containers]
    before = {c.name: around.current(c) for c in around.containers}
    after = [judged[n].sized.ask if n in judged else before[n] for n in names]
    was, will = qos(list(before.values())), qos(after)
    if was == will:
        return drafts
    if will != "Guaranteed":  # a BestEffort pod is given requests: that is the advice
        said = f"quality of service becomes {will} (was {was})"
        return [replace(d, sized=replace(d.sized, notes=(*d.sized.notes, said))) for d in drafts]
    first = drafts[0]
    limit = round_memory((first.sized.ask.memory_limit or 0) + MIB)
    ask = replace(first.sized.ask, memory_limit=limit)
    return [replace(first, sized=replace(first.sized, ask=ask)), *drafts[1:]]


def _too_large(around: Surroundings, drafts: list[Draft]) -> str:
    """Return why no node could hold the pod as advised, or nothing."""
    asks = [d.sized.ask for d in drafts]
    cpu = sum(a.cpu_request or 0.0 for a in asks)
    memory = sum(a.memory_request or 0 for a in asks)
    most = around.largest
    if most.cpu and cpu > most.cpu:
        return f"it needs {format_cpu(cpu)} CPU, and the largest node allots {format_cpu(most.cpu)}"
    if most.memory and memory > most.memory:
        return (
            f"it needs {format_bytes(memory)}, and the largest node allots "
            f"{format_bytes(most.memory)}"
        )
    return ""


def _content(
    drafts: list[Draft], efficiency: float | Unknown, rules: Thresholds
) -> tuple[Code, str]:
    """Return why nothing changes although everything was measured."""
    for code, word in ((Code.LEAK, "leak"), (Code.HPA, "HPA"), (Code.LIMIT_RANGE, "LimitRange")):
        said = next((n for d in drafts for n in d.sized.notes if word in n), "")
        if said:
            return code, said
    if not isinstance(efficiency, Unknown) and efficiency >= rules.efficiency:
        return Code.FITS, f"{efficiency:.0%} of its cost is used: efficient enough"
    one, least = drafts[0], rules.policy.least_change
    return Code.FITS, wording.content(one.container.name, one.usage, one.current, least)


def _notes(draft: Draft) -> Iterator[str]:
    yield from draft.sized.notes
    current, ask = draft.current, draft.sized.ask
    if draft.runtime and ask.memory_request != current.memory_request:
        yield HINTS[draft.runtime]
    if draft.sized.ask.memory_limit is None and current.memory_request is not None:
        yield "it has no memory limit, and none is added"


def _grown(around: Surroundings, drafts: list[Draft]) -> dict[str, float]:
    """Return by how much each quota'd amount grows over all pods."""
    grown: dict[str, float] = defaultdict(float)
    for draft in drafts:
        old, fresh = draft.current, draft.sized.ask
        for name, before, after in (
            ("requests.cpu", old.cpu_request, fresh.cpu_request),
            ("requests.memory", old.memory_request, fresh.memory_request),
            ("limits.cpu", old.cpu_limit, fresh.cpu_limit),
            ("limits.memory", old.memory_limit, fresh.memory_limit),
        ):
            grown[name] += ((after or 0) - (before or 0)) * max(1, around.replicas)
    return grown


def _shift(draft: Draft, features: Features, start: datetime) -> str:
    """Return a sentence about a container's level shift, or nothing."""
    day = int(features.shifts.day[draft.group])
    if not day or not draft.changed:
        return ""
    factor = float(features.shifts.factor[draft.group])
    way = f"{factor:.1f} times higher" if factor > 1 else f"{1 / factor:.1f} times lower"
    since = (start + timedelta(days=day)).date()
    return f"CPU of {draft.container.name!r} is {way} since {since}: only the time since counts"


def by_workload(features: Features) -> dict[WorkloadKey, dict[str, int]]:
    """Return container name → place among the groups, for each workload."""
    found: dict[WorkloadKey, dict[str, int]] = defaultdict(dict)
    for place, (key, name) in enumerate(features.groups.keys):
        found[key][name] = place
    return found
