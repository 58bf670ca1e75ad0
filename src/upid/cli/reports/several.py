"""The report on several clusters: a line for each, and sums that add up to the cent."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from upid.cli.flags import Flags
from upid.cli.gate import RISKS
from upid.cli.output import amounts
from upid.cli.output.blocks import (
    Block,
    Column,
    Commands,
    Heading,
    Lines,
    Row,
    Table,
    Text,
    View,
    as_text,
)
from upid.cli.output.paint import Tone
from upid.cli.reports import phrases
from upid.cli.reports.cluster import month_split
from upid.client.several import Asked

if TYPE_CHECKING:
    from upid.client.types import ClusterAnalysis, Parts

_NAMED = 3  # clusters in a sentence
_CENT = 100
_FACTS = ("provider", "version", "regions", "nodes", "pods", "workloads", "namespaces", "sources")
_AS_THEY_ARE = (
    "cluster_id", "scope", "currency", "total_monthly_cost", "coverage", "confidence",
    "missing", "notes",
)  # fmt: skip


class Sum(float):
    """An amount of money, to the cent, that knows its currency."""

    currency: str = ""

    @classmethod
    def of(cls, cents: int, currency: str) -> "Sum":
        """Return whole cents as an amount."""
        made = cls(cents / _CENT)
        made.currency = currency
        return made

    @staticmethod
    def shown(value: object) -> str:
        """Return an amount as people read it; what is none as a dash."""
        return amounts.money(value, value.currency) if isinstance(value, Sum) else "–"


@dataclass(frozen=True, slots=True)
class Read:
    """A cluster that answered."""

    asked: "Asked[ClusterAnalysis]"
    answer: "ClusterAnalysis"

    @property
    def waste(self) -> float:
        """What it pays for and does not use, a month."""
        month = self.answer.money.monthly
        return month.workload_idle + month.infrastructure_idle

    @property
    def idle(self) -> int:
        """How many of its workloads are idle."""
        return self.answer.idle_counts.get("idle", 0)


def clusters_view(found: "Sequence[Asked[ClusterAnalysis]]", flags: Flags) -> View:
    """Return the analyses of several clusters, and those that failed, as one view."""
    read = [Read(one, one.answer) for one in found if one.answer is not None]
    return View(
        kind="ClusterList",
        metadata={"name": amounts.plural(len(found), "cluster")},
        content={
            "totals": [_total(currency, of) for currency, of in _by_currency(read).items()],
            "clusters": len(found),
            "failures": len(found) - len(read),
            "items": [_item(one) for one in found],
        },
        blocks=tuple(_blocks(found, read, flags)),
        gauges=_gauges(read),
        partial=tuple(_missing(read)),
        failed=failures(found),
    )


def failures(found: "Sequence[Asked[Any]]") -> tuple[tuple[str, str], ...]:
    """Return what went wrong with each cluster that failed, and what to do."""
    return tuple(
        (f"context {one.name!r}: {one.error.message}", one.error.hint)
        for one in found
        if one.error is not None
    )


def failure(one: "Asked[Any]") -> dict[str, str] | None:
    """Return an error for machines."""
    if one.error is None:
        return None
    return {"code": one.error.code, "message": one.error.message, "hint": one.error.hint}


def _item(one: "Asked[ClusterAnalysis]") -> dict[str, object]:
    """Return a cluster for machines: what it is, costs and wastes, or why that is unknown."""
    import msgspec

    item: dict[str, object] = {
        "context": one.name,
        "contexts": one.contexts,
        "status": "failed" if one.answer is None else "read",
        "error": failure(one),
    }
    if one.answer is None:
        return item
    plain = msgspec.to_builtins(one.answer)
    read = Read(one, one.answer)
    return {
        **item,
        **{key: plain["cluster"][key] for key in _FACTS},
        **{key: plain[key] for key in _AS_THEY_ARE},
        "window": plain["window"],
        "monthly": plain["money"]["monthly"],
        "monthly_waste": read.waste,
        "idle_workloads": read.idle,
        "optimization_potential": plain["optimization_potential"],
        "price_sources": plain["price_sources"],
    }


def _total(currency: str, read: Sequence[Read]) -> dict[str, object]:
    return {
        "currency": currency,
        "clusters": len(read),
        "nodes": sum(one.answer.cluster.nodes for one in read),
        "pods": sum(one.answer.cluster.pods for one in read),
        "total_monthly_cost": round(sum(one.answer.total_monthly_cost for one in read), 6),
        "monthly_waste": round(sum(one.waste for one in read), 6),
        "idle_workloads": sum(one.idle for one in read),
        "monthly_saving": round(sum(_saving(one) for one in read), 6),
    }


def _saving(one: Read) -> float:
    return one.answer.optimization_potential.saving.monthly


def _by_currency(read: Sequence[Read]) -> dict[str, list[Read]]:
    """Return clusters by the currency of their prices, which are never added up across."""
    found: dict[str, list[Read]] = defaultdict(list)
    for one in read:
        found[one.answer.currency].append(one)
    return dict(sorted(found.items()))


def _gauges(read: Sequence[Read]) -> dict[str, float | str]:
    """Return what `--fail-on` may ask of all together; no money where currencies differ."""
    if not read:
        return {}
    every = [risk for one in read if (risk := phrases.highest_risk(one.answer.recommendations))]
    gauges: dict[str, float | str] = {
        "idle": sum(one.idle for one in read),
        "recommendations": sum(one.answer.optimization_potential.recommendations for one in read),
        "risk": max(every, key=RISKS.index, default=""),
    }
    sure = [one.answer.confidence for one in read if one.answer.confidence is not None]
    if sure:
        gauges["confidence"] = min(sure)
    if len(_by_currency(read)) == 1:
        gauges |= {
            "currency": read[0].answer.currency,
            "cost": sum(one.answer.total_monthly_cost for one in read),
            "waste": sum(one.waste for one in read),
            "unknown": sum(one.answer.money.monthly.unknown for one in read),
            "saving": sum(_saving(one) for one in read),
        }
    return gauges


def _missing(read: Sequence[Read]) -> list[str]:
    """Return what is missing, a sentence once with the clusters that it is true of."""
    told = _grouped(read, lambda one: one.answer.missing)
    return [
        f"{named(names, len(read))} {'lack' if len(names) > 1 else 'lacks'} {sentence}"
        for sentence, names in told.items()
    ]


def _notes(read: Sequence[Read]) -> list[str]:
    told = _grouped(read, lambda one: one.answer.notes)
    return [f"{named(names, len(read))}: {sentence}" for sentence, names in told.items()]


def _grouped(
    read: Sequence[Read], sentences: Callable[[Read], Sequence[str]]
) -> dict[str, list[str]]:
    """Return sentences, in which no cluster's own name stands, with the clusters that say them."""
    of: dict[str, list[str]] = defaultdict(list)
    for one in read:
        own = f"cluster {one.asked.name!r}"
        for sentence in dict.fromkeys(sentences(one)):
            of[sentence.replace(own, "the cluster")].append(one.asked.name)
    return of


