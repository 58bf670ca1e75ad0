"""Idle or not: four factors, their weighted mean, how sure it is (IDL-1 to IDL-7).

A factor is 0 for a pod that works and 100 for one that does not; NaN stands for Unknown inside
these arrays. What looks idle is held against what would be costly to get wrong: work that no
request explains, work that comes rarely, usage that is steady and may be work.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from math import isclose

import numpy as np

from upid.core.activity import (
    DAY,
    Activity,
    Bools,
    Floats,
    Ints,
    by_hour_of_week,
    consistency,
    longest_gap,
    of_workload,
    span_of,
)
from upid.core.usage import NO_USAGE, Usage, usage_of

IDLE_ABOVE = 80.0  # IDL-1
REASON_ABOVE = {"business": 80.0, "resource": 70.0, "temporal": 60.0}  # IDL-1
DEPENDENCY_REASON_BELOW = 30.0  # IDL-1
BASELINE_HOURS = 30 * DAY  # IDL-3
BASELINE_NEEDED = 7 * DAY  # IDL-3
LEAST_CORES = 0.01  # IDL-3: the divisor of requests per CPU-second is never less
HISTORY_NEEDED = 14 * DAY  # IDL-4
UNDECIDED = 50.0  # IDL-3, IDL-4: without a baseline or history
EXPECTED_NOTHING = 90.0  # IDL-4: a history that expects none, and none seen
RATIOS = ((0.1, 90.0), (0.3, 70.0), (0.7, 30.0))  # IDL-4: below the ratio, this factor
AS_USUAL = 10.0  # IDL-4: any higher ratio
TIERS = ((1000, 100, 24, 95.0), (500, 50, 12, 85.0), (100, 10, 6, 75.0))  # IDL-6
LOWEST_TIER = 60.0  # IDL-6
CONSISTENCY_POINTS = 20.0  # IDL-6
CONFIDENCE_HELD = (50.0, 99.0)  # IDL-6
CONFIDENCE_WITHOUT_REQUESTS = 75.0  # IDL-7
LEAST_AGE = 24  # hours a pod must have lived: the longest that IDL-6 asks for
FACTORS = ("business", "resource", "temporal", "dependency")


class Verdict(StrEnum):
    """What is said of a pod in the end."""

    IDLE = "idle"
    BUSY = "busy"
    BLOCKED = "blocked"  # quiet because something that it uses is down
    UNKNOWN = "unknown"


class Held(IntEnum):
    """Why a pod is not called idle although its probability may be high, or has none."""

    NOT = 0
    TOO_YOUNG = 1
    NO_SAMPLES = 2
    QUIET_BEFORE = 3  # it was quiet as long before, and worked again
    NOT_SERVING = 4  # without a Service, nothing shows that nobody waits for it
    NOT_COUNTED = 5  # requests are counted in this cluster, but not of this pod
    KEEPS_STATE = 6
    SHORT_HISTORY = 7
    NO_USAGE = 8
    STEADY = 9  # usage that is flat and not small: it may be work
    RARE_WORK = 10
    WORKS_UNASKED = 11  # it works although no business request explains it


@dataclass(frozen=True, slots=True)
class Weights:
    """What share each factor has in the idle probability (IDL-1); they add up to 1."""

    business: float = 0.50
    resource: float = 0.30
    temporal: float = 0.15
    dependency: float = 0.05

    def __post_init__(self) -> None:
        """Refuse weights that are negative or do not add up to 1."""
        if min(self.values) < 0 or not isclose(sum(self.values), 1.0, abs_tol=1e-9):
            raise ValueError(f"weights must not be negative and must add up to 1: {self}")

    @property
    def values(self) -> tuple[float, float, float, float]:
        """The weights in the order of `FACTORS`."""
        return self.business, self.resource, self.temporal, self.dependency


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What is found about p pods; NaN is Unknown.

    factors       (p, 4) 0 to 100, in the order of `FACTORS`
    weights       (p, 4) as used: those of a row's known factors add up to 1
    probability   (p,)   percent
    confidence    (p,)   percent
    consistency   (p,)   0 to 1
    by_requests   (p,)   whether requests tell of its work (else IDL-7)
    serves        (p,)   whether requests are what it is there for
    business      (p,)   business requests in the evidence
    expected      (p,)   business requests that the history expects in the evidence
    rate          (p,)   business requests per CPU-second in the evidence, and in the baseline:
    baseline      (p,)   NaN without one
    history       (p,)   hours of history behind the temporal factor
    held          (p,)   `Held`
    verdict       (p,)   `Verdict`
    active        (p, h) hours in which the pod worked, as far as can be told
    usage                what its usage looks like, for pods without a business request
    """

    factors: Floats
    weights: Floats
    probability: Floats
    confidence: Floats
    consistency: Floats
    by_requests: Bools
    serves: Bools
    business: Floats
    expected: Floats
    rate: Floats
    baseline: Floats
    history: Ints
    held: Ints
    verdict: tuple[Verdict, ...]
    active: Bools
    usage: Usage


