"""Answers of the API made by hand, for what no recording would hold."""

import zlib

from msgspec.structs import replace

from upid.adapters.kubernetes.client import NotTrusted, TimedOut
from upid.client import types as t
from upid.client.several import Asked

SPAN = t.Span(start="2026-03-02T00:00:00Z", end="2026-04-01T00:00:00Z", hours=720.0)
SAVING = t.Saving(hourly=0.05, daily=1.2, monthly=36.0, yearly=438.0)
NOTHING = t.Saving(hourly=0.0, daily=0.0, monthly=0.0, yearly=0.0)
HOSTILE = (
    "plain",
    "a" * 253,
    "\x1b[31mred\x1b[0m",
    "right\u202eto-left",
    "two\nlines",
    "=1+1",
    "pipe|and`tick`",
    "<script>alert(1)</script>",
    "漢字の名前" * 12,
    "e\u0301" * 30,
    "zalgo" + "\u0301" * 40,
    "\u0301first",
    "\x9b31mC1",
    "bell\x07",
    "zero\u200bwidth",
)


def parts(**amounts: float) -> t.Parts:
    named = dict.fromkeys(t.Parts.__struct_fields__, 0.0) | amounts
    named["total"] = sum(amount for name, amount in named.items() if name != "total")
    return t.Parts(**named)


def recommended(name: str, saving: float = 36.0, risk: str = "low") -> t.Recommended:
    return t.Recommended(
        id=f"rec_{hash_of(name):08x}",
        type="rightsizing",
        target=f"shop/Deployment/{name}",
        namespace="shop",
        kind="Deployment",
        name=name,
        priority="medium",
        action=f"request 210m CPU instead of 2 in {name}",
        reason=f"{name} asks for 2 cores and 95 % of the time takes at most 180m.",
        impact="saves 36.00 USD a month",
        saving=t.Saving(hourly=saving / 720, daily=saving / 30, monthly=saving, yearly=saving * 12),
        realised="when a node becomes free",
        confidence=88,
        confidence_parts={"days": 30.0},
        risk=risk,
        risk_parts=["one replica"],
        effort_minutes=10,
        apply_by="kubectl patch",
        status="open",
        expires="2026-05-01T00:00:00Z",
        changes=[],
        evidence={},
        notes=[],
        patch=None,
        diff="",
        command="",
    )


def hash_of(name: str) -> int:
    return zlib.crc32(name.encode(errors="surrogatepass"))


def waste(name: str, amount: float = 36.0) -> t.Waste:
    return t.Waste(
        workload=f"shop/Deployment/{name}",
        namespace="shop",
        kind="Deployment",
        name=name,
        pods=3,
        monthly_cost=amount * 2,
        monthly_waste=amount,
        monthly_headroom=1.0,
        efficiency=0.1,
        verdict="idle",
        reason=f"{name} asks for 2 cores and 95 % of the time takes at most 180m.",
        confidence=88.0,
        recommendation=None,
    )


def line(key: str, total: float = 10.0) -> t.Line:
    return t.Line(
        key=key,
        total=total,
        allocated=total,
        used=total / 4,
        wasted=total * 3 / 4,
        unmeasured=0.0,
        infrastructure_idle=0.0,
        storage=0.0,
        load_balancers=0.0,
        control_plane=0.0,
        efficiency=0.25,
        pods=3,
    )


def cluster(names: tuple[str, ...] = HOSTILE, **month: float) -> t.ClusterAnalysis:
    monthly = parts(**(month or {"used": 300.0, "headroom": 80.0, "workload_idle": 500.005,
                                 "infrastructure_idle": 200.0, "unknown": 20.0,
                                 "control_plane": 72.0}))  # fmt: skip
    advice = [recommended(name) for name in names]
    return t.ClusterAnalysis(
        cluster_id="cl_0123456789abcdef",
        cluster=t.ClusterFacts(
            id="cl_0123456789abcdef",
            name=names[0],
            provider="eks",
            version="1.34",
            regions=["eu-west-1"],
            nodes=14,
            pods=251,
            workloads=78,
            namespaces=9,
            pools=[t.PoolFacts(name="general", nodes=8, instance_types=["m6i.xlarge"],
                               capacity_types=["on-demand"])],
            sources=["prometheus"],
        ),
        scope="",
        window=SPAN,
        analysis_timestamp=SPAN.end,
        currency="USD",
        coverage=0.98,
        total_monthly_cost=monthly.total,
        money=t.Money(window=monthly, hourly=monthly, daily=monthly, monthly=monthly),
        resource_utilization={},
        cost_breakdown=t.Breakdown(namespaces=[line(n) for n in names], kinds=[], pools=[]),
        efficiency_metrics=t.Efficiency(efficiency=0.4, cpu_efficiency=0.3, memory_efficiency=0.5,
                                        idle_share=0.2, waste_share=0.6, verdict="moderate"),
        wastes=[waste(name, 100.0 - i) for i, name in enumerate(names)],
        idle=[],
        idle_counts={"idle": 2},
        recommendations=advice,
        safe_first=t.SafeFirst(count=len(advice), monthly_saving=36.0 * len(advice),
                               ids=[one.id for one in advice]),
        left_alone=[],
        left_alone_counts={"fits": 3},
        optimization_potential=t.Potential(recommendations=len(advice), saving=SAVING,
                                           saves=SAVING, costs_more=NOTHING,
                                           high_confidence=SAVING, by_type={}),
        confidence=88.0,
        price_sources=[t.Price(nodes=14, kind="list", source="EC2 list", as_of="2026-10-01")],
        missing=[],
        notes=[],
    )  # fmt: skip


def asked(
    name: str, provider: str = "eks", pods: int = 251, **month: float
) -> Asked[t.ClusterAnalysis]:
    """Return the answer of one cluster among several."""
    one = cluster(("web",), **month)
    facts = replace(one.cluster, name=name, provider=provider, pods=pods)
    return Asked([name], answer=replace(one, cluster=facts, cluster_id=f"cl_{hash_of(name):016x}"))


def some_clusters() -> list[Asked[t.ClusterAnalysis]]:
    """Return what a person with many contexts sees: large, small, unmeasured, and failed ones."""
    large = asked("prod-eu", used=8123.456, workload_idle=3400.114, infrastructure_idle=900.335)
    large.contexts.append("prod-eu-by-vpn")
    long = asked("arn:aws:eks:eu-west-1:123456789012:cluster/payments", used=700.005, unknown=12.5)
    own = asked("lab", "On-Premises", 12, used=31.005, infrastructure_idle=6.665)
    assert own.answer is not None
    gap = ("usage: the cluster has no metrics server",)
    own.answer = replace(own.answer, confidence=None, missing=list(gap), coverage=0.0)
    dead = TimedOut("old-vpn", "get namespaces 'kube-system'", 10, answering=False)
    trust = NotTrusted("partner", "https://k8s.partner.example", "certificate has expired")
    failed: list[Asked[t.ClusterAnalysis]] = [
        Asked(["old-vpn"], error=dead),
        Asked(["partner"], error=trust),
    ]
    return [large, long, own, *failed]
