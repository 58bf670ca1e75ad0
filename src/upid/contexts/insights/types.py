"""What an insight about idleness says, factor by factor."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from upid.core.explain import Explained, Unknown
from upid.core.idle import Verdict
from upid.core.snapshot import WorkloadKey
from upid.core.window import Window

__all__ = ["Factor", "IdleCost", "IdleReport", "PodIdle", "Verdict", "WorkloadIdle"]

Facts = Mapping[str, float | int | str | None]


@dataclass(frozen=True, slots=True)
class Factor:
    """One of the four parts of the idle probability.

    name      business, resource, temporal or dependency
    value     0 (works) to 100 (idle), or why it is not known
    weight    0 to 1, as used: the weights of known factors add up to 1, an unknown one has 0
    formula   id of the documented formula
    evidence  plain facts behind the value
    """

    name: str
    value: float | Unknown
    weight: float
    formula: str
    evidence: Facts


@dataclass(frozen=True, slots=True)
class IdleCost:
    """What something idle costs: over the report's window, and projected to 30 days; micros."""

    micros: int
    monthly_micros: int
    currency: str

    def __add__(self, other: "IdleCost") -> "IdleCost":
        return IdleCost(
            self.micros + other.micros, self.monthly_micros + other.monthly_micros, self.currency
        )


@dataclass(frozen=True, slots=True)
class PodIdle:
    """Whether one living pod is idle, how sure that is, and why.

    probability       percent (IDL-1); its value may be Unknown
    confidence        percent (IDL-6); its value may be Unknown
    reasons           names of the factors that speak for idle, strongest weight first
    sentence          why, in plain words
    idle_periods      quiet hours of the week, UTC, such as `Mon–Fri 20:00–06:00` (IDL-8)
    missing           what was not known, and what it kept from being said
    counter_evidence  what speaks against idle
    cost              what the pod costs; None unless the verdict is idle and costs are known
    """

    uid: str
    namespace: str
    name: str
    workload: WorkloadKey
    probability: Explained
    factors: tuple[Factor, ...]
    confidence: Explained
    verdict: Verdict
    reasons: tuple[str, ...]
    sentence: str
    idle_periods: tuple[str, ...]
    missing: tuple[str, ...]
    counter_evidence: tuple[str, ...]
    cost: IdleCost | None = None


@dataclass(frozen=True, slots=True)
class WorkloadIdle:
    """Whether a workload is idle: what its living pods say together.

    probability  mean of the pods' known probabilities, percent
    confidence   the lowest of its pods, percent
    verdict      blocked if any pod is; else busy if any is; idle only if all are; else unknown
    pods         living pods that were judged
    idle_pods    those of them that are idle
    """

    key: WorkloadKey
    probability: float | Unknown
    confidence: float | Unknown
    verdict: Verdict
    pods: int
    idle_pods: int
    reasons: tuple[str, ...]
    sentence: str
    idle_periods: tuple[str, ...]
    missing: tuple[str, ...]
    counter_evidence: tuple[str, ...]
    cost: IdleCost | None = None


@dataclass(frozen=True, slots=True)
class IdleReport:
    """The idleness of everything that lived at the end of a window.

    window      what was asked about
    evidence    its last seven days at most: what the probability speaks of
    history     time before the evidence that it was compared with
    pods        by namespace, name, uid
    workloads   by namespace, kind, name
    completed   pods that had run to completion and were not judged
    missing     what the whole cluster lacks, such as request data
    idle_above  percent: a higher probability was called idle
    """

    cluster: str
    window: Window
    evidence: Window
    history: timedelta
    pods: tuple[PodIdle, ...]
    workloads: tuple[WorkloadIdle, ...]
    completed: int
    missing: tuple[str, ...]
    idle_above: float
