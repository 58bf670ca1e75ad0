"""The report on a cluster, or on a part of one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from upid.cli.flags import Flags
from upid.cli.output import amounts
from upid.cli.output.blocks import (
    Block,
    Column,
    Commands,
    Facts,
    Heading,
    Lines,
    Split,
    Table,
    Text,
    View,
)
from upid.cli.output.formats import Format
from upid.cli.output.paint import Tone
from upid.cli.reports import phrases

if TYPE_CHECKING:
    from upid.client.types import ClusterAnalysis, Line, Parts, Waste

_NAMESPACES_SHOWN = 6
_SAFE_SHOWN = 5
_WASTES_SHOWN = 10
_NOBODYS = {
    "__idle__": "idle on nodes",
    "__storage__": "volumes of nobody",
    "__load-balancers__": "load balancers",
    "__control-plane__": "control plane",
}


def cluster_view(found: "ClusterAnalysis", flags: Flags) -> View:
    """Return the analysis of a cluster as a view."""
    import msgspec

    content = msgspec.to_builtins(found)
    return View(
        kind="ClusterAnalysis",
        metadata={"name": found.cluster.name, "id": found.cluster_id},
        content=content,
        blocks=tuple(_blocks(found, flags)),
        gauges=_gauges(found),
        partial=tuple(found.missing),
    )


def _gauges(found: "ClusterAnalysis") -> dict[str, float | str]:
    month = found.money.monthly
    gauges: dict[str, float | str] = {
        "currency": found.currency,
        "cost": found.total_monthly_cost,
        "waste": month.workload_idle + month.infrastructure_idle,
        "unknown": month.unknown,
        "saving": found.optimization_potential.saving.monthly,
        "recommendations": found.optimization_potential.recommendations,
        "idle": found.idle_counts.get("idle", 0),
        "risk": phrases.highest_risk(found.recommendations),
    }
    if found.efficiency_metrics.efficiency is not None:
        gauges["efficiency"] = found.efficiency_metrics.efficiency * 100
    if found.confidence is not None:
        gauges["confidence"] = found.confidence
    return gauges


def _blocks(found: "ClusterAnalysis", flags: Flags) -> list[Block]:
    currency = found.currency
    month = amounts.money(found.total_monthly_cost, currency)
    scope = f", {found.scope}" if found.scope else ""
    whole = flags.detailed or flags.output in (Format.CSV, Format.NAME)
    shown = found.wastes if whole else found.wastes[:_WASTES_SHOWN]
    wastes = Heading(
        f"The {len(shown)} biggest wastes" if len(shown) > 1 else "Waste",
        "a month, paid for and not used",
    )
    return [
        Heading(f"{found.cluster.name}{scope}", _size(found)),
        _header(found),
        Heading(f"{month} a month", "30 days at what the window cost; each dollar is in one line"),
        month_split(found.money.monthly, currency),
        Heading("Used of what is there", "means over the window, the whole cluster"),
        _utilization(found),
        Heading("By namespace", "a month"),
        _lines(found.cost_breakdown.namespaces, currency, None if flags.detailed else 1),
        wastes,
        _wastes(shown, currency),
        *_safe(found),
        Heading("Left alone, and why"),
        *_spared(found, detailed=flags.detailed),
        Heading("How sure"),
        _sure(found),
        Heading(
            "Type next",
            f"all that is advised {phrases.worth(found.optimization_potential, currency)}",
        ),
        Commands(tuple(_next(found, flags))),
    ]


def _size(found: "ClusterAnalysis") -> str:
    cluster = found.cluster
    words = [
        f"{cluster.provider} {cluster.version.partition('-')[0]}".strip(),
        ", ".join(cluster.regions),
        amounts.plural(cluster.nodes, "node"),
        amounts.plural(cluster.pods, "pod"),
        amounts.plural(cluster.workloads, "workload"),
        amounts.plural(cluster.namespaces, "namespace"),
    ]
    return " · ".join(word for word in words if word)


def _header(found: "ClusterAnalysis") -> Facts:
    pools = ", ".join(
        f"{pool.name} {pool.nodes}× {'/'.join(pool.instance_types)}".strip()
        + (" spot" if pool.capacity_types == ["spot"] else "")
        for pool in found.cluster.pools
        if pool.name or any(pool.instance_types)
    )
    return phrases.facts(
        ("Window", phrases.window(found.window)),
        ("Data as of", f"{phrases.minute(found.window.end)} UTC"),
        ("Prices", phrases.prices(found.price_sources)),
        ("Pools", pools),
        ("Sources", ", ".join(found.cluster.sources)),
    )


def month_split(month: "Parts", currency: str) -> Split:
    """Return where a month's money goes."""
    return phrases.split(
        (
            ("used", month.used, "what containers really took", Tone.GOOD, "█", True),
            ("deliberate headroom", month.headroom, "kept free on purpose above use", Tone.NOTE,
             "▓", True),
            ("workload idle", month.workload_idle, "requested and not needed", Tone.BAD, "▒", True),
            ("infrastructure idle", month.infrastructure_idle, "on nodes, asked for by nobody",
             Tone.WARN, "░", True),
            ("unknown", month.unknown, "not measured or not judged", Tone.QUIET, "·", True),
            ("volumes", month.storage, "disks, used or not", Tone.PLAIN, ":", False),
            ("load balancers", month.load_balancers, "by the hour", Tone.PLAIN, "+", False),
            ("control plane", month.control_plane, "the provider's fee", Tone.PLAIN, "|", False),
        ),
        currency,
    )  # fmt: skip


