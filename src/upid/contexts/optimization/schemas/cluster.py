"""The answer about a cluster, and a page of its recommendations."""

from upid.contexts.optimization.schemas.shared import (
    Answer,
    Idle,
    Potential,
    Price,
    Recommended,
    Span,
    Spared,
)


class PoolFacts(Answer, frozen=True, kw_only=True):
    """One node pool."""

    name: str
    nodes: int
    instance_types: list[str]
    capacity_types: list[str]


class ClusterFacts(Answer, frozen=True, kw_only=True):
    """What the cluster is."""

    id: str
    name: str
    provider: str
    version: str
    regions: list[str]
    nodes: int
    pods: int
    workloads: int
    namespaces: int
    pools: list[PoolFacts]
    sources: list[str]


class Parts(Answer, frozen=True, kw_only=True):
    """Where the money goes; the parts add up to `total` exactly.

    used                 charged to containers and really taken
    headroom             kept free on purpose: what the recommended requests leave above usage
    workload_idle        charged to containers beyond that
    infrastructure_idle  of nodes, charged to nobody
    unknown              charged, but not measured or not judged
    """

    total: float
    used: float
    headroom: float
    workload_idle: float
    infrastructure_idle: float
    unknown: float
    storage: float
    load_balancers: float
    control_plane: float


class Money(Answer, frozen=True, kw_only=True):
    """The same parts over the window and as rates."""

    window: Parts
    hourly: Parts
    daily: Parts
    monthly: Parts


class Usage(Answer, frozen=True, kw_only=True):
    """One resource of a whole cluster: means over the window, in `unit`."""

    unit: str
    capacity: float
    requested: float
    used: float | None
    utilization: float | None
    requested_share: float


class Line(Answer, frozen=True, kw_only=True):
    """One line of a cost breakdown; amounts a month."""

    key: str
    total: float
    allocated: float
    used: float
    wasted: float
    unmeasured: float
    infrastructure_idle: float
    storage: float
    load_balancers: float
    control_plane: float
    efficiency: float | None
    pods: int


class Breakdown(Answer, frozen=True, kw_only=True):
    """A cluster's month by namespace, by kind of workload and by node pool."""

    namespaces: list[Line]
    kinds: list[Line]
    pools: list[Line]


class Efficiency(Answer, frozen=True, kw_only=True):
    """How well the money is used: shares between 0 and 1, null where nothing was measured."""

    efficiency: float | None
    cpu_efficiency: float | None
    memory_efficiency: float | None
    idle_share: float | None
    waste_share: float | None
    verdict: str


class Waste(Answer, frozen=True, kw_only=True):
    """One workload that is paid for and not used; amounts a month."""

    workload: str
    namespace: str
    kind: str
    name: str
    pods: int
    monthly_cost: float
    monthly_waste: float
    monthly_headroom: float
    efficiency: float | None
    verdict: str
    reason: str
    confidence: float | None
    recommendation: str | None


class SafeFirst(Answer, frozen=True, kw_only=True):
    """What may be taken first: low risk, confidence above 80, money saved."""

    count: int
    monthly_saving: float
    ids: list[str]


class ClusterAnalysis(Answer, frozen=True, kw_only=True):
    """What a cluster costs, what of that is used, and what to do about the rest."""

    cluster_id: str
    cluster: ClusterFacts
    scope: str
    window: Span
    analysis_timestamp: str
    currency: str
    coverage: float | None
    total_monthly_cost: float
    money: Money
    resource_utilization: dict[str, Usage]
    cost_breakdown: Breakdown
    efficiency_metrics: Efficiency
    wastes: list[Waste]
    idle: list[Idle]
    idle_counts: dict[str, int]
    recommendations: list[Recommended]
    safe_first: SafeFirst
    left_alone: list[Spared]
    left_alone_counts: dict[str, int]
    optimization_potential: Potential
    confidence: float | None
    price_sources: list[Price]
    missing: list[str]
    notes: list[str]


class RecommendationPage(Answer, frozen=True, kw_only=True):
    """One page of a cluster's recommendations, the dearest first."""

    cluster_id: str
    window: Span
    currency: str
    items: list[Recommended]
    next_cursor: str | None
    total: int
    potential: Potential
    left_alone: list[Spared]
    notes: list[str]
