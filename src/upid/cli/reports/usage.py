"""How something is used, drawn: distributions with marks, and the factors of idleness."""

from typing import TYPE_CHECKING

from upid.cli.output import amounts
from upid.cli.output.blocks import Block, Column, Figure, Heading, Lines, Table, Text
from upid.cli.output.paint import Tone
from upid.cli.reports import phrases

if TYPE_CHECKING:
    from upid.client.types import Distribution, Idle

_BLOCKS = "▁▂▃▄▅▆▇█"
_AGAINST_SHOWN = 3  # one a pod says the same again and again
_THOUSANDS = 1000  # from here on a fraction says nothing
_BAR = 20  # cells of a factor's bar: five per cent each


def usage_blocks(found: "list[Distribution]") -> list[Block]:
    """Return a drawing and a row of figures for each container and resource."""
    if not found:
        return [Heading("Usage"), Text("No sample of any container in the window.", Tone.QUIET)]
    blocks: list[Block] = []
    for one in found:
        show = amounts.cores if one.resource == "cpu" else amounts.size
        title = f"{'CPU' if one.resource == 'cpu' else 'Memory'} of container {one.container}"
        note = f"{amounts.count(one.samples)} samples; how often (height) how much (left to right)"
        blocks += [Heading(title, note), drawn(one)]
        rows = (
            ("P50", one.p50), ("P95", one.p95), ("P99", one.p99), ("max", one.maximum),
            ("request", one.request), ("limit", one.limit), ("proposed", one.proposed_request),
        )  # fmt: skip
        columns = tuple(Column(name, name, phrases.number(show), right=True) for name, _ in rows)
        blocks.append(Table(columns, (dict(rows),)))
    return blocks


def drawn(one: "Distribution") -> Figure:
    """Return a histogram in blocks, a line of marks under it, and a scale; also twice as broad."""
    show = amounts.cores if one.resource == "cpu" else amounts.size
    caption = "5 = P50, 9 = P95, M = max, P = proposed request, R = request, L = limit"
    if one.limit is not None and one.limit > one.high:
        caption += f"; off the scale: limit {show(one.limit)}"
    return Figure(_lines(one, 1), _lines(one, 2), caption)


def _lines(one: "Distribution", stretch: int) -> tuple[str, ...]:
    """Return bars, marks and scale with `stretch` letters for each part of the histogram."""
    tallest = max(one.counts, default=0)
    bars = "".join(_block(count, tallest) * stretch for count in one.counts)
    cells = len(one.counts) * stretch
    marks = [" "] * cells
    for letter, value in (
        ("L", one.limit), ("R", one.request), ("P", one.proposed_request),
        ("5", one.p50), ("9", one.p95), ("M", one.maximum),
    ):  # fmt: skip
        if value is not None and value <= one.high and one.high > one.low:
            at = int((value - one.low) / (one.high - one.low) * cells)
            marks[min(cells - 1, max(0, at))] = letter
    show = amounts.cores if one.resource == "cpu" else amounts.size
    low, high = show(one.low), show(one.high)
    scale = low + " " * max(1, cells - len(low) - len(high)) + high
    return bars, "".join(marks).rstrip(), scale


def _block(count: int, tallest: int) -> str:
    """Return a block for a count; a count above nothing is never drawn as nothing."""
    if count <= 0 or tallest <= 0:
        return " "
    return _BLOCKS[min(len(_BLOCKS) - 1, (count * len(_BLOCKS) - 1) // tallest)]


def idle_blocks(idle: "Idle | None") -> list[Block]:
    """Return the verdict of idleness with its factors, weights and evidence."""
    if idle is None:
        return [Heading("Idle?"), Text("Not judged.", Tone.QUIET)]
    answer = {"idle": "yes", "busy": "no, it works"}.get(idle.verdict, idle.verdict)
    known = (
        f"idle by {amounts.percent(idle.probability)}, "
        f"where more than {idle.idle_above:g} % is idle"
        if idle.probability is not None
        else idle.unknown or "not known"
    )
    title = f"Idle? {answer[0].upper()}{answer[1:]}"
    sure = f"; {amounts.percent(idle.confidence)} sure" if idle.confidence is not None else ""
    sure = known + sure
    blocks: list[Block] = [Heading(title, sure), Text(idle.sentence)]
    columns = (
        Column("name", "Factor"),
        Column("bar", ""),
        Column("value", "Idle", phrases.number(amounts.percent), right=True),
        Column("weight", "Weight", right=True),
        Column("evidence", "Evidence", detail=True),
    )
    weights = amounts.portions(100, [amounts.micros(factor.weight) for factor in idle.factors])
    rows = tuple(
        {
            "name": factor.name,
            "bar": "" if factor.value is None else bar(factor.value),
            "value": factor.value,
            "weight": f"{weight} %",
            "evidence": factor.unknown or evidence(factor.evidence),
        }
        for factor, weight in zip(idle.factors, weights, strict=True)
    )
    blocks.append(Table(columns, rows, empty="No factor could be computed."))
    said = [
        *(f"For: {sentence}" for sentence in idle.reasons),
        *(f"Against: {sentence}" for sentence in idle.against[:_AGAINST_SHOWN]),
        *(f"Missing: {sentence}" for sentence in idle.missing),
        *([f"Quiet: {idle.periods}"] if idle.periods else []),
        *_would_change(idle),
    ]
    return [*blocks, Lines(tuple(said))] if said else blocks


def _would_change(idle: "Idle") -> list[str]:
    """Return what would turn the verdict: the weakest factor, and by how much."""
    known = [factor for factor in idle.factors if factor.value is not None and factor.weight > 0]
    if idle.probability is None or not known:
        return ["What would change the verdict: the missing figures above."]
    gap = idle.probability - idle.idle_above
    idle_now = gap > 0
    for factor in sorted(known, key=lambda factor: -factor.weight):
        value = factor.value or 0.0
        wanted = value - gap / factor.weight
        if 0 <= wanted <= 100:  # noqa: PLR2004  a factor is a figure of 0 to 100
            way, side = ("at or below", "not idle") if idle_now else ("above", "idle")
            return [
                (
                    f"What would change the verdict: the factor {factor.name} {way} "
                    f"{wanted:.0f} % (now {value:.0f} %) makes it {side}."
                )
            ]
    return ["What would change the verdict: no factor could by itself."]


def bar(value: float) -> str:
    """Return a figure of 0 to 100 as a bar of fixed width."""
    full = round(value / 100 * _BAR)
    return "█" * full + "░" * (_BAR - full)


def evidence(words: "dict[str, float | int | str | None]") -> str:
    """Return named figures in a line, unknown ones left out."""
    said = []
    for key, value in words.items():
        if value is None or value == "":
            continue
        said.append(f"{key.replace('_', ' ')} {_figure(value)}")
    return ", ".join(said)


def _figure(value: float | int | str) -> str:
    """Return a figure with thousands apart and three digits of what is small."""
    if isinstance(value, str | bool):
        return str(value)
    whole = isinstance(value, int) or value.is_integer() or abs(value) >= _THOUSANDS
    return f"{value:,.0f}" if whole else f"{value:.3g}"
