"""Settings of the recommendations."""

from collections.abc import Mapping
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from upid.contexts.optimization.logic.ruling import Switch
from upid.contexts.optimization.types import AdviceType
from upid.core.histogram import HALF_LIFE_HOURS
from upid.core.rightsizing import Policy


class AdviceRule(BaseModel):
    """Whether one kind of advice is given, and where not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on: bool = Field(default=True, description="Whether this kind of advice is given.")
    except_namespaces: tuple[str, ...] = Field(
        default=(), description="Namespaces that it is not given for; names or globs."
    )


class AdviceRules(BaseModel):
    """Which kinds of advice are given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rightsizing: AdviceRule = AdviceRule()
    idle: AdviceRule = AdviceRule()
    cost: AdviceRule = AdviceRule()


class OptimizationSettings(BaseModel):
    """What is kept free, when advice is given, and from how much evidence."""

    model_config = ConfigDict(frozen=True)  # what is computed is kept by the settings behind it

    cpu_quantile: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="Quantile of the decayed CPU histogram that a request follows.",
    )
    cpu_headroom: float = Field(
        default=0.15, ge=0, description="Kept free above that quantile; 0.15 is 15 %."
    )
    memory_margin: float = Field(
        default=0.15, ge=0, description="Kept free above the peak of memory; 0.15 is 15 %."
    )
    oom_bump: float = Field(
        default=1.2,
        ge=1,
        description="Memory is at least this many times the level of an OOM kill.",
    )
    throttle_bump: float = Field(
        default=1.5,
        ge=1,
        description="A CPU limit that throttled is raised at least this many times.",
    )
    half_life: timedelta = Field(
        default=timedelta(hours=HALF_LIFE_HOURS),
        gt=timedelta(0),
        description="Age at which a CPU sample counts half.",
    )
    startup: timedelta = Field(
        default=timedelta(minutes=10),
        ge=timedelta(0),
        description="Time after a start that the CPU quantile leaves out; limits keep it.",
    )
    efficiency: float = Field(
        default=0.70,
        ge=0,
        le=1,
        description="Requests are made smaller only where used ÷ charged money is below this.",
    )
    least_history: timedelta = Field(
        default=timedelta(hours=24), description="Shorter histories get no advice."
    )
    least_coverage: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Least share with samples of the time a workload existed in the window.",
    )
    least_runs: int = Field(
        default=3, ge=1, description="Runs of a Job or CronJob needed before it is sized."
    )
    valid_for: timedelta = Field(
        default=timedelta(days=7), description="A recommendation expires so long after its window."
    )

    rules: AdviceRules = Field(default_factory=AdviceRules)

    def switches(self) -> Mapping[AdviceType, Switch]:
        """Return which kinds of advice are wanted, and where."""
        rules: dict[AdviceType, AdviceRule] = {
            kind: getattr(self.rules, kind.value) for kind in AdviceType
        }
        return {kind: Switch(rule.on, rule.except_namespaces) for kind, rule in rules.items()}

    def policy(self) -> Policy:
        """Return what the estimators need."""
        return Policy(
            cpu_quantile=self.cpu_quantile,
            cpu_headroom=self.cpu_headroom,
            memory_margin=self.memory_margin,
            oom_bump=self.oom_bump,
            throttle_bump=self.throttle_bump,
        )
