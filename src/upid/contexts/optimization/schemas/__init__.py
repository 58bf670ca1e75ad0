"""What the analysis and recommendation endpoints take and answer.

Questions are pydantic models, checked at the edge. Answers are msgspec structs, which become the
same bytes each time and cost nothing to declare; the API's document is made from them. Amounts of
money are numbers in units of `currency`, exact to a millionth; a month is 30 days.
"""

from upid.contexts.optimization.schemas.cluster import (
    Breakdown,
    ClusterAnalysis,
    ClusterFacts,
    Efficiency,
    Line,
    Money,
    Parts,
    PoolFacts,
    RecommendationPage,
    SafeFirst,
    Usage,
    Waste,
)
from upid.contexts.optimization.schemas.questions import (
    ClusterQuestion,
    DeploymentQuestion,
    Options,
    PodQuestion,
)
from upid.contexts.optimization.schemas.shared import (
    Answer,
    Change,
    Factor,
    Idle,
    Potential,
    Price,
    Recommended,
    Requests,
    Saving,
    Span,
    Spared,
    Words,
)
from upid.contexts.optimization.schemas.workload import (
    Cost,
    DeploymentAnalysis,
    Distribution,
    Insights,
    PodAnalysis,
    PodLine,
    Scaling,
    Workload,
)

__all__ = [
    "Answer",
    "Breakdown",
    "Change",
    "ClusterAnalysis",
    "ClusterFacts",
    "ClusterQuestion",
    "Cost",
    "DeploymentAnalysis",
    "DeploymentQuestion",
    "Distribution",
    "Efficiency",
    "Factor",
    "Idle",
    "Insights",
    "Line",
    "Money",
    "Options",
    "Parts",
    "PodAnalysis",
    "PodLine",
    "PodQuestion",
    "PoolFacts",
    "Potential",
    "Price",
    "RecommendationPage",
    "Recommended",
    "Requests",
    "SafeFirst",
    "Saving",
    "Scaling",
    "Span",
    "Spared",
    "Usage",
    "Waste",
    "Words",
    "Workload",
]