def combine(factors: Floats, weights: Weights) -> tuple[Floats, Floats]:
    """Return the idle probability and the weights used (IDL-1).

    factors  (p, 4)  0 to 100, NaN for Unknown: left out, the other weights scaled to add up to 1
    returns  (p,) percent, NaN where neither business nor resource is known, and (p, 4)
    """
    known = ~np.isnan(factors)
    used = np.where(known, np.array(weights.values), 0.0)
    total = used.sum(axis=1, keepdims=True)
    used = np.divide(used, total, out=np.zeros_like(used), where=total > 0)
    said = np.where(known, factors, 0.0)
    # Clipped because rescaled weights may add up to a little more than 1 in floating point.
    probability = np.clip((used * said).sum(axis=1), 0.0, 100.0)
    tells = (known[:, 0] | known[:, 1]) & (total[:, 0] > 0)
    return np.where(tells, probability, np.nan), used


def business_factor(business: Floats, requests: Floats) -> Floats:
    """(p,) 100 × the share of requests that is not business; no request at all is 100 (IDL-2)."""
    share = np.divide(business, requests, out=np.zeros_like(business), where=requests > 0)
    return np.clip(100.0 * (1.0 - share), 0.0, 100.0)


def work_rate(business: Floats, cpu: Floats, known: Bools) -> Floats:
    """(p,) business requests per CPU-second over the known hours with CPU samples (IDL-3).

    business, cpu  (p, h)  requests, and mean cores with NaN for no sample
    returns        NaN without such an hour; CPU counts as at least 0.01 core
    """
    both = known & ~np.isnan(cpu)
    hours = both.sum(axis=1)
    cores = np.divide(
        np.where(both, cpu, 0.0).sum(axis=1), hours, out=np.zeros(hours.size), where=hours > 0
    )
    seconds = np.maximum(cores, LEAST_CORES) * hours * 3600
    done = np.where(both, business, 0.0).sum(axis=1)
    return np.asarray(np.divide(done, seconds, out=np.full(hours.size, np.nan), where=hours > 0))


def resource_factor(business: Floats, rate: Floats, baseline: Floats) -> Floats:
    """(p,) how far requests per CPU-second fell below the baseline (IDL-3).

    No business request is 100; no baseline, or no CPU sample now, is 50; else
    max(0, 1 − rate ÷ baseline) × 100, where a baseline of nothing was not fallen below.
    """
    fallen = 1.0 - np.divide(rate, baseline, out=np.ones_like(rate), where=baseline > 0)
    known = np.where(np.isnan(rate) | np.isnan(baseline), UNDECIDED, 100.0 * np.maximum(0, fallen))
    return np.where(business > 0, known, 100.0)


