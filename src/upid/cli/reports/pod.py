"""The report on one pod."""

from typing import TYPE_CHECKING

from upid.cli.flags import Flags
from upid.cli.output.blocks import Block, Commands, Heading, Lines, View
from upid.cli.reports import phrases
from upid.cli.reports.usage import idle_blocks, usage_blocks
from upid.cli.reports.workload import money_blocks

if TYPE_CHECKING:
    from upid.client.types import PodAnalysis


def pod_view(found: "PodAnalysis", flags: Flags) -> View:
    """Return the analysis of a pod as a view."""
    import msgspec

    return View(
        kind="PodAnalysis",
        metadata={"name": found.name, "namespace": found.namespace},
        content=msgspec.to_builtins(found),
        blocks=tuple(_blocks(found, flags)),
        gauges=_gauges(found),
    )


def _gauges(found: "PodAnalysis") -> dict[str, float | str]:
    insights = found.insights
    gauges: dict[str, float | str] = {
        "currency": found.currency,
        "recommendations": len(found.recommendations),
        "saving": sum(one.saving.monthly for one in found.recommendations),
        "idle": int(insights.idle is not None and insights.idle.verdict == "idle"),
        "risk": phrases.highest_risk(found.recommendations),
    }
    if insights.cost is not None:
        gauges["cost"] = insights.cost.monthly
        if insights.cost.workload_idle is not None:
            gauges["waste"] = insights.cost.workload_idle
    if found.confidence is not None:
        gauges["confidence"] = found.confidence
    return gauges


def _blocks(found: "PodAnalysis", flags: Flags) -> list[Block]:
    workload = found.workload
    target = f"{workload.kind.lower()}/{workload.name}"
    blocks: list[Block] = [
        Heading(f"pod/{found.name}", f"in namespace {found.namespace}"),
        phrases.facts(
            ("State", found.insights.state),
            ("Of", target),
            ("Node", found.node),
            ("Window", phrases.window(found.window)),
        ),
    ]
    if found.insights.cost is not None:
        blocks += money_blocks(found.insights.cost, found.currency)
    blocks += idle_blocks(found.insights.idle)
    blocks += usage_blocks(found.insights.distributions)
    blocks += [
        Heading("What to change", "on its workload, since pods come and go"),
        phrases.recommendation_table(found.recommendations, found.currency, listing=True),
    ]
    if found.notes:
        blocks += [Heading("Worth knowing"), Lines(tuple(found.notes))]
    explain = phrases.command(flags, "explain", target, "-n", workload.namespace)
    return [*blocks, Heading("Type next"), Commands(((explain, "its workload in full"),))]