def named(names: Sequence[str], everyone: int) -> str:
    """Return some names in a few words."""
    if len(names) == everyone > 1:
        return f"all {everyone} clusters"
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _blocks(
    found: "Sequence[Asked[ClusterAnalysis]]", read: Sequence[Read], flags: Flags
) -> list[Block]:
    lost = len(found) - len(read)
    scope = next((f", {one.answer.scope}" for one in read if one.answer.scope), "")
    said = f"{len(read)} read, {lost} not" if lost else "all of them read"
    blocks: list[Block] = [Heading(f"{amounts.plural(len(found), 'cluster')}{scope}", said)]
    blocks.append(_table(found, read))
    for currency, of in _by_currency(read).items():
        month = sum(one.answer.total_monthly_cost for one in of)
        where = "" if len(of) == len(found) else f", in {amounts.plural(len(of), 'cluster')}"
        blocks += [
            Heading(f"{amounts.money(month, currency)} a month{where}", "30 days at present cost"),
            month_split(_together([one.answer.money.monthly for one in of]), currency),
        ]
    if read:
        blocks += [Heading("How sure"), Lines(tuple(_sure(read)))]
    else:
        blocks.append(Text("No cluster could be read, so nothing is known of cost.", Tone.QUIET))
    hints = _hints(found)
    if hints:
        blocks += [Heading("What to do about those not read"), Lines(tuple(hints))]
    return [*blocks, Heading("Type next"), Commands(tuple(_next(found, read, flags)))]


def _together(months: "Sequence[Parts]") -> "Parts":
    from upid.client.types import Parts

    names = Parts.__struct_fields__
    return Parts(**{name: sum(getattr(month, name) for month in months) for name in names})


def _short(provider: object) -> str:
    """Return a provider's name as it fits into a column."""
    return "on-prem" if provider == "On-Premises" else as_text(provider)


