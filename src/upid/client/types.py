"""What the API answers, as structs. Written from its document by `make reference`."""

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer; members that this client does not know are passed over."""


class Line(Answer, frozen=True, kw_only=True):
    """One line of a cost breakdown; amounts a month."""

    allocated: float
    control_plane: float
    efficiency: float | None
    infrastructure_idle: float
    key: str
    load_balancers: float
    pods: int
    storage: float
    total: float
    unmeasured: float
    used: float
    wasted: float


class Breakdown(Answer, frozen=True, kw_only=True):
    """A cluster's month by namespace, by kind of workload and by node pool."""

    kinds: list[Line]
    namespaces: list[Line]
    pools: list[Line]


class BreakerState(Answer, frozen=True, kw_only=True):
    """Whether the cluster is asked at all; `retry_in_seconds` where it is not just now."""

    retry_in_seconds: float | None
    state: str


class Requests(Answer, frozen=True, kw_only=True):
    """What a container asks for, as Kubernetes writes it; null where it asks for nothing."""

    cpu_limit: str | None
    cpu_request: str | None
    memory_limit: str | None
    memory_request: str | None


class Change(Answer, frozen=True, kw_only=True):
    """One container: now, proposed, the numbers behind it, and the past replayed with it."""

    container: str
    current: Requests
    proposed: Requests
    replay: dict[str, float | int | str | None]
    steps: list[str]
    usage: dict[str, float | int | str | None]


class CheckRow(Answer, frozen=True, kw_only=True):
    """One look at a cluster."""

    at: str
    code: str | None
    hint: str | None
    latency_ms: float | None
    message: str | None
    missing_permissions: list[str]
    ok: bool
    skew_seconds: float | None
    version: str | None


class PoolFacts(Answer, frozen=True, kw_only=True):
    """One node pool."""

    capacity_types: list[str]
    instance_types: list[str]
    name: str
    nodes: int


class ClusterFacts(Answer, frozen=True, kw_only=True):
    """What the cluster is."""

    id: str
    name: str
    namespaces: int
    nodes: int
    pods: int
    pools: list[PoolFacts]
    provider: str
    regions: list[str]
    sources: list[str]
    version: str
    workloads: int


class Efficiency(Answer, frozen=True, kw_only=True):
    """How well the money is used: shares between 0 and 1, null where nothing was measured."""

    cpu_efficiency: float | None
    efficiency: float | None
    idle_share: float | None
    memory_efficiency: float | None
    verdict: str
    waste_share: float | None


class Factor(Answer, frozen=True, kw_only=True):
    """One factor of idleness with the weight it had and the evidence behind it."""

    evidence: dict[str, float | int | str | None]
    name: str
    unknown: str | None
    value: float | None
    weight: float


class Idle(Answer, frozen=True, kw_only=True):
    """How idle a workload or pod is, and why (IDL-1 to IDL-8).

        `idle_above` is the percentage from above which this cluster's workloads are called idle.
    """

    against: list[str]
    confidence: float | None
    factors: list[Factor]
    idle_above: float
    kind: str
    missing: list[str]
    monthly_cost: float | None
    name: str
    namespace: str
    periods: str
    pod: str | None
    probability: float | None
    reasons: list[str]
    sentence: str
    unknown: str | None
    verdict: str
    workload: str


class Parts(Answer, frozen=True, kw_only=True):
    """Where the money goes; the parts add up to `total` exactly.

        used                 charged to containers and really taken
        headroom             kept free on purpose: what the recommended requests leave above usage
        workload_idle        charged to containers beyond that
        infrastructure_idle  of nodes, charged to nobody
        unknown              charged, but not measured or not judged
    """

    control_plane: float
    headroom: float
    infrastructure_idle: float
    load_balancers: float
    storage: float
    total: float
    unknown: float
    used: float
    workload_idle: float


class Money(Answer, frozen=True, kw_only=True):
    """The same parts over the window and as rates."""

    daily: Parts
    hourly: Parts
    monthly: Parts
    window: Parts


class Saving(Answer, frozen=True, kw_only=True):
    """Money that is no longer spent; negative where more is spent."""

    daily: float
    hourly: float
    monthly: float
    yearly: float


