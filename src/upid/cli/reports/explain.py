"""One workload in full: usage, idleness, guards, what to change and the exact patch."""

from typing import TYPE_CHECKING

from upid.cli.flags import Flags
from upid.cli.output import amounts
from upid.cli.output.blocks import (
    Block,
    Code,
    Column,
    Commands,
    Heading,
    Lines,
    Table,
    Text,
    View,
)
from upid.cli.output.paint import Tone
from upid.cli.reports import phrases
from upid.cli.reports.usage import evidence, idle_blocks, usage_blocks
from upid.cli.reports.workload import as_view, header, money_blocks, spared_blocks

if TYPE_CHECKING:
    from upid.client.types import Change, DeploymentAnalysis, Recommended


def explain_view(found: "DeploymentAnalysis", flags: Flags) -> View:
    """Return a workload, explained, as a view."""
    blocks: list[Block] = [
        *header(found),
        *money_blocks(found.cost_analysis, found.currency),
        *usage_blocks(found.distributions),
        *idle_blocks(found.idle),
    ]
    for one in found.recommendations:
        blocks += _recommendation(one, found.currency)
    if not found.recommendations:
        blocks += [Heading("What to change"), Text("Nothing is advised.", Tone.QUIET)]
    blocks += spared_blocks(found)
    namespace = found.workload.namespace
    target = f"{found.workload.kind.lower()}/{found.workload.name}"
    blocks += [
        Heading("Type next"),
        Commands(
            (
                (phrases.command(flags, "analyze", "workload", target, "-n", namespace), "pods"),
                (phrases.command(flags, "recommend", "-n", namespace), "the namespace's changes"),
            )
        ),
    ]
    return as_view(found, "WorkloadExplanation", blocks)


def _recommendation(one: "Recommended", currency: str) -> list[Block]:
    saving = amounts.money(one.saving.monthly, currency)
    blocks: list[Block] = [
        Heading(f"What to change: {one.action}", f"{saving} a month"),
        Text(phrases.sentence(one.reason)),
        phrases.facts(
            ("Sure", f"{amounts.percent(one.confidence)}: {_confidence(one)}"),
            ("Risk", f"{one.risk}: {'; '.join(one.risk_parts)}" if one.risk_parts else one.risk),
            ("Effort", f"{amounts.plural(one.effort_minutes, 'minute')} of a person"),
            ("Saves", (f"{saving} a month, {amounts.money(one.saving.yearly, currency)} a year; "
             f"{one.realised}")),
            ("How", one.apply_by),
            ("Id", f"{one.id}, good until {phrases.minute(one.expires)}"),
        ),
    ]  # fmt: skip
    if one.changes:
        blocks.append(_asks(one.changes))
        blocks += [_numbers(change) for change in one.changes]
    elif one.evidence:
        blocks.append(Lines((evidence(one.evidence),)))
    if one.notes:
        blocks.append(Lines(tuple(one.notes)))
    if one.diff:
        blocks += [Heading("The exact patch"), Code(one.diff, "diff")]
    if one.command:
        blocks += [Heading("By hand"), Code(one.command, "console")]
    return blocks


def _confidence(one: "Recommended") -> str:
    """Return how a confidence comes about: where it starts and what is taken off."""
    parts = dict(one.confidence_parts)
    start = parts.pop("start", None)
    rest = evidence(parts)
    return f"{start:g} to start with{', ' if rest else ''}{rest}" if start is not None else rest


def _asks(changes: "list[Change]") -> Table:
    columns = (
        Column("container", "Container"),
        Column("what", "What"),
        Column("now", "Now", right=True),
        Column("then", "Then", right=True, tone=lambda _: Tone.STRONG),
    )
    rows = []
    for change in changes:
        for what in ("cpu_request", "cpu_limit", "memory_request", "memory_limit"):
            now, then = getattr(change.current, what), getattr(change.proposed, what)
            if now is None and then is None:
                continue
            rows.append(
                {
                    "container": change.container,
                    "what": what.replace("_", " "),
                    "now": now,
                    "then": then if then != now else "unchanged",
                }
            )
    return Table(columns, tuple(rows))


def _numbers(change: "Change") -> Lines:
    said = [f"{change.container}: {step}" for step in change.steps]
    replay = _replayed(change.replay)
    if replay:
        said.append(f"{change.container}, its past replayed with the proposal: {replay}")
    return Lines(tuple(said) or (f"{change.container}: no estimator had to decide",))


_REPLAY = {
    "cpu_over_request": "CPU above the proposed request",
    "cpu_over_limit": "CPU held back by the proposed limit",
    "memory_over_request": "memory above the proposed request",
}


def _replayed(words: "dict[str, float | int | str | None]") -> str:
    """Return what the proposal would have met, in words; what was not measured is left out."""
    said = []
    for key, what in _REPLAY.items():
        share = words.get(key)
        if isinstance(share, int | float):
            often = "never" if not share else f"{share:.1%} of the time".replace("%", " %")
            said.append(f"{what} {often}")
    kills = words.get("memory_over_limit")
    if isinstance(kills, int | float):
        said.append(f"{kills:.0f} OOM kills")
    return ", ".join(said)