def _utilization(found: "ClusterAnalysis") -> Table:
    shows = {"cores": amounts.cores, "bytes": amounts.size}
    rows = []
    for name, usage in found.resource_utilization.items():
        show = shows.get(usage.unit, lambda v: "–" if v is None else f"{v:,.4g}")
        rows.append(
            {
                "resource": name.replace("_", " "),
                "used": show(usage.used),
                "share": usage.utilization,
                "requested": show(usage.requested),
                "requested_share": usage.requested_share,
                "capacity": show(usage.capacity),
            }
        )
    columns = (
        Column("resource", "Resource"),
        Column("used", "Used", right=True),
        Column("share", "Share", phrases.number(amounts.share), right=True),
        Column("requested", "Requested", right=True),
        Column("requested_share", "Share", phrases.number(amounts.share), right=True),
        Column("capacity", "Of", right=True),
    )
    return Table(columns, tuple(rows), empty="Nothing was measured.")


def _lines(lines: "list[Line]", currency: str, limit: int | None) -> Table:
    def show(value: float | None) -> str:
        return amounts.money(value, currency)

    shown = lines if limit is None else lines[:_NAMESPACES_SHOWN]
    columns = (
        Column("key", "Namespace", lambda key: _NOBODYS.get(str(key), str(key))),
        Column("total", "Cost", phrases.number(show), right=True),
        Column("used", "Used", phrases.number(show), right=True),
        Column("wasted", "Not used", phrases.number(show), right=True),
        Column("efficiency", "Efficiency", phrases.number(amounts.share), right=True),
        Column("pods", "Pods", right=True),
    )
    rows = [{c.key: getattr(line, c.key) for c in columns} for line in shown]
    rest = lines[len(shown) :]
    if rest:
        allocated = sum(line.allocated for line in rest)
        used = sum(line.used for line in rest)
        rows.append(
            {
                "key": f"{len(rest)} more",
                "total": sum(line.total for line in rest),
                "used": used,
                "wasted": sum(line.wasted for line in rest),
                "efficiency": used / allocated if allocated else None,
                "pods": sum(line.pods for line in rest),
            }
        )
    return Table(columns, tuple(rows))


