"""The report on one workload."""

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
    Table,
    Text,
    View,
)
from upid.cli.output.paint import Tone
from upid.cli.reports import phrases
from upid.cli.reports.usage import idle_blocks

if TYPE_CHECKING:
    from upid.client.types import Cost, DeploymentAnalysis


def workload_view(found: "DeploymentAnalysis", flags: Flags) -> View:
    """Return the analysis of a workload as a view."""
    target = f"{found.workload.kind.lower()}/{found.workload.name}"
    namespace = found.workload.namespace
    blocks = [
        *header(found),
        *money_blocks(found.cost_analysis, found.currency),
        *idle_blocks(found.idle),
        Heading("Pods"),
        _pods(found),
        Heading("What to change"),
        phrases.recommendation_table(found.recommendations, found.currency),
        *spared_blocks(found),
        Heading("Type next"),
        Commands(
            (
                (phrases.command(flags, "explain", target, "-n", namespace), "every number"),
                (phrases.command(flags, "recommend", "-n", namespace), "the namespace's changes"),
            )
        ),
    ]
    return as_view(found, "WorkloadAnalysis", blocks)


def as_view(found: "DeploymentAnalysis", kind: str, blocks: list[Block]) -> View:
    """Return blocks about a workload as a view with its gauges."""
    import msgspec

    cost = found.cost_analysis
    gauges: dict[str, float | str] = {
        "currency": found.currency,
        "cost": cost.monthly,
        "unknown": cost.unknown,
        "saving": sum(one.saving.monthly for one in found.recommendations),
        "recommendations": len(found.recommendations),
        "idle": int(found.idle is not None and found.idle.verdict == "idle"),
        "risk": phrases.highest_risk(found.recommendations),
    }
    if cost.workload_idle is not None:
        gauges["waste"] = cost.workload_idle
    if cost.efficiency is not None:
        gauges["efficiency"] = cost.efficiency * 100
    if found.confidence is not None:
        gauges["confidence"] = found.confidence
    return View(
        kind=kind,
        metadata={"name": found.workload.name, "namespace": found.workload.namespace},
        content=msgspec.to_builtins(found),
        blocks=tuple(blocks),
        gauges=gauges,
    )


def header(found: "DeploymentAnalysis") -> list[Block]:
    """Return what the workload is and over which window it was looked at."""
    workload, scaling = found.workload, found.scaling_recommendation
    wanted = "–" if scaling.replicas is None else str(scaling.replicas)
    labels = ", ".join(f"{key}={value}" for key, value in workload.labels.items())
    facts: Facts = phrases.facts(
        ("Window", phrases.window(found.window)),
        ("Replicas", f"{wanted} wanted, {scaling.ready} ready; {scaling.reason}"),
        ("Managed by", workload.managed_by),
        ("Labels", labels),
        ("Prices", phrases.prices(found.price_sources)),
    )
    name = f"{workload.kind.lower()}/{workload.name}"
    return [Heading(name, f"in namespace {workload.namespace}"), facts]


def money_blocks(cost: "Cost", currency: str) -> list[Block]:
    """Return what something costs a month and where each part of it goes."""
    if cost.headroom is None or cost.workload_idle is None:
        rest = cost.monthly - cost.used - cost.unknown - cost.storage
        beyond = [("not used", rest, "charged, and not taken", Tone.WARN, "▒", True)]
    else:
        beyond = [
            ("deliberate headroom", cost.headroom, "kept free on purpose above use", Tone.NOTE,
             "▓", True),
            ("workload idle", cost.workload_idle, "requested and not needed", Tone.BAD, "▒", True),
        ]  # fmt: skip
    split = phrases.split(
        (
            ("used", cost.used, "what containers really took", Tone.GOOD, "█", True),
            *beyond,
            ("unknown", cost.unknown, "not measured or not judged", Tone.QUIET, "·", False),
            ("volumes", cost.storage, "disks", Tone.PLAIN, ":", False),
        ),
        currency,
    )
    return [Heading(f"{amounts.money(cost.monthly, currency)} a month"), split]


def spared_blocks(found: "DeploymentAnalysis") -> list[Block]:
    """Return what was left alone, and what has to be respected."""
    blocks: list[Block] = []
    if found.left_alone:
        items = tuple(one.reason for one in found.left_alone)
        blocks += [Heading("Left alone, and why"), Lines(items)]
    blocks.append(Heading("Guards"))
    if found.guards:
        blocks.append(Lines(tuple(found.guards)))
    else:
        blocks.append(Text("None: no autoscaler, budget, quota or annotation.", Tone.QUIET))
    if found.notes:
        blocks += [
            Heading("Worth knowing"),
            Lines(tuple(dict.fromkeys(map(phrases.sentence, found.notes)))),
        ]
    return blocks


def _pods(found: "DeploymentAnalysis") -> Table:
    def show(value: float | None) -> str:
        return amounts.money(value, found.currency)

    columns = (
        Column("name", "Pod"),
        Column("phase", "Phase"),
        Column("cost", "Cost/mo", phrases.number(show), right=True),
        Column("efficiency", "Used", phrases.number(amounts.share), right=True),
        Column("idle", "Idle", phrases.number(amounts.percent), right=True),
        Column("node", "Node", wide=True),
    )
    rows = tuple(
        {
            "name": pod.name,
            "phase": pod.phase if pod.ready or pod.phase != "Running" else "not ready",
            "cost": pod.monthly_cost,
            "efficiency": pod.efficiency,
            "idle": pod.idle_probability,
            "node": pod.node,
        }
        for pod in found.pods
    )
    names = tuple(f"pod/{pod.name}" for pod in found.pods)
    return Table(columns, rows, listing=True, names=names, empty="No pod in the window.")
