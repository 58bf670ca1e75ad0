"""What the measurements mean: whether pods are idle, how sure that is, and why.

Here: judgements that read panels and inventories and run core over them. Not here: prices
(costs), what should be changed (optimization), samples themselves (metrics).
"""

from upid.contexts.insights.service import InsightService
from upid.contexts.insights.settings import InsightSettings
from upid.contexts.insights.types import (
    Factor,
    IdleCost,
    IdleReport,
    PodIdle,
    Verdict,
    WorkloadIdle,
)

__all__ = [
    "Factor",
    "IdleCost",
    "IdleReport",
    "InsightService",
    "InsightSettings",
    "PodIdle",
    "Verdict",
    "WorkloadIdle",
]
