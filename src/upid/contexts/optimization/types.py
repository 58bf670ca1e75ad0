"""What advice is made of: recommendations, what was left alone, and the money they move."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from upid.contexts.insights import IdleReport
from upid.core.explain import Unknown
from upid.core.rightsizing import Ask
from upid.core.simulation import Replay
from upid.core.window import Window

HOURS_A_DAY = 24
HOURS_A_MONTH = 720  # a projected month is 30 days
HOURS_A_YEAR = 8760  # a projected year is 365 days


class AdviceType(StrEnum):
    """What kind of change is advised (OPT-4)."""

    RIGHTSIZING = "rightsizing"
    IDLE = "idle"
    COST = "cost"


class Risk(StrEnum):
    """Likelihood that the change hurts × impact if it does, on a stated matrix (SAF-3)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Priority(StrEnum):
    """What to look at first (CLI-3)."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Status(StrEnum):
    """Where a recommendation is in its life; all are open until somebody decides."""

    OPEN = "open"


class Code(StrEnum):
    """Why something was left alone; stable words for machines."""

    TOO_LITTLE_DATA = "too_little_data"
    FEW_RUNS = "few_runs"
    OPTED_OUT = "opted_out"
    VPA = "vpa"
    HPA = "hpa"
    LEAK = "leak"
    FITS = "fits"
    TOO_LARGE = "too_large"
    BLOCKED = "blocked"
    LIMIT_RANGE = "limit_range"
    RULED_OUT = "ruled_out"


class Target(NamedTuple):
    """What a recommendation changes; `containers` is empty where it is not about containers."""

    namespace: str
    kind: str
    name: str
    containers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.namespace}/{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Saving:
    """Money that is no longer spent, in micros; negative where more is spent."""

    hour: int = 0
    day: int = 0
    month: int = 0  # 30 days
    year: int = 0  # 365 days

    @classmethod
    def over(cls, micros: int, hours: float) -> "Saving":
        """Return the rates of an amount that was saved over `hours`, each rounded on its own."""
        rate = micros / hours if hours > 0 else 0.0
        return cls(
            round(rate),
            round(rate * HOURS_A_DAY),
            round(rate * HOURS_A_MONTH),
            round(rate * HOURS_A_YEAR),
        )

    def __add__(self, other: "Saving") -> "Saving":
        return Saving(
            self.hour + other.hour,
            self.day + other.day,
            self.month + other.month,
            self.year + other.year,
        )

    def __neg__(self) -> "Saving":
        return Saving(-self.hour, -self.day, -self.month, -self.year)


@dataclass(frozen=True, slots=True)
class Usage:
    """The numbers behind one container's advice; CPU in cores, memory in bytes.

    Quantiles are of the decayed histogram (at most 2 % above the exact one, never above the
    maximum); the mean and the maximum are of every sample in the window.

    pods       pods with samples
    samples    CPU samples behind it
    coverage   0 to 1: share of the time the workload existed that has samples
    days       days between the first and the last sample
    cpu_need   the quantile that decided: that of the neediest pod, or run, if that is higher
    cpu_busy   mean of the hours, each weighed by itself: the level at which work is done
    throttled  0 to 1: mean share of CFS periods throttled
    restarts, oom_kills  in the window

    What was not measured is Unknown, such as throttling where no CPU limit throttles.
    """

    pods: int
    samples: int
    coverage: float
    days: float
    cpu_p50: float | Unknown
    cpu_p95: float | Unknown
    cpu_p99: float | Unknown
    cpu_max: float | Unknown
    cpu_mean: float | Unknown
    memory_p50: int | Unknown
    memory_p95: int | Unknown
    memory_p99: int | Unknown
    memory_max: int | Unknown
    memory_mean: int | Unknown
    throttled: float | Unknown
    restarts: int | Unknown
    oom_kills: int | Unknown
    cpu_busy: float | Unknown
    cpu_need: float | Unknown


@dataclass(frozen=True, slots=True)
class ContainerChange:
    """One container: what it asks for, what it should ask for, why, and the past replayed.

    steps  the estimators that decided, in order, such as `P95 180m × 1.15 = 207m → 210m`
    """

    name: str
    current: Ask
    proposed: Ask
    usage: Usage
    replay: Replay
    steps: tuple[str, ...] = ()
    sidecar: bool = False  # declared among the init containers


@dataclass(frozen=True)
class Patch:
    """The exact change: a manifest with only the changed fields, and the same for people.

    manifest  apiVersion, kind, metadata and the changed fields; a strategic merge patch and a
              server-side-apply body alike. None where the object is deleted
    command   what to type to make the change by hand
    draw      what writes `diff`; only the diffs that are shown are ever written
    """

    manifest: Mapping[str, object] | None
    command: str
    draw: Callable[[], str] = field(repr=False, compare=False)

    @cached_property
    def diff(self) -> str:
        """Unified text, as `kubectl diff` prints it."""
        return self.draw()


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One change that is worth making (OPT-4).

    action          what to do, imperative, such as `request 210m CPU instead of 2`
    saving          rates at today's prices; `realised` says when the money really returns
    confidence      0 to 100; `confidence_parts` adds up to it
    effort_minutes  of a person
    evidence        named figures for types that are not about containers
    patch           None where the object cannot be changed in place; `notes` then says why
    """

    id: str
    type: AdviceType
    target: Target
    action: str
    reason: str
    saving: Saving
    realised: str
    confidence: int
    confidence_parts: Mapping[str, float]
    risk: Risk
    risk_parts: tuple[str, ...]
    effort_minutes: int
    apply_by: str
    priority: Priority
    expires: datetime
    changes: tuple[ContainerChange, ...] = ()
    evidence: Mapping[str, float | int | str | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    patch: Patch | None = None
    status: Status = Status.OPEN


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Something that was looked at and deliberately not advised on, and why."""

    target: Target
    code: Code
    reason: str


@dataclass(frozen=True, slots=True)
class Headroom:
    """What a container's charge was for, over the window, in micros (sums are exact).

    used + headroom + over = charged. `over` is what advice would take away, or would if nothing
    stood in its way (an autoscaler, an opt-out, a leak); `headroom` is the rest of what is not
    used: kept free on purpose, since no change of it is worth a rollout. Where nothing could be
    judged, `unknown` holds what is not used instead.
    """

    target: Target  # with one container
    charged: int
    used: int
    headroom: int
    over: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the recommendations of an answer; each saving is counted once (OPT-5).

    saving           net: `saves` less `costs_more`
    saves            of those that save
    costs_more       of those that ask for more, as a positive amount
    high_confidence  the part of `saves` with confidence above 90
    by_type          net
    """

    count: int
    saving: Saving
    saves: Saving
    costs_more: Saving
    high_confidence: Saving
    by_type: Mapping[AdviceType, Saving]


@dataclass(frozen=True, slots=True)
class Advice:
    """All that may be changed in a cluster, dearest first, and all that was left alone.

    idle  what of idleness it was made from
    """

    cluster_id: str
    window: Window
    currency: str
    recommendations: tuple[Recommendation, ...]
    left_alone: tuple[LeftAlone, ...]
    headroom: tuple[Headroom, ...]
    totals: Totals
    idle: IdleReport
    notes: tuple[str, ...] = ()