def _table(found: "Sequence[Asked[ClusterAnalysis]]", read: Sequence[Read]) -> Table:
    columns = (
        Column("context", "Context", tone=lambda _: Tone.STRONG),
        Column("provider", "On", _short, spare=True),
        Column("version", "K8s", spare=True),
        Column("nodes", "Nodes", phrases.number(amounts.count), right=True),
        Column("pods", "Pods", phrases.number(amounts.count), right=True),
        Column("cost", "Cost/mo", Sum.shown, right=True),
        Column("waste", "Waste/mo", Sum.shown, right=True, tone=lambda _: Tone.STRONG),
        Column("saving", "Saves/mo", Sum.shown, right=True, wide=True),
        Column("idle", "Idle", phrases.number(amounts.count), right=True),
        Column("sure", "Sure", phrases.number(amounts.percent), right=True,
               tone=phrases.sure_tone),
        Column("currency", "Currency", wide=True),
        Column("status", "Status", wide=True),
        Column("id", "Id", wide=True),
        Column("why", "Why", detail=True),
    )  # fmt: skip
    rows: list[Row] = []
    totals: list[Row] = []
    for currency, of in _by_currency(read).items():
        dearest = sorted(of, key=lambda one: -one.answer.total_monthly_cost)
        cost = amounts.cents([one.answer.total_monthly_cost for one in dearest])
        waste = amounts.cents([one.waste for one in dearest])
        saving = amounts.cents([_saving(one) for one in dearest])
        each = zip(dearest, cost, waste, saving, strict=True)
        rows += [_row(one, [Sum.of(c, currency) for c in cents]) for one, *cents in each]
        sums = [Sum.of(sum(cents), currency) for cents in (cost, waste, saving)]
        totals.append(_sums(of, sums, len(found)))
    rows += [_failed(one) for one in found if one.answer is None]
    names = tuple(f"cluster/{row['context']}" for row in rows)
    return Table(columns, tuple(rows), listing=True, names=names, totals=tuple(totals))


def _row(one: Read, money: Sequence[Sum]) -> Row:
    cluster = one.answer.cluster
    others = one.asked.contexts[1:]
    return {
        "context": one.asked.name,
        "provider": cluster.provider if cluster.provider != "unknown" else None,
        "version": cluster.version.partition("-")[0].removeprefix("v"),
        "nodes": cluster.nodes,
        "pods": cluster.pods,
        **dict(zip(("cost", "waste", "saving"), money, strict=True)),
        "idle": one.idle,
        "sure": one.answer.confidence,
        "currency": one.answer.currency,
        "status": "read",
        "id": one.answer.cluster_id,
        "why": f"The same cluster as {', '.join(others)}, counted once." if others else "",
    }


def _sums(of: Sequence[Read], money: Sequence[Sum], asked: int) -> Row:
    label = "Together" if len(of) == asked else f"{len(of)} of {asked} together"
    return {
        "context": label,
        "provider": "",
        "version": "",
        "nodes": sum(one.answer.cluster.nodes for one in of),
        "pods": sum(one.answer.cluster.pods for one in of),
        **dict(zip(("cost", "waste", "saving"), money, strict=True)),
        "idle": sum(one.idle for one in of),
        "sure": None,
        "currency": money[0].currency,
        "status": "",
        "id": "",
        "why": "",
    }


def _failed(one: "Asked[ClusterAnalysis]") -> Row:
    unknown = ("provider", "version", "nodes", "pods", "cost", "waste", "saving", "idle", "sure")
    why = one.error.message if one.error else ""
    return {
        "context": one.name,
        **dict.fromkeys(unknown),
        "currency": "",
        "status": "failed",
        "id": "",
        "why": phrases.sentence(f"not read: {why}"),
    }


def _sure(read: Sequence[Read]) -> list[str]:
    known = sorted(
        (one.answer.confidence, one.asked.name) for one in read if one.answer.confidence is not None
    )
    items = []
    if known:
        least, name = known[0]
        items.append(f"Least sure of {name}: {amounts.percent(least)}.")
    unsure = [one.asked.name for one in read if one.answer.confidence is None]
    if unsure:
        items.append(f"Nothing was measured for long enough to judge: {named(unsure, len(read))}.")
    windows = {phrases.length(one.answer.window) for one in read}
    items.append(f"Each was looked at for {' or '.join(sorted(windows))}.")
    return items + [phrases.sentence(one) for one in (*_missing(read), *_notes(read))]


def _hints(found: "Sequence[Asked[ClusterAnalysis]]") -> list[str]:
    """Return what to do about failures, once for all that want the same."""
    of: dict[str, list[str]] = defaultdict(list)
    for one in found:
        if one.error is not None and one.error.hint:
            of[one.error.hint].append(one.name)
    return [f"{named(names, 0)}: {hint}." for hint, names in of.items()]


def _next(
    found: "Sequence[Asked[ClusterAnalysis]]", read: Sequence[Read], flags: Flags
) -> list[tuple[str, str]]:
    scope = [word for name in flags.namespaces for word in ("-n", name)]
    scope += ["-l", flags.selector] if flags.selector else []
    items = []
    if read:
        worst = max(read, key=lambda one: one.waste).asked.name
        narrower = phrases.command(flags, "analyze", "cluster", *scope, context=worst)
        items.append((narrower, "the cluster that wastes most, in full"))
    if any(one.answer.optimization_potential.recommendations for one in read):
        listed = phrases.command(flags, "recommend", *scope)
        items.append((listed, "every change in all of them, the dearest first"))
    lost = next((one.name for one in found if one.answer is None), None)
    if lost is not None:
        again = phrases.command(flags, "analyze", "cluster", *scope, context=lost)
        items.append((again, "the first of those not read, once more by itself"))
    if read:
        words = ("analyze", "cluster", *scope, "-o", "html", "--output-file", "upid.html")
        items.append((phrases.command(flags, *words), "the same as a page to pass on"))
    return items