def temporal_factor(business: Floats, expected: Floats, history: Ints) -> Floats:
    """(p,) activity against what the history expects of the same hours of the week (IDL-4).

    business  (p,)  business requests in the evidence
    expected  (p,)  the sum over the evidence's hours of the history's mean for that hour of week
    history   (p,)  hours of it; under 14 days the factor is 50
    """
    ratio = np.divide(business, expected, out=np.full(business.size, np.inf), where=expected > 0)
    found = np.full(business.size, AS_USUAL)
    for below, factor in reversed(RATIOS):
        found[ratio < below] = factor
    found[(expected <= 0) & (business <= 0)] = EXPECTED_NOTHING
    return np.where(history < HISTORY_NEEDED, UNDECIDED, found)


def confidence_of(samples: Ints, requests: Floats, hours: Ints, alike: Floats) -> Floats:
    """(p,) percent: a tier by amount of evidence, moved by its consistency (IDL-6).

    requests  noise included; infinite where a source that covers the pod reports none
    alike     consistency, 0 to 1; NaN counts as 0.5
    """
    found = np.full(samples.size, LOWEST_TIER)
    for least_samples, least_requests, least_hours, tier in reversed(TIERS):
        enough = (samples > least_samples) & (requests > least_requests) & (hours > least_hours)
        found[enough] = tier
    moved = found + (np.where(np.isnan(alike), 0.5, alike) - 0.5) * CONSISTENCY_POINTS
    return np.clip(moved, *CONFIDENCE_HELD)


def judge(activity: Activity, weights: Weights, idle_above: float = IDLE_ABOVE) -> Judgement:
    """Judge every pod. O(pods × hours); no randomness, no order between pods matters.

    idle_above  percent: a higher probability is called idle
    """
    cut = activity.history
    observed = activity.observed
    business = activity.business[:, cut:].sum(axis=1)
    lived = activity.alive[:, cut:].sum(axis=1)
    counted = activity.covered & (2 * observed[:, cut:].sum(axis=1) >= lived) & (lived > 0)
    ever, _ = of_workload(
        activity.business.sum(axis=1, keepdims=True),
        np.ones((lived.size, 1), np.bool_),
        activity.workload,
    )
    serves = activity.selected | (ever[:, 0] > 0)
    usage = usage_of(activity, ~(counted & (business > 0)))
    by_requests = counted & serves & ~usage.unrequested

    expected, history = _expectation(activity, observed)
    rate = work_rate(activity.business[:, cut:], activity.cpu[:, cut:], observed[:, cut:])
    baseline = _baseline(activity, observed)
    factors = np.column_stack(
        (
            np.where(by_requests, business_factor(business, activity.requests), np.nan),
            np.where(by_requests, resource_factor(business, rate, baseline), usage.factor),
            np.where(by_requests, temporal_factor(business, expected, history), np.nan),
            100.0 * activity.healthy,
        )
    )
    active = np.where(by_requests[:, None], activity.business > 0, usage.working)
    known = np.where(by_requests[:, None], observed, usage.sampled)
    alike = consistency(active, known, activity)
    asked = np.where(by_requests & (activity.requests == 0), np.inf, activity.requests)
    confidence = confidence_of(activity.samples, asked, lived, alike)
    confidence = np.where(
        by_requests, confidence, np.minimum(confidence, CONFIDENCE_WITHOUT_REQUESTS)
    )
    probability, used = combine(factors, weights)
    held = _held(activity, by_requests, serves, usage, counted)
    gone = (held == Held.TOO_YOUNG) | (held == Held.NO_SAMPLES)
    probability[gone] = np.nan
    return Judgement(
        factors, used, probability, confidence, alike, by_requests, serves, business, expected,
        rate, baseline, history, held,
        _verdicts(activity, probability > idle_above, probability, held, business, usage),
        active, usage,
    )  # fmt: skip


def _expectation(activity: Activity, observed: Bools) -> tuple[Floats, Ints]:
    """(p,) business requests the history expects in the evidence, and (p,) its hours.

    A pod that is too young for a history of its own has its workload's, per pod.
    """
    cut, hours = activity.history, activity.hours
    past, known = activity.business[:, :cut], observed[:, :cut]
    span = span_of(known)
    young = span < HISTORY_NEEDED
    if young.any():
        past, known = _with_predecessors(past, known, young, activity.workload)
        span = span_of(known)
    added, seen = by_hour_of_week(past, known, hours[:cut])
    mean = np.divide(added, seen, out=np.zeros_like(added), where=seen > 0)
    there = observed[:, cut:]
    return np.where(there, mean[:, hours[cut:]], 0.0).sum(axis=1), span


