"""How sure, how much work, how urgent: documented formulas, each with its parts."""

from collections.abc import Mapping, Sequence

from upid.contexts.optimization.logic.surroundings import Surroundings
from upid.contexts.optimization.types import Priority, Usage
from upid.core.explain import Unknown
from upid.core.money import MICROS

# Confidence: 100 less what is missing, held to 1…99. Each figure is the most that it takes away.
FULL = 100.0
LOSS_COVERAGE = 30.0  # × share of the time without samples
LOSS_DAYS = 25.0  # × how far the history is from a week, in which every weekday was seen
LOSS_SPREAD = 10.0  # × how far CPU's P50 lies below its P99, as a share of it
LOSS_RESTARTS = 10.0  # 2 for each restart of a pod
LOSS_OOM = 8.0  # the next level that kills is not known
LOSS_SHIFT = 6.0  # only the days since the shift speak
LOSS_THROTTLED = 8.0  # what was throttled wanted more than was seen
LOSS_JVM = 10.0  # a heap is kept, so the peak says little of what is needed
LOSS_RUNS = 25.0  # × how far the runs of a job are from ten
FULL_DAYS, FULL_RUNS, A_RESTART = 7.0, 10.0, 2.0

# Effort in minutes of a person, by who owns the object: our estimates, to order work by.
EFFORT = {"": 10, "Helm": 15, "Flux": 20, "Argo CD": 20}
EFFORT_CAREFUL = 10  # more for what restarts one by one or on every node
CAREFUL = ("StatefulSet", "DaemonSet")

HIGH_CONFIDENCE, MEDIUM_CONFIDENCE = 90, 80  # CLI-3
HIGH_MONTHLY = 100 * MICROS  # CLI-3

HOW = {
    "": "kubectl",
    "Helm": "Helm values: a change by hand lasts until the next release",
    "Flux": "Git: Flux would undo a change by hand",
    "Argo CD": "Git: Argo CD would undo a change by hand",
}


def confidence_parts(
    usages: Sequence[Usage], *, shifted: bool, jvm: bool, runs: int | None
) -> Mapping[str, float]:
    """Return what a confidence is made of: 100, and what each doubt takes away.

    usages  of the containers that change; the worst of them counts
    jvm     a JVM's memory is made smaller
    runs    of a Job or CronJob, whose history is counted in runs instead of days
    """
    worst: dict[str, float] = {}
    for usage in usages:
        parts = {
            "coverage": LOSS_COVERAGE * (1 - min(1.0, usage.coverage)) if runs is None else 0.0,
            "days": LOSS_DAYS * max(0.0, 1 - usage.days / FULL_DAYS) if runs is None else 0.0,
            "spread": LOSS_SPREAD * _spread(usage),
            "restarts": min(LOSS_RESTARTS, A_RESTART * _count(usage.restarts) / usage.pods),
            "oom_kills": LOSS_OOM if _count(usage.oom_kills) else 0.0,
            "throttled": LOSS_THROTTLED * min(1.0, 4 * _count(usage.throttled)),
        }
        worst = {name: max(worst.get(name, 0.0), part) for name, part in parts.items()}
    worst["level_shift"] = LOSS_SHIFT if shifted else 0.0
    worst["jvm"] = LOSS_JVM if jvm else 0.0
    worst["runs"] = 0.0 if runs is None else LOSS_RUNS * max(0.0, 1 - runs / FULL_RUNS)
    found = {"start": FULL}
    found |= {name: -round(part, 1) for name, part in worst.items() if round(part, 1)}
    return found


def confidence(parts: Mapping[str, float]) -> int:
    """Return the sum of the parts in whole percent, within 1 and 99."""
    return int(min(99.0, max(1.0, sum(parts.values()))))


def effort(around: Surroundings) -> int:
    """Return the minutes a person needs: by who owns the object, more for what must go slowly."""
    minutes = EFFORT.get(around.workload.managed_by, max(EFFORT.values()))
    return minutes + (EFFORT_CAREFUL if around.workload.key.kind in CAREFUL else 0)


def apply_by(around: Surroundings) -> str:
    """Return how the change is to be made so that it stays."""
    owner = around.workload.managed_by
    return HOW.get(owner, f"{owner}: a change by hand may be undone")


def priority(sure: int, monthly: int) -> Priority:
    """Return what to look at first (CLI-3): sure and dear, then sure, then the rest."""
    if sure > HIGH_CONFIDENCE and monthly > HIGH_MONTHLY:
        return Priority.HIGH
    return Priority.MEDIUM if sure > MEDIUM_CONFIDENCE else Priority.LOW


def _spread(usage: Usage) -> float:
    """Return 1 − P50 ÷ P99 of CPU; nothing where it was not measured, or never used."""
    median, high = usage.cpu_p50, usage.cpu_p99
    if isinstance(median, Unknown) or isinstance(high, Unknown) or not high:
        return 0.0
    return 1 - median / high


def _count(value: float | Unknown) -> float:
    return 0.0 if isinstance(value, Unknown) else value
