"""What the API answers, as structs. Written from its document by `make reference`."""

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer; members that this client does not know are passed over."""


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


class Requests(Answer, frozen=True, kw_only=True):
    """What a container asks for, as Kubernetes writes it; null where it asks for nothing."""

    cpu_request: str | None
    cpu_limit: str | None
    memory_request: str | None
    memory_limit: str | None


class Change(Answer, frozen=True, kw_only=True):
    """One container: now, proposed, the numbers behind it, and the past replayed with it."""

    container: str
    current: Requests
    proposed: Requests
    usage: dict[str, float | int | str | None]
    replay: dict[str, float | int | str | None]
    steps: list[str]


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


class Efficiency(Answer, frozen=True, kw_only=True):
    """How well the money is used: shares between 0 and 1, null where nothing was measured."""

    efficiency: float | None
    cpu_efficiency: float | None
    memory_efficiency: float | None
    idle_share: float | None
    waste_share: float | None
    verdict: str


class Factor(Answer, frozen=True, kw_only=True):
    """One factor of idleness with the weight it had and the evidence behind it."""

    name: str
    value: float | None
    unknown: str | None
    weight: float
    evidence: dict[str, float | int | str | None]


class Idle(Answer, frozen=True, kw_only=True):
    """How idle a workload or pod is, and why (IDL-1 to IDL-8)."""

    workload: str
    namespace: str
    kind: str
    name: str
    pod: str | None
    verdict: str
    probability: float | None
    unknown: str | None
    confidence: float | None
    reasons: list[str]
    against: list[str]
    missing: list[str]
    periods: str
    sentence: str
    monthly_cost: float | None
    factors: list[Factor]


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


class Saving(Answer, frozen=True, kw_only=True):
    """Money that is no longer spent; negative where more is spent."""

    hourly: float
    daily: float
    monthly: float
    yearly: float


class Potential(Answer, frozen=True, kw_only=True):
    """What could be saved; each saving is counted once (OPT-5)."""

    recommendations: int
    saving: Saving
    high_confidence: Saving
    by_type: dict[str, Saving]


class Price(Answer, frozen=True, kw_only=True):
    """Where prices come from: how many nodes, which source, of which date."""

    nodes: int
    kind: str
    source: str
    as_of: str


class Recommended(Answer, frozen=True, kw_only=True):
    """One recommendation (OPT-4, CLI-3)."""

    id: str
    type: str
    target: str
    namespace: str
    kind: str
    name: str
    priority: str
    action: str
    reason: str
    impact: str
    saving: Saving
    realised: str
    confidence: float
    confidence_parts: dict[str, float | int | str | None]
    risk: str
    risk_parts: list[str]
    effort_minutes: int
    apply_by: str
    status: str
    expires: str
    changes: list[Change]
    evidence: dict[str, float | int | str | None]
    notes: list[str]
    patch: dict[str, object] | None
    diff: str
    command: str


class SafeFirst(Answer, frozen=True, kw_only=True):
    """What may be taken first: low risk, confidence above 80, money saved."""

    count: int
    monthly_saving: float
    ids: list[str]


class Span(Answer, frozen=True, kw_only=True):
    """A window of time that was really looked at."""

    start: str
    end: str
    hours: float


class Spared(Answer, frozen=True, kw_only=True):
    """What was looked at and left alone, and why."""

    target: str
    namespace: str
    kind: str
    name: str
    code: str
    reason: str


class Usage(Answer, frozen=True, kw_only=True):
    """One resource of a whole cluster: means over the window, in `unit`."""

    unit: str
    capacity: float
    requested: float
    used: float | None
    utilization: float | None
    requested_share: float


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


class Cost(Answer, frozen=True, kw_only=True):
    """What a workload or pod costs a month, and what of that is used."""

    monthly: float
    daily: float
    allocated: float
    used: float
    headroom: float
    workload_idle: float
    unknown: float
    storage: float
    efficiency: float | None


class Distribution(Answer, frozen=True, kw_only=True):
    """How one container used one resource: a histogram from 0 to `high`, and marks in `unit`."""

    container: str
    resource: str
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