def _baseline(activity: Activity, observed: Bools) -> Floats:
    """(p,) business requests per CPU-second in the 30 days before the evidence, NaN without 7."""
    cut = activity.history
    recent = slice(max(0, cut - BASELINE_HOURS), cut)
    business, cpu = activity.business[:, recent], activity.cpu[:, recent]
    known = observed[:, recent] & ~np.isnan(cpu)
    young = span_of(known) < BASELINE_NEEDED
    if young.any():
        cpu, _ = _with_predecessors(cpu, known, young, activity.workload)
        business, known = _with_predecessors(business, known, young, activity.workload)
    rate = work_rate(business, cpu, known)
    return np.where(span_of(known) < BASELINE_NEEDED, np.nan, rate)


def _with_predecessors(
    values: Floats, known: Bools, young: Bools, workload: Ints
) -> tuple[Floats, Bools]:
    """Return the arrays with the rows of young pods replaced by their workload's mean."""
    theirs = np.sort(workload[young])
    nearest = np.searchsorted(theirs, workload).clip(max=theirs.size - 1)
    rows = np.flatnonzero(theirs[nearest] == workload)
    means, seen = of_workload(values[rows], known[rows], workload[rows])
    chosen = young[rows]
    values, known = values.copy(), known.copy()
    values[rows[chosen]], known[rows[chosen]] = means[chosen], seen[chosen]
    return values, known


def _held(
    activity: Activity, by_requests: Bools, serves: Bools, usage: Usage, counted: Bools
) -> Ints:
    """(p,) why not to call it idle; the first that applies, `Held.NOT` where nothing does."""
    quiet_before = np.zeros(by_requests.size, np.bool_)
    asked = activity.business > 0
    quiet = ~asked[:, activity.history :].any(axis=1) & asked.any(axis=1)
    for row in np.flatnonzero(quiet).tolist():
        before, now = longest_gap(asked[row])
        quiet_before[row] = before >= now
    otherwise = ~by_requests
    # How long usage was watched; requests say nothing of these pods.
    watched = span_of(usage.sampled)
    reasons = (
        (Held.TOO_YOUNG, activity.age < LEAST_AGE),
        (Held.NO_SAMPLES, ~by_requests & (activity.samples == 0)),
        (Held.QUIET_BEFORE, by_requests & quiet_before),
        (Held.NO_USAGE, otherwise & (usage.kind == NO_USAGE)),
        (Held.RARE_WORK, otherwise & usage.rare),
        (Held.STEADY, otherwise & usage.steady),
        (Held.WORKS_UNASKED, otherwise & counted & serves),
        (Held.NOT_SERVING, otherwise & ~serves),
        (Held.NOT_COUNTED, otherwise & bool(activity.counted.any())),
        (Held.KEEPS_STATE, otherwise & activity.stateful),
        (Held.SHORT_HISTORY, otherwise & (watched < HISTORY_NEEDED)),
    )
    found = np.zeros(by_requests.size, np.int64)
    for reason, applies in reversed(reasons):
        found[applies] = reason
    return found


def _verdicts(
    activity: Activity,
    high: Bools,
    probability: Floats,
    held: Ints,
    business: Floats,
    usage: Usage,
) -> tuple[Verdict, ...]:
    works = (business > 0) | usage.works_now
    unknown = np.isnan(probability) | (high & (held != Held.NOT))
    young = held == Held.TOO_YOUNG
    found = np.where(high, 0, 1)
    found[unknown] = 2
    found[unknown & works & ~young] = 1
    found[activity.blocked] = 3
    by_number = (Verdict.IDLE, Verdict.BUSY, Verdict.UNKNOWN, Verdict.BLOCKED)
    return tuple(by_number[n] for n in found.tolist())
