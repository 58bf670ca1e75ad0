"""How a cluster is: its health, what is known of it, what it uses."""

from upid.contexts.clusters.schemas.shared import Amounts, CheckRow, Part, Trouble


class Follow(Part, frozen=True, kw_only=True):
    """How a cluster is followed.

    freshness     loading, live or stale
    contact       when the server was last heard of
    generation    rises with each change
    memory_bytes  that its objects take
    """

    freshness: str
    contact: str | None
    silent_seconds: float | None
    generation: int
    objects: dict[str, int]
    relists: int
    memory_bytes: int
    left_out: list[str]
    trouble: Trouble | None


class BreakerState(Part, frozen=True, kw_only=True):
    """Whether the cluster is asked at all; `retry_in_seconds` where it is not just now."""

    state: str
    retry_in_seconds: float | None


class EndingRow(Part, frozen=True, kw_only=True):
    """A part of the credentials that ends."""

    what: str
    until: str
    warning: str | None


class ClusterHealth(Part, frozen=True, kw_only=True):
    """How a cluster and the way to it are: healthy, degraded, unreachable or unknown."""

    cluster_id: str
    name: str
    overall: str
    reasons: list[str]
    breaker: BreakerState
    last_check: CheckRow | None
    following: Follow | None
    endings: list[EndingRow]


class CheckRows(Part, frozen=True, kw_only=True):
    """The latest looks at a cluster, the newest first."""

    cluster_id: str
    items: list[CheckRow]


class PermissionRow(Part, frozen=True, kw_only=True):
    """A permission that UPID asks for, and what it cannot do without it.

    vital  nothing works without it
    why    what the cluster said of it
    """

    permission: str
    allowed: bool
    vital: bool
    without: str
    why: str | None


class Validation(Part, frozen=True, kw_only=True):
    """What a look at a cluster found just now.

    ok             whether it answers and grants everything that is needed
    error          what went wrong on the way, and what to do
    missing_rbac   YAML that grants what is missing; null where nothing is, or that is not known
    """

    cluster_id: str
    ok: bool
    reached: bool
    authenticated: bool
    error: Trouble | None
    version: str | None
    latency_ms: float | None
    skew_seconds: float | None
    usage_unknown: str | None
    permissions: list[PermissionRow]
    missing_rbac: str | None


class EvidenceRow(Part, frozen=True, kw_only=True):
    """Something that was seen, or looked for in vain."""

    source: str
    seen: str
    count: int


class ProviderRow(Part, frozen=True, kw_only=True):
    """Who runs the cluster and where, with what says so."""

    distribution: str
    cloud: str
    confidence: str
    evidence: list[EvidenceRow]
    also: list[str]
    steered_by: str | None
    regions: list[str]
    zones: list[str]
    assumed: list[str]


class CapabilityRow(Part, frozen=True, kw_only=True):
    """Something the cluster may have that UPID can use, and how that was found out."""

    name: str
    presence: str
    evidence: list[EvidenceRow]
    condition: str | None
    places: list[str]
    missing: list[str]
    without: str


class ClusterStatus(Part, frozen=True, kw_only=True):
    """What is known of a cluster.

    source    connected, or recorded
    unknown   why the rest is not known; null where it is
    counts    nodes, namespaces, workloads, pods, services
    """

    cluster_id: str
    name: str
    source: str
    as_of: str | None
    unknown: str | None
    version: str | None
    provider: ProviderRow | None
    capabilities: list[CapabilityRow]
    counts: dict[str, int] | None
    following: Follow | None
    missing_permissions: list[str]
    last_check: CheckRow | None
    unreadable: list[str]


class NodeUsage(Part, frozen=True, kw_only=True):
    """A node's usage against what it offers and what is asked of it."""

    node: str
    used: Amounts
    requested: Amounts
    allocatable: Amounts


class ClusterMetrics(Part, frozen=True, kw_only=True):
    """What a cluster uses now.

    read      when its metrics server was asked
    unknown   why usage is not known; null where it is
    """

    cluster_id: str
    as_of: str
    read: str | None
    unknown: str | None
    used: Amounts
    requested: Amounts
    allocatable: Amounts
    nodes: list[NodeUsage]
    nodes_without_usage: list[str]