def _wastes(found: "Sequence[Waste]", currency: str) -> Table:
    def show(value: float | None) -> str:
        return amounts.money(value, currency)

    columns = (
        Column("waste", "Waste", phrases.number(show), right=True, tone=lambda _: Tone.STRONG),
        Column("workload", "Workload"),
        Column("cost", "Cost", phrases.number(show), right=True),
        Column("headroom", "Headroom", phrases.number(show), right=True, wide=True),
        Column("efficiency", "Used", phrases.number(amounts.share), right=True),
        Column("pods", "Pods", right=True, wide=True),
        Column("verdict", "Verdict", tone=phrases.verdict_tone),
        Column("confidence", "Sure", phrases.number(amounts.percent), right=True,
               tone=phrases.sure_tone),
        Column("recommendation", "Recommendation", wide=True),
        Column("reason", "Why", detail=True),
    )  # fmt: skip
    rows = tuple(
        {
            "waste": one.monthly_waste,
            "workload": one.workload,
            "cost": one.monthly_cost,
            "headroom": one.monthly_headroom,
            "efficiency": one.efficiency,
            "pods": one.pods,
            "verdict": one.verdict,
            "confidence": one.confidence,
            "recommendation": one.recommendation,
            "reason": phrases.sentence(one.reason),
        }
        for one in found
    )
    names = tuple(f"{one.kind.lower()}/{one.name}" for one in found)
    empty = "No workload is known to waste anything."
    return Table(columns, rows, listing=True, names=names, empty=empty)


def _safe(found: "ClusterAnalysis") -> list[Block]:
    safe = found.safe_first
    if not safe.count:
        return [
            Heading("Safe to take first"),
            Text("Nothing is both low in risk and sure enough to be taken unseen.", Tone.QUIET),
        ]
    saving = amounts.money(safe.monthly_saving, found.currency)
    by_id = {one.id: one for one in found.recommendations}
    first = [by_id[key] for key in safe.ids if key in by_id][:_SAFE_SHOWN]
    title = f"Safe to take first: {amounts.plural(safe.count, 'change')}, {saving} a month"
    return [
        Heading(title, "low risk, confidence above 80 %"),
        phrases.recommendation_table(first, found.currency),
    ]


def _spared(found: "ClusterAnalysis", *, detailed: bool) -> list[Block]:
    if not found.left_alone_counts:
        return [Text("Nothing was left alone.", Tone.QUIET)]
    if not detailed:
        return [phrases.spared_lines(found.left_alone, found.left_alone_counts)]
    columns = (Column("target", "Workload"), Column("reason", "Why", detail=True))
    rows = tuple({"target": one.target, "reason": one.reason} for one in found.left_alone)
    return [Table(columns, rows)]


def _sure(found: "ClusterAnalysis") -> Lines:
    items = []
    if found.confidence is not None:
        items.append(f"{amounts.percent(found.confidence)} sure on the whole.")
    if found.coverage is not None:
        items.append(f"{amounts.share(found.coverage)} of the container hours have samples.")
    items += [f"Missing: {sentence}" for sentence in found.missing]
    items += dict.fromkeys(map(phrases.sentence, found.notes))
    return Lines(tuple(items) or ("Nothing supports a statement.",))


def _next(found: "ClusterAnalysis", flags: Flags) -> list[tuple[str, str]]:
    items = []
    scope = [word for name in flags.namespaces for word in ("-n", name)]
    scope += ["-l", flags.selector] if flags.selector else []
    kinds = {"PersistentVolumeClaim", "PersistentVolume", "Service"}
    worst = next((one for one in found.wastes if one.kind not in kinds), None)
    if worst is not None:
        target = f"{worst.kind.lower()}/{worst.name}"
        explain = phrases.command(flags, "explain", target, "-n", worst.namespace)
        items.append((explain, "why, in full, with the exact patch"))
    if found.optimization_potential.recommendations:
        listed = phrases.command(flags, "recommend", *scope)
        items.append((listed, "every change, the dearest first"))
    if worst is not None and worst.namespace not in flags.namespaces:
        narrower = phrases.command(flags, "analyze", "namespace", worst.namespace)
        items.append((narrower, "this report for one namespace"))
    page = phrases.command(
        flags, "analyze", "cluster", *scope, "-o", "html", "--output-file", "upid.html"
    )
    items.append((page, "the same as a page to pass on"))
    return items
