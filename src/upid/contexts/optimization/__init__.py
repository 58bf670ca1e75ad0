"""What should change: requests and limits, idle workloads, unused volumes, with what they save.

Here: recommendations with their reasons, evidence, risk and exact patches, what was left alone,
and reports that put costs, idleness and advice together. Not here: prices (costs), verdicts of
idleness (insights), making the change.
"""

from upid.contexts.optimization.service import RecommendationService
from upid.contexts.optimization.settings import OptimizationSettings
from upid.contexts.optimization.types import (
    Advice,
    AdviceType,
    Code,
    ContainerChange,
    Headroom,
    LeftAlone,
    Patch,
    Priority,
    Recommendation,
    Risk,
    Saving,
    Status,
    Target,
    Totals,
    Usage,
)

__all__ = [
    "Advice",
    "AdviceType",
    "Code",
    "ContainerChange",
    "Headroom",
    "LeftAlone",
    "OptimizationSettings",
    "Patch",
    "Priority",
    "Recommendation",
    "RecommendationService",
    "Risk",
    "Saving",
    "Status",
    "Target",
    "Totals",
    "Usage",
]
