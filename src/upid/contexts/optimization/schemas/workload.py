"""The answers about one workload and one pod."""

from typing import Literal

from upid.contexts.optimization.schemas.shared import (
    Answer,
    Idle,
    Price,
    Recommended,
    Span,
    Spared,
)


class Distribution(Answer, frozen=True, kw_only=True):
    """How one container used one resource: a histogram from 0 to `high`, and marks in `unit`."""

    container: str
    resource: Literal["cpu", "memory"]
    unit: str
    low: float
    high: float
    counts: list[int]
    samples: int
    mean: float
    p50: float
    p95: float
    p99: float
    maximum: float
    request: float | None
    limit: float | None
    proposed_request: float | None
    proposed_limit: float | None


class Cost(Answer, frozen=True, kw_only=True):
    """What a workload or pod costs a month, and what of that is used.

    Headroom is judged for workloads, so a pod's `headroom` and `workload_idle` are null.
    """

    monthly: float
    daily: float
    allocated: float
    used: float
    headroom: float | None
    workload_idle: float | None
    unknown: float
    storage: float
    efficiency: float | None


class PodLine(Answer, frozen=True, kw_only=True):
    """One pod of a workload."""

    name: str
    node: str
    phase: str
    ready: bool
    monthly_cost: float
    efficiency: float | None
    idle_probability: float | None


class Scaling(Answer, frozen=True, kw_only=True):
    """Replicas wanted now and who steers them."""

    replicas: int | None
    ready: int
    owner: str
    reason: str


class Workload(Answer, frozen=True, kw_only=True):
    """What a workload is."""

    namespace: str
    kind: str
    name: str
    managed_by: str
    labels: dict[str, str]
    created: str


class DeploymentAnalysis(Answer, frozen=True, kw_only=True):
    """One workload: what it costs, how idle it is, what it uses, what to change."""

    deployment_id: str
    workload: Workload
    window: Span
    analysis_timestamp: str
    currency: str
    total_pods: int
    scaling_recommendation: Scaling
    cost_analysis: Cost
    idle: Idle | None
    distributions: list[Distribution]
    pods: list[PodLine]
    recommendations: list[Recommended]
    left_alone: list[Spared]
    guards: list[str]
    price_sources: list[Price]
    confidence: float | None
    notes: list[str]


class Insights(Answer, frozen=True, kw_only=True):
    """What is known of one pod."""

    state: str
    idle: Idle | None
    cost: Cost | None
    distributions: list[Distribution]


class PodAnalysis(Answer, frozen=True, kw_only=True):
    """One pod: its state, what it costs, how idle it is, what its workload should change."""

    pod_id: str
    namespace: str
    name: str
    node: str
    workload: Workload
    window: Span
    currency: str
    insights: Insights
    recommendations: list[Recommended]
    confidence: float | None
    analysis_timestamp: str
    notes: list[str]