class Potential(Answer, frozen=True, kw_only=True):
    """What could be saved; each saving is counted once (OPT-5).

        saving           net: `saves` less `costs_more`
        saves            of the recommendations that save
        costs_more       of those that ask for more, as a positive amount
        high_confidence  the part of `saves` with confidence above 90
        by_type          net
    """

    by_type: dict[str, Saving]
    costs_more: Saving
    high_confidence: Saving
    recommendations: int
    saves: Saving
    saving: Saving


class Price(Answer, frozen=True, kw_only=True):
    """Where prices come from: how many nodes, which source, of which date."""

    as_of: str
    kind: str
    nodes: int
    source: str


class Recommended(Answer, frozen=True, kw_only=True):
    """One recommendation (OPT-4, CLI-3)."""

    action: str
    apply_by: str
    changes: list[Change]
    command: str
    confidence: float
    confidence_parts: dict[str, float | int | str | None]
    diff: str
    effort_minutes: int
    evidence: dict[str, float | int | str | None]
    expires: str
    id: str
    impact: str
    kind: str
    name: str
    namespace: str
    notes: list[str]
    patch: dict[str, object] | None
    priority: str
    realised: str
    reason: str
    risk: str
    risk_parts: list[str]
    saving: Saving
    status: str
    target: str
    type: str


class SafeFirst(Answer, frozen=True, kw_only=True):
    """What may be taken first: low risk, confidence above 80, money saved."""

    count: int
    ids: list[str]
    monthly_saving: float


class Span(Answer, frozen=True, kw_only=True):
    """A window of time that was really looked at."""

    end: str
    hours: float
    start: str


class Spared(Answer, frozen=True, kw_only=True):
    """What was looked at and left alone, and why."""

    code: str
    kind: str
    name: str
    namespace: str
    reason: str
    target: str


class Usage(Answer, frozen=True, kw_only=True):
    """One resource of a whole cluster: means over the window, in `unit`."""

    capacity: float
    requested: float
    requested_share: float
    unit: str
    used: float | None
    utilization: float | None


class Waste(Answer, frozen=True, kw_only=True):
    """One workload that is paid for and not used; amounts a month."""

    confidence: float | None
    efficiency: float | None
    kind: str
    monthly_cost: float
    monthly_headroom: float
    monthly_waste: float
    name: str
    namespace: str
    pods: int
    reason: str
    recommendation: str | None
    verdict: str
    workload: str


class ClusterAnalysis(Answer, frozen=True, kw_only=True):
    """What a cluster costs, what of that is used, and what to do about the rest."""

    analysis_timestamp: str
    cluster: ClusterFacts
    cluster_id: str
    confidence: float | None
    cost_breakdown: Breakdown
    coverage: float | None
    currency: str
    efficiency_metrics: Efficiency
    idle: list[Idle]
    idle_counts: dict[str, int]
    left_alone: list[Spared]
    left_alone_counts: dict[str, int]
    missing: list[str]
    money: Money
    notes: list[str]
    optimization_potential: Potential
    price_sources: list[Price]
    recommendations: list[Recommended]
    resource_utilization: dict[str, Usage]
    safe_first: SafeFirst
    scope: str
    total_monthly_cost: float
    wastes: list[Waste]
    window: Span


class EndingRow(Answer, frozen=True, kw_only=True):
    """A part of the credentials that ends."""

    until: str
    warning: str | None
    what: str


class Trouble(Answer, frozen=True, kw_only=True):
    """An error, as the API names it."""

    code: str
    hint: str
    message: str


class Follow(Answer, frozen=True, kw_only=True):
    """How a cluster is followed.

        freshness     loading, live or stale
        contact       when the server was last heard of
        generation    rises with each change
        memory_bytes  that its objects take
    """

    contact: str | None
    freshness: str
    generation: int
    left_out: list[str]
    memory_bytes: int
    objects: dict[str, int]
    relists: int
    silent_seconds: float | None
    trouble: Trouble | None


class ClusterHealth(Answer, frozen=True, kw_only=True):
    """How a cluster and the way to it are: healthy, degraded, unreachable or unknown."""

    breaker: BreakerState
    cluster_id: str
    endings: list[EndingRow]
    following: Follow | None
    last_check: CheckRow | None
    name: str
    overall: str
    reasons: list[str]


