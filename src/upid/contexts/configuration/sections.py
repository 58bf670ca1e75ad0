"""The settings that one cluster may have of its own: types, bounds, defaults, meaning (CFG-1).

What is not sent is not set: it has the value that all clusters have, which may change.
"""

from collections.abc import Mapping
from math import isclose
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.fields import FieldInfo

from upid.contexts.configuration.logic.settling import Known
from upid.contexts.configuration.types import Fallback, Section
from upid.kit.settings import fields_of

_GLOBS = 100
_NAME = 63  # letters of a namespace's name
_WEIGHTS = ("business_weight", "resource_weight", "temporal_weight", "dependency_weight")

Glob = Annotated[str, Field(max_length=_NAME, pattern=r"^[a-z0-9*?\[\]!-]+$")]
Globs = Annotated[list[Glob], Field(max_length=_GLOBS)]


class _Sent(BaseModel):
    """A section as it is sent: nothing unknown, no number as a text, no truth as a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class General(_Sent):
    """How a cluster is kept, reached and followed."""

    following: bool = Field(
        default=True,
        description="Whether its objects are followed as they change. Off, the cluster stays "
        "registered and is checked, and nothing of what it holds is known.",
    )
    requests_per_second: float = Field(
        default=20, ge=0.1, le=1000, description="Requests a second to its API server at most."
    )
    requests_at_once: int = Field(
        default=4, ge=1, le=100, description="Requests to its API server at a time at most."
    )
    secrets_metadata: bool = Field(
        default=False,
        description="Whether names, types and ages of its Secrets may be listed; what is in them "
        "is never read (CLU-5).",
    )
    time_zone: str = Field(
        default="UTC",
        max_length=64,
        description="Time zone of the people who use it, such as Europe/Berlin.",
    )
    check_interval_seconds: float = Field(
        default=60, ge=1, le=86_400, description="Time between two looks at it."
    )
    excluded_namespaces: Globs = Field(
        default=[],
        description="Namespaces that nothing is advised for, each a name or a glob such as kube-*.",
    )

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"no time zone is called {name!r}; write Europe/Berlin") from error
        return name


class Rule(_Sent):
    """Whether one kind of advice is given, and where not."""

    on: bool = Field(default=True, description="Whether this kind of advice is given.")
    except_namespaces: Globs = Field(
        default=[], description="Namespaces that it is not given for; names or globs."
    )


class Rules(_Sent):
    """Which kinds of advice are given for a cluster (OPT-4)."""

    rightsizing: Rule = Field(default=Rule(), description="Requests and limits that fit the use.")
    idle: Rule = Field(default=Rule(), description="Workloads that do nothing: scale to zero.")
    cost: Rule = Field(
        default=Rule(), description="Volumes and load balancers that nobody uses: delete them."
    )


class Thresholds(_Sent):
    """From where on a cluster's workloads are judged to be idle, or oversized.

    The four weights belong together: a cluster has all four of its own, or none.
    """

    idle_above: float = Field(
        default=80,
        ge=1,
        le=99,
        description="A workload is idle from above this probability, in percent (IDL-1).",
    )
    business_weight: float = Field(
        default=0.50, ge=0, le=1, description="Weight of the business factor of idleness (IDL-1)."
    )
    resource_weight: float = Field(
        default=0.30, ge=0, le=1, description="Weight of the resource factor of idleness."
    )
    temporal_weight: float = Field(
        default=0.15, ge=0, le=1, description="Weight of the temporal factor of idleness."
    )
    dependency_weight: float = Field(
        default=0.05, ge=0, le=1, description="Weight of the dependency factor of idleness."
    )
    efficiency: float = Field(
        default=0.70,
        ge=0,
        le=1,
        description="Requests are made smaller only where used ÷ charged money is below this.",
    )
    cpu_quantile: float = Field(
        default=0.95,
        ge=0.5,
        le=1,
        description="Quantile of the decayed CPU histogram that a request follows.",
    )
    cpu_headroom: float = Field(
        default=0.15, ge=0, le=10, description="Kept free above that quantile; 0.15 is 15 %."
    )
    memory_margin: float = Field(
        default=0.15, ge=0, le=10, description="Kept free above the peak of memory; 0.15 is 15 %."
    )
    oom_bump: float = Field(
        default=1.2,
        ge=1,
        le=10,
        description="Memory is at least this many times the level of an OOM kill.",
    )
    throttle_bump: float = Field(
        default=1.5,
        ge=1,
        le=10,
        description="A CPU limit that throttled is raised at least this many times.",
    )
    half_life_hours: float = Field(
        default=168, ge=1, le=8760, description="Age at which a CPU sample counts half."
    )
    startup_minutes: float = Field(
        default=10,
        ge=0,
        le=1440,
        description="Time after a start that the CPU quantile leaves out; limits keep it.",
    )
    least_history_hours: float = Field(
        default=24, ge=0, le=8760, description="Shorter histories get no advice."
    )
    least_coverage: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Least share with samples of the time a workload existed in the window.",
    )
    least_runs: int = Field(
        default=3, ge=1, le=1000, description="Runs of a Job or CronJob before it is sized."
    )
    valid_for_days: float = Field(
        default=7, ge=0.5, le=365, description="A recommendation expires so long after its window."
    )

    @model_validator(mode="after")
    def _weights(self) -> Self:
        """Refuse some of the weights without the others, or a sum that is not 1."""
        given = [name for name in _WEIGHTS if name in self.model_fields_set]
        if not given:
            return self
        lacking = [name for name in _WEIGHTS if name not in given]
        if lacking:
            raise ValueError(f"the four weights are set together; not given: {', '.join(lacking)}")
        total = sum(getattr(self, name) for name in _WEIGHTS)
        if not isclose(total, 1.0, abs_tol=1e-9):
            raise ValueError(f"the four weights add up to {total:g} instead of 1")
        return self


AnySection = General | Rules | Thresholds

SHAPES: dict[Section, type[General] | type[Rules] | type[Thresholds]] = {
    Section.GENERAL: General,
    Section.RULES: Rules,
    Section.THRESHOLDS: Thresholds,
}


def section_of(sent: AnySection) -> Section:
    """Return which section something sent is of."""
    return next(section for section, shape in SHAPES.items() if isinstance(sent, shape))


def known_of(section: Section, fallbacks: Mapping[str, Fallback]) -> tuple[Known, ...]:
    """Return the settings of a section, with what all clusters have where they have it."""
    return tuple(
        _known(name, field, fallbacks.get(name)) for name, field in fields_of(SHAPES[section])
    )


def _known(name: str, field: FieldInfo, fallback: Fallback | None) -> Known:
    return Known(
        name=name,
        fallback=fallback or Fallback(field.get_default(), "default"),
        meaning=field.description or "",
        least=_bound(field, "ge"),
        most=_bound(field, "le"),
    )


def _bound(field: FieldInfo, kind: str) -> float | None:
    return next((getattr(m, kind) for m in field.metadata if hasattr(m, kind)), None)
