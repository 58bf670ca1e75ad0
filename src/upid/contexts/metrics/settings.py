"""Settings of what was measured."""

from pydantic import BaseModel, ConfigDict, Field


class MetricsSettings(BaseModel):
    """How much of what was measured is taken in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recording_max_bytes: int = Field(
        default=2 << 30,
        ge=1 << 20,
        description="Largest recording in bytes that can be stored over the API.",
    )
