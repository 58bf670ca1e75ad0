"""Parts that several answers have."""

import msgspec

Words = dict[str, float | int | str | None]


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A part of an answer."""


class Span(Answer, frozen=True, kw_only=True):
    """A window of time that was really looked at."""

    start: str
    end: str
    hours: float


class Factor(Answer, frozen=True, kw_only=True):
    """One factor of idleness with the weight it had and the evidence behind it."""

    name: str
    value: float | None
    unknown: str | None
    weight: float
    evidence: Words


class Idle(Answer, frozen=True, kw_only=True):
    """How idle a workload or pod is, and why (IDL-1 to IDL-8).

    `idle_above` is the percentage from above which this cluster's workloads are called idle.
    """

    workload: str
    namespace: str
    kind: str
    name: str
    pod: str | None
    verdict: str
    probability: float | None
    idle_above: float
    unknown: str | None
    confidence: float | None
    reasons: list[str]
    against: list[str]
    missing: list[str]
    periods: str
    sentence: str
    monthly_cost: float | None
    factors: list[Factor]


class Saving(Answer, frozen=True, kw_only=True):
    """Money that is no longer spent; negative where more is spent."""

    hourly: float
    daily: float
    monthly: float
    yearly: float


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
    usage: Words
    replay: Words
    steps: list[str]


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
    confidence_parts: Words
    risk: str
    risk_parts: list[str]
    effort_minutes: int
    apply_by: str
    status: str
    expires: str
    changes: list[Change]
    evidence: Words
    notes: list[str]
    patch: dict[str, object] | None
    diff: str
    command: str


class Spared(Answer, frozen=True, kw_only=True):
    """What was looked at and left alone, and why."""

    target: str
    namespace: str
    kind: str
    name: str
    code: str
    reason: str


class Potential(Answer, frozen=True, kw_only=True):
    """What could be saved; each saving is counted once (OPT-5).

    saving           net: `saves` less `costs_more`
    saves            of the recommendations that save
    costs_more       of those that ask for more, as a positive amount
    high_confidence  the part of `saves` with confidence above 90
    by_type          net
    """

    recommendations: int
    saving: Saving
    saves: Saving
    costs_more: Saving
    high_confidence: Saving
    by_type: dict[str, Saving]


class Price(Answer, frozen=True, kw_only=True):
    """Where prices come from: how many nodes, which source, of which date."""

    nodes: int
    kind: str
    source: str
    as_of: str
