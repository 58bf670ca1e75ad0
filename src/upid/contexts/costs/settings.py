"""How costs are divided; `UPID_COSTS__MODEL=price-ratio` overrides one."""

from pydantic import BaseModel, Field

from upid.core.allocation import CPU_WEIGHT, Basis, Model, Sharing


class CostSettings(BaseModel):
    """How a node's bill is divided among the containers on it (COST-1)."""

    model: Model = Field(
        default=Model.WEIGHTED,
        description="How a node's price is split: weighted (60 % CPU, 40 % memory), price-ratio "
        "(by the rates of CPU, memory and GPU) or gpu (GPUs by rate, the rest weighted).",
    )
    cpu_weight: float = Field(
        default=CPU_WEIGHT,
        gt=0,
        le=1,
        description="Share of a node's price that is for CPU; the rest is for memory.",
    )
    basis: Basis = Field(
        default=Basis.HIGHER,
        description="What is charged in an hour: max (the higher of request and usage) or request.",
    )
    share_idle: Sharing = Field(
        default=Sharing.APART,
        description="Idle cost is shown apart, or shared among the containers of its node: "
        "weighted by what they are charged, or even.",
    )
    kept: int = Field(
        default=8,
        ge=1,
        description="Answers kept in memory, so that the same question is computed once.",
    )

    @property
    def memory_weight(self) -> float:
        """Share of a node's price that is for memory."""
        return 1.0 - self.cpu_weight
