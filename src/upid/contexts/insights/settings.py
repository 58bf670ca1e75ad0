"""How idleness is judged; `UPID_INSIGHTS__BUSINESS_WEIGHT=0.6` overrides one."""

from ipaddress import ip_network
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from upid.core.idle import IDLE_ABOVE, Weights


class InsightSettings(BaseModel):
    """How idleness is judged (IDL-1, IDL-2). The four weights add up to 1."""

    model_config = ConfigDict(frozen=True)  # what is computed is kept by the settings behind it

    idle_above: float = Field(
        default=IDLE_ABOVE,
        gt=0,
        lt=100,
        description="A pod is idle from above this probability, in percent.",
    )
    business_weight: float = Field(
        default=0.50,
        ge=0,
        le=1,
        description="Weight of the business factor: the share of requests that are no real work.",
    )
    resource_weight: float = Field(
        default=0.30,
        ge=0,
        le=1,
        description="Weight of the resource factor: work per CPU-second against its baseline.",
    )
    temporal_weight: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="Weight of the temporal factor: activity against the same hours of the week.",
    )
    dependency_weight: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Weight of the dependency factor: the healthy share of what a pod uses.",
    )
    health_paths: tuple[str, ...] = Field(
        default=(),
        description="Further paths that are health checks, such as /alive; /alive/* covers what "
        "is below it too.",
    )
    noise_agents: tuple[str, ...] = Field(
        default=(),
        description="Beginnings of further user agents that are monitoring, not business.",
    )
    monitoring_sources: tuple[str, ...] = Field(
        default=(),
        description="Networks that only monitoring comes from, in CIDR notation, IPv4 or IPv6.",
    )

    @field_validator("monitoring_sources")
    @classmethod
    def _networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for text in given:
            ip_network(text, strict=False)
        return given

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        self.weights()
        return self

    def weights(self) -> Weights:
        """Return the weights; ValueError when they do not add up to 1."""
        return Weights(
            self.business_weight,
            self.resource_weight,
            self.temporal_weight,
            self.dependency_weight,
        )
