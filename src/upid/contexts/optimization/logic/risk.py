"""Risk = likelihood × impact on a stated matrix, with the factors listed (SAF-3).

Both are sums of points, each for one fact, so that worse evidence can only raise the risk. What
the points are worth is our judgement; docs/guide/recommendations.md has them with examples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from upid.contexts.optimization.logic.surroundings import LEVELS, Surroundings
from upid.contexts.optimization.types import ContainerChange, Risk
from upid.core.explain import Unknown

IMPACTS = ("minor", "moderate", "major", "severe")
LIKELIHOODS = ("rare", "unlikely", "possible", "likely")

MATRIX = (
    (Risk.LOW, Risk.LOW, Risk.MEDIUM, Risk.HIGH),
    (Risk.LOW, Risk.MEDIUM, Risk.MEDIUM, Risk.HIGH),
    (Risk.MEDIUM, Risk.MEDIUM, Risk.HIGH, Risk.CRITICAL),
    (Risk.MEDIUM, Risk.HIGH, Risk.CRITICAL, Risk.CRITICAL),
)
"""Risk by likelihood (rows) and impact (columns); it never falls to the right or downwards."""

# Points for evidence: the first bound that is passed counts. Each row is (bound, points).
_DAYS = ((7.0, 2), (14.0, 1))  # below: two weeks show whether the second is like the first
_RUNS = ((5.0, 2), (10.0, 1))  # below
_COVERAGE = ((0.80, 2), (0.95, 1))  # below
_CONFIDENCE = ((60.0, 2), (80.0, 1))  # below
_IDLE_CONFIDENCE = ((90.0, 2), (95.0, 1))  # below: what sleeps is not there at all
_OVER_REQUEST = ((0.10, 2), (0.05, 1))  # above: the request follows a P95
_THROTTLED = ((0.01, 2), (0.0, 1))  # above
_MEMORY_OVER = ((0.0, 2),)  # above: evicted first where a node runs short
_MEMORY_GROWTH = ((1.50, 2), (1.15, 1))  # above: a week above another by more than the margin
_RESTARTS = ((1.0, 1),)  # above, for each pod and week
_A_WEEK = 7.0  # days

MAJOR, SEVERE = IMPACTS.index("major"), IMPACTS.index("severe")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A risk and the facts behind it: first the impact's, then the likelihood's."""

    risk: Risk
    parts: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the recorded past says of a change; everything is of the worst container.

    cut            0 to 1: the largest share of an amount that is taken away; 0: it only gives
    days           of history; `runs` stands for it in a Job or CronJob, else None
    coverage       0 to 1: share of that time with samples
    confidence     0 to 100
    over_request   0 to 1: CPU samples above a smaller request, in the worst week
    throttled      0 to 1: CPU samples above a smaller limit
    memory_over    0 to 1: memory samples above a smaller request
    memory_growth  highest ÷ lowest peak of the whole weeks where memory shrinks; 1 where it
                   does not, or with fewer than two whole weeks
    restarts       for each pod and week
    less_cpu, less_memory  which of them is taken away
    """

    cut: float
    days: float
    runs: int | None
    coverage: float
    confidence: float
    over_request: float = 0.0
    throttled: float = 0.0
    memory_over: float = 0.0
    memory_growth: float = 1.0
    restarts: float = 0.0
    oom_kills: float = 0.0
    shifted: bool = False
    leaking: bool = False
    less_cpu: bool = True
    less_memory: bool = True


def judged(
    impact: tuple[int, str], likelihood: tuple[int, str], *, gives: bool = False
) -> Judgement:
    """Return the risk at the place of both in the matrix.

    gives  the change takes nothing away: its risk is that of a rollout, medium at most
    """
    hurt, why = impact
    odds, seen = likelihood
    found = MATRIX[odds][hurt]
    if gives and found in (Risk.HIGH, Risk.CRITICAL):
        found = Risk.MEDIUM
    return Judgement(
        found, (f"impact {IMPACTS[hurt]} ({why})", f"likelihood {LIKELIHOODS[odds]} ({seen})")
    )


def impact(around: Surroundings, *, stops: bool = False) -> tuple[int, str]:
    """Return the place in `IMPACTS` of a failure of this workload, and why.

    stops  the workload goes away altogether, so its replicas do not soften anything

    Points: criticality low 0, normal 1, high 2, critical 3 (SAF-1); 1 each for state, a single
    replica, every node, a budget without room; 2 for going away altogether. Up to one point is
    minor, two moderate, three major, more severe.
    """
    level, why = around.criticality()
    exposed = _stopped(around) if stops else exposure(around)
    points = level + len(exposed) + stops  # what stops altogether counts twice
    said = (f"criticality {LEVELS[level]}: {why}", *exposed)
    return min(max(0, points - 1), SEVERE), "; ".join(said)


def exposure(around: Surroundings) -> tuple[str, ...]:
    """Return what makes a restart of this workload felt."""
    kind, found = around.workload.key.kind, []
    if kind == "StatefulSet":
        found.append("StatefulSet: pods keep state and restart one by one")
    if kind == "DaemonSet":
        found.append("DaemonSet: it restarts on every node")
    if kind in ("Deployment", "StatefulSet") and around.replicas == 1:
        found.append("single replica: nothing takes over while it restarts")
    found += [f"the PodDisruptionBudget {name!r} allows no disruption" for name in around.tight]
    return tuple(found)


def _stopped(around: Surroundings) -> tuple[str, ...]:
    kept = around.workload.key.kind == "StatefulSet"
    return ("all of it stops", *(("StatefulSet: its state is out of reach",) if kept else ()))


def likelihood(seen: Evidence) -> tuple[int, str]:
    """Return the place in `LIKELIHOODS` that a change hurts, and the evidence.

    A change that only gives is rare to hurt. Otherwise points: 0 rare, 1 unlikely, 2 possible,
    3 and more likely.
    """
    if seen.cut <= 0:
        return 0, "it takes nothing away"
    history = (
        (_below(seen.days, _DAYS), f"{seen.days:.0f} days of history")
        if seen.runs is None
        else (_below(seen.runs, _RUNS), f"{seen.runs} runs seen")
    )
    facts = (
        history,
        (_above(seen.over_request, _OVER_REQUEST),
         f"CPU above the proposed request in {seen.over_request:.1%} of the worst week"),
        (_above(seen.throttled, _THROTTLED),
         f"the proposed CPU limit would have throttled {seen.throttled:.1%} of samples"),
        (_above(seen.memory_over, _MEMORY_OVER),
         f"memory above the proposed request in {seen.memory_over:.1%} of samples"),
        (_above(seen.memory_growth, _MEMORY_GROWTH),
         f"memory's peak of one week is {seen.memory_growth:.2f} times another's"),
        (_below(seen.coverage, _COVERAGE) if seen.runs is None else 0,
         f"samples for {seen.coverage:.0%} of the time"),
        (_above(seen.restarts, _RESTARTS), f"{seen.restarts:.1f} restarts a pod and week"),
        (_above(seen.oom_kills, ((0.0, 1),)), f"{seen.oom_kills:.0f} OOM kills"),
        (int(seen.shifted), "CPU moved to another level: only the days since count"),
        (int(seen.leaking), "memory looks like a leak"),
        (_below(seen.confidence, _CONFIDENCE), f"confidence {seen.confidence:.0f} %"),
    )  # fmt: skip
    said = [f"takes away up to {seen.cut:.0%}"]
    said += [_pointed(points, fact) for points, fact in facts if points]
    if not history[0]:
        said.append(history[1])
    if not any(points for points, _ in facts[1:4]):
        cpu = f"CPU above it in {seen.over_request:.1%} of the worst week"
        replayed = [cpu] * seen.less_cpu + ["memory never above it"] * seen.less_memory
        said.append(f"replayed: {', '.join(replayed)}")
    return _placed(sum(points for points, _ in facts)), "; ".join(said)


def asleep(days: float, confidence: float) -> tuple[int, str]:
    """Return how likely it is that somebody misses an idle workload that sleeps."""
    facts = (
        (_below(days, _DAYS), f"{days:.0f} days of history"),
        (_below(confidence, _IDLE_CONFIDENCE), f"idle with {confidence:.0f} % confidence"),
    )
    said = [_pointed(points, fact) for points, fact in facts]
    return _placed(sum(points for points, _ in facts)), "; ".join(said)


def orphaned(days: float, *, destroys: bool) -> Judgement:
    """Return the risk of deleting what nobody used for some days: what is gone does not return."""
    hurt = SEVERE if destroys else MAJOR
    why = "what is on the volume is destroyed" if destroys else "its address does not come back"
    points = _below(days, _DAYS)
    return judged((hurt, why), (_placed(points), _pointed(points, f"unused for {days:.0f} days")))


def observed(
    changes: Sequence[ContainerChange],
    weeks: Sequence[tuple[float, float]],
    *,
    confidence: float,
    runs: int | None,
    shifted: bool,
    leaking: bool,
) -> Evidence:
    """Return what the past says of some containers' changes, the worst of each.

    weeks  for each change: share of CPU over the proposal in its worst week, growth of memory
    """
    smaller = [(_shrinks(change), change) for change in changes]
    cpu = [_share(c.replay.cpu_over_limit) for s, c in smaller if "cpu_limit" in s]
    memory = [_share(c.replay.memory_over_request) for s, c in smaller if "memory_request" in s]
    over = [w[0] for (s, _), w in zip(smaller, weeks, strict=True) if "cpu_request" in s]
    growth = [
        w[1]
        for (s, _), w in zip(smaller, weeks, strict=True)
        if s & {"memory_request", "memory_limit"}
    ]
    days = min(c.usage.days for c in changes)
    return Evidence(
        cut=max((cut for c in changes for cut in cuts(c).values()), default=0.0),
        days=days,
        runs=runs,
        coverage=min(c.usage.coverage for c in changes),
        confidence=confidence,
        over_request=max(over, default=0.0),
        throttled=max(cpu, default=0.0),
        memory_over=max(memory, default=0.0),
        memory_growth=max(growth, default=1.0),
        restarts=max(_count(c.usage.restarts) / c.usage.pods for c in changes)
        / max(1.0, days / _A_WEEK),
        oom_kills=max(_count(c.usage.oom_kills) for c in changes),
        shifted=shifted,
        leaking=leaking,
        less_cpu=any({"cpu_request", "cpu_limit"} & s for s, _ in smaller),
        less_memory=any({"memory_request", "memory_limit"} & s for s, _ in smaller),
    )


def cuts(change: ContainerChange) -> dict[str, float]:
    """Return the share of each amount that a change takes away, 0 to 1; only what shrinks."""
    before, after = change.current, change.proposed
    amounts = {
        "cpu_request": (before.cpu_request, after.cpu_request),
        "cpu_limit": (before.cpu_limit, after.cpu_limit),
        "memory_request": (before.memory_request, after.memory_request),
        "memory_limit": (before.memory_limit, after.memory_limit),
    }
    return {
        name: 1 - fresh / old
        for name, (old, fresh) in amounts.items()
        if old and fresh is not None and fresh < old
    }


def _shrinks(change: ContainerChange) -> set[str]:
    return set(cuts(change))


def _placed(points: int) -> int:
    return min(points, len(LIKELIHOODS) - 1)


def _pointed(points: int, fact: str) -> str:
    return f"{fact} +{points}" if points else fact


def _below(value: float, steps: Sequence[tuple[float, int]]) -> int:
    return next((points for bound, points in steps if value < bound), 0)


def _above(value: float, steps: Sequence[tuple[float, int]]) -> int:
    return next((points for bound, points in steps if value > bound), 0)


def _share(value: float | Unknown) -> float:
    return 0.0 if isinstance(value, Unknown) else value


def _count(value: float | Unknown) -> float:
    return 0.0 if isinstance(value, Unknown) else value
