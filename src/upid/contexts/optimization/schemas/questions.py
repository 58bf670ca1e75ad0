"""What the analysis endpoints take: pydantic models, checked at the edge."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_NAME = 253  # characters; the longest name that Kubernetes gives anything
_NAMES = 1000  # one after the other, each may be a glob
_WORDS = 4096  # characters of a selector or window; people write tens
_TIME_RANGE = (
    "Window such as 7d, or START/END in RFC 3339; held to what the source has. "
    "Default: 7d for a pod, 30d otherwise."
)


class ClusterOptions(BaseModel):
    """How to analyse a cluster; `limit` bounds each list."""

    model_config = ConfigDict(extra="forbid")

    time_range: str | None = Field(default=None, max_length=_WORDS, description=_TIME_RANGE)
    limit: Annotated[int, Field(ge=0, le=1000)] = 10


class Options(BaseModel):
    """How to analyse a workload (API-2)."""

    model_config = ConfigDict(extra="forbid")

    time_range: str | None = Field(default=None, max_length=_WORDS, description=_TIME_RANGE)
    detailed: bool = Field(default=True, description="false leaves out the histograms of usage.")


class PodOptions(Options):
    """How to analyse a pod; what is asked for and cannot be given is told in the notes."""

    include_cost_analysis: bool = Field(default=True, description="false leaves out the cost.")
    include_predictions: bool = Field(
        default=False, description="Forecasts. None are made yet; the notes say so."
    )
    include_business_impact: bool = Field(
        default=False,
        description="What depends on the pod in business terms. Not known yet; the notes say so.",
    )

    def unmet(self) -> tuple[str, ...]:
        """Return a sentence for each thing that is asked for and cannot be given."""
        predictions = "predictions were asked for: none are made yet"
        impact = "business impact was asked for: no business metrics are read yet"
        asked = ((self.include_predictions, predictions), (self.include_business_impact, impact))
        return tuple(sentence for wanted, sentence in asked if wanted)


class PodQuestion(BaseModel):
    """Which pod to analyse; the newest with the name is meant."""

    model_config = ConfigDict(extra="forbid")

    pod_name: Annotated[str, Field(min_length=1, max_length=_NAME)]
    namespace: str | None = Field(
        default="default", max_length=_NAME, description="null: any, the newest with the name."
    )
    cluster_id: str | None = Field(default=None, max_length=_NAME)
    options: PodOptions = PodOptions()


class DeploymentQuestion(BaseModel):
    """Which workload to analyse; of any kind, `Deployment` where none is named."""

    model_config = ConfigDict(extra="forbid")

    deployment_name: Annotated[str, Field(min_length=1, max_length=_NAME)]
    namespace: str | None = Field(
        default="default", max_length=_NAME, description="null: any, if only one has the name."
    )
    kind: str | None = Field(default=None, max_length=_NAME)
    cluster_id: str | None = Field(default=None, max_length=_NAME)
    options: Options = Options()


class ClusterQuestion(BaseModel):
    """Which cluster to analyse, whole or some namespaces of it."""

    model_config = ConfigDict(extra="forbid")

    cluster_id: str | None = Field(default=None, max_length=_NAME)
    namespaces: list[Annotated[str, Field(max_length=_NAME)]] | None = Field(
        default=None,
        max_length=_NAMES,
        description="Only these; each may be a glob such as `team-*`.",
    )
    selector: str | None = Field(
        default=None,
        max_length=_WORDS,
        description="Only workloads with these labels, written as kubectl does.",
    )
    options: ClusterOptions = ClusterOptions()