class Ending(Answer, frozen=True, kw_only=True):
    """A part of the credentials that ends."""

    until: str
    warning: str | None
    what: str


class ClusterRead(Answer, frozen=True, kw_only=True):
    """A registered cluster; its credentials are never shown."""

    context: str
    created: str
    endings: list[Ending]
    id: str
    labels: dict[str, str]
    name: str
    proof: str
    server: str
    updated: str
    user: str
    version: str


class ClusterPage(Answer, frozen=True, kw_only=True):
    """Registered clusters, by name."""

    items: list[ClusterRead]
    next_cursor: str | None


class Cost(Answer, frozen=True, kw_only=True):
    """What a workload or pod costs a month, and what of that is used.

        Headroom is judged for workloads, so a pod's `headroom` and `workload_idle` are null.
    """

    allocated: float
    daily: float
    efficiency: float | None
    headroom: float | None
    monthly: float
    storage: float
    unknown: float
    used: float
    workload_idle: float | None


class Distribution(Answer, frozen=True, kw_only=True):
    """How one container used one resource: a histogram from 0 to `high`, and marks in `unit`."""

    container: str
    counts: list[int]
    high: float
    limit: float | None
    low: float
    maximum: float
    mean: float
    p50: float
    p95: float
    p99: float
    proposed_limit: float | None
    proposed_request: float | None
    request: float | None
    resource: str
    samples: int
    unit: str


class PodLine(Answer, frozen=True, kw_only=True):
    """One pod of a workload."""

    efficiency: float | None
    idle_probability: float | None
    monthly_cost: float
    name: str
    node: str
    phase: str
    ready: bool


class Scaling(Answer, frozen=True, kw_only=True):
    """Replicas wanted now and who steers them."""

    owner: str
    ready: int
    reason: str
    replicas: int | None


class Workload(Answer, frozen=True, kw_only=True):
    """What a workload is."""

    created: str
    kind: str
    labels: dict[str, str]
    managed_by: str
    name: str
    namespace: str


class DeploymentAnalysis(Answer, frozen=True, kw_only=True):
    """One workload: what it costs, how idle it is, what it uses, what to change."""

    analysis_timestamp: str
    confidence: float | None
    cost_analysis: Cost
    currency: str
    deployment_id: str
    distributions: list[Distribution]
    guards: list[str]
    idle: Idle | None
    left_alone: list[Spared]
    notes: list[str]
    pods: list[PodLine]
    price_sources: list[Price]
    recommendations: list[Recommended]
    scaling_recommendation: Scaling
    total_pods: int
    window: Span
    workload: Workload


class Insights(Answer, frozen=True, kw_only=True):
    """What is known of one pod."""

    cost: Cost | None
    distributions: list[Distribution]
    idle: Idle | None
    state: str


class PermissionRow(Answer, frozen=True, kw_only=True):
    """A permission that UPID asks for, and what it cannot do without it.

        vital  nothing works without it
        why    what the cluster said of it
    """

    allowed: bool
    permission: str
    vital: bool
    why: str | None
    without: str


class PodAnalysis(Answer, frozen=True, kw_only=True):
    """One pod: its state, what it costs, how idle it is, what its workload should change."""

    analysis_timestamp: str
    confidence: float | None
    currency: str
    insights: Insights
    name: str
    namespace: str
    node: str
    notes: list[str]
    pod_id: str
    recommendations: list[Recommended]
    window: Span
    workload: Workload


class RecommendationPage(Answer, frozen=True, kw_only=True):
    """One page of a cluster's recommendations, the dearest first."""

    cluster_id: str
    currency: str
    items: list[Recommended]
    left_alone: list[Spared]
    next_cursor: str | None
    notes: list[str]
    potential: Potential
    total: int
    window: Span


class Validation(Answer, frozen=True, kw_only=True):
    """What a look at a cluster found just now.

        ok             whether it answers and grants everything that is needed
        error          what went wrong on the way, and what to do
        missing_rbac   YAML that grants what is missing; null where nothing is, or that is not known
    """

    authenticated: bool
    cluster_id: str
    error: Trouble | None
    latency_ms: float | None
    missing_rbac: str | None
    ok: bool
    permissions: list[PermissionRow]
    reached: bool
    skew_seconds: float | None
    usage_unknown: str | None
    version: str | None
