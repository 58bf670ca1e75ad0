"""Blocks drawn for a terminal of a given width: every line fits, only commands run over."""

from collections.abc import Sequence
from functools import singledispatchmethod

from upid.cli.output import amounts
from upid.cli.output.blocks import (
    Block,
    Code,
    Column,
    Commands,
    Facts,
    Figure,
    Heading,
    Lines,
    Split,
    Table,
    Text,
)
from upid.cli.output.layout import Grid, lay_out
from upid.cli.output.paint import Paint, Tone
from upid.cli.output.text import clean, pad, shorten, width, wrap

INDENT = 2
_LONGEST_BAR = 96  # columns; a longer one is no easier to read
_TEXT_WIDTH = 100  # columns; longer lines of prose tire the eye
_ROOM_FOR_SHARES = 44  # columns; below, amounts alone are shown
_ROOM_FOR_LABELS = 50  # columns; below, names and values of facts go on lines of their own


class Terminal:
    """Draws blocks one after another; `room` None means as wide as it gets."""

    def __init__(self, paint: Paint, room: int | None, *, wide: bool = False) -> None:
        self._paint, self._wide = paint, wide
        self._room = None if wide else room

    def draw(self, blocks: Sequence[Block]) -> str:
        """Return all blocks as text, a blank line between parts, ending in a line feed."""
        lines: list[str] = []
        after_heading = True
        for block in blocks:
            drawn = self._draw(block)
            if not after_heading:
                lines.append("")
            lines.extend(drawn)
            after_heading = isinstance(block, Heading)
        return "\n".join(line.rstrip() for line in lines) + "\n"

    @singledispatchmethod
    def _draw(self, block: Block) -> list[str]:
        raise TypeError(f"cannot draw {block!r}")

    def _inside(self) -> int:
        return (self._room or _TEXT_WIDTH + INDENT) - INDENT

    @_draw.register
    def _heading(self, block: Heading) -> list[str]:
        title, note = clean(block.text), clean(block.note)
        room = self._room or _TEXT_WIDTH
        if note and width(title) + 2 + width(note) <= room:
            return [self._paint(title, Tone.STRONG) + "  " + self._paint(note, Tone.QUIET)]
        rest = [self._paint(line, Tone.QUIET) for line in wrap(note, room)] if note else []
        return [self._paint(line, Tone.STRONG) for line in wrap(title, room)] + rest

    @_draw.register
    def _text(self, block: Text) -> list[str]:
        room = min(self._inside(), _TEXT_WIDTH)
        return [" " * INDENT + self._paint(s, block.tone) for s in wrap(clean(block.text), room)]

    @_draw.register
    def _facts(self, block: Facts) -> list[str]:
        pairs = [(clean(name), clean(value)) for name, value in block.pairs]
        column = max((width(name) for name, _ in pairs), default=0) + 2
        stacked = self._inside() < _ROOM_FOR_LABELS
        lines: list[str] = []
        for name, value in pairs:
            room = self._inside() - (INDENT if stacked else column)
            first, *rest = wrap(value, min(max(room, 1), _TEXT_WIDTH))
            quiet = self._paint(name if stacked else pad(name, column), Tone.QUIET)
            if stacked:
                lines += [" " * INDENT + quiet, " " * 2 * INDENT + first]
            else:
                lines.append(" " * INDENT + quiet + first)
            lines += [" " * (INDENT + (INDENT if stacked else column)) + line for line in rest]
        return lines

    @_draw.register
    def _split(self, block: Split) -> list[str]:
        bar = "".join(
            self._paint(block.parts[i].glyph * cells, block.parts[i].tone)
            for i, cells in enumerate(
                amounts.portions(min(self._inside(), _LONGEST_BAR), [p.cents for p in block.parts])
            )
        )
        shares = amounts.portions(100, [part.cents for part in block.parts])
        rows = [
            {
                "glyph": part.glyph,
                "label": part.label,
                "amount": amounts.of_cents(part.cents, block.currency),
                "share": f"{shares[i]} %",
                "note": part.note,
            }
            for i, part in enumerate(block.parts)
        ]
        rows.append(
            {
                "glyph": "=",
                "label": block.total_label,
                "amount": amounts.of_cents(block.total, block.currency),
                "share": f"{sum(shares)} %",
                "note": "",
            }
        )
        tones = {part.glyph: part.tone for part in block.parts}
        shares_fit = self._inside() >= _ROOM_FOR_SHARES
        columns = (
            Column("glyph", "", tone=lambda glyph: tones.get(str(glyph), Tone.PLAIN)),
            Column("label", ""),
            Column("amount", "", right=True, tone=lambda _: Tone.STRONG),
            *([Column("share", "", right=True)] if shares_fit else []),
            Column("note", "", detail=True),
        )
        legend = self._table(Table(columns, tuple(rows), headers=False))
        return [" " * INDENT + bar, "", *legend]

    @_draw.register
    def _table(self, block: Table) -> list[str]:
        if not block.rows:
            return [" " * INDENT + self._paint(clean(block.empty), Tone.QUIET)]
        columns = [c for c in block.columns if self._wide or not c.wide]
        room = None if self._room is None else self._inside()
        grid = lay_out(columns, block.all_rows, room)
        while grid is None and (spare := [c for c in columns if c.spare]):
            columns.remove(spare[-1])
            grid = lay_out(columns, block.all_rows, room)
        if grid is None:
            columns = [c for c in block.columns if self._wide or not c.wide]
            return self._stack(columns, block)
        return self._grid(grid, block)

    def _grid(self, grid: Grid, block: Table) -> list[str]:
        margin = " " * INDENT
        lines: list[str] = []
        if block.headers:
            titles = [
                pad(shorten(c.title.upper(), size), size, right=c.right) for c, size in grid.columns
            ]
            lines.append(margin + self._paint("  ".join(titles), Tone.QUIET))
        under = grid.beside is None
        for i, (row, cells) in enumerate(zip(block.all_rows, grid.cells, strict=True)):
            drawn = "  ".join(
                self._paint(
                    pad(shorten(cell, size), size, right=column.right),
                    column.tone(row[column.key]) if i < len(block.rows) else Tone.STRONG,
                )
                for (column, size), cell in zip(grid.columns, cells, strict=True)
            )
            details = grid.details_of(row)
            if under:
                lines.append(margin + drawn)
                inner = margin + " " * grid.hanging
                for text in details:
                    room = min(self._inside() - grid.hanging, _TEXT_WIDTH)
                    lines += [inner + self._paint(s, Tone.QUIET) for s in wrap(text, room)]
                continue
            beside = [s for text in details for s in wrap(text, grid.beside or 1)] or [""]
            lines.append(margin + drawn + "  " + self._paint(beside[0], Tone.QUIET))
            inner = margin + " " * (grid.taken + 2)
            lines += [inner + self._paint(s, Tone.QUIET) for s in beside[1:]]
        return lines

    def _stack(self, columns: Sequence[Column], block: Table) -> list[str]:
        """Return each row as a little paragraph, for terminals too narrow for its columns."""
        lines: list[str] = []
        room = self._inside()
        margin, inner = " " * INDENT, " " * 2 * INDENT
        for row in block.all_rows:
            shown = [(c, clean(c.show(row[c.key]))) for c in columns if not c.detail]
            lead = next((i for i, (c, _) in enumerate(shown) if not c.right), 0)
            title = " ".join(text for _, text in shown[: lead + 1])
            lines.append(margin + self._paint(shorten(title, room), Tone.STRONG))
            pairs = [f"{c.title.lower()} {text}".strip() for c, text in shown[lead + 1 :] if text]
            lines += [inner + line for line in wrap(" · ".join(pairs), room - INDENT) if line]
            for column in columns:
                if column.detail and row[column.key]:
                    text = clean(column.show(row[column.key]))
                    lines += [inner + self._paint(s, Tone.QUIET) for s in wrap(text, room - INDENT)]
        return lines

    @_draw.register
    def _lines(self, block: Lines) -> list[str]:
        lines: list[str] = []
        for item in block.items:
            first, *rest = wrap(clean(item), min(self._inside() - 2, _TEXT_WIDTH))
            lines.append(" " * INDENT + "• " + self._paint(first, block.tone))
            lines += [" " * (INDENT + 2) + self._paint(line, block.tone) for line in rest]
        return lines

    @_draw.register
    def _figure(self, block: Figure) -> list[str]:
        broad = block.broad and max(map(width, block.broad)) <= self._inside()
        drawn = block.broad if broad else block.lines
        lines = [" " * INDENT + clean(line) for line in drawn]
        caption = wrap(clean(block.caption), min(self._inside(), _TEXT_WIDTH))
        return lines + [" " * INDENT + self._paint(s, Tone.QUIET) for s in caption if s]

    @_draw.register
    def _code(self, block: Code) -> list[str]:
        return [" " * INDENT + clean(line) for line in block.text.rstrip("\n").split("\n")]

    @_draw.register
    def _commands(self, block: Commands) -> list[str]:
        """Return commands whole, since a cut one cannot be pasted; remarks beside or above."""
        items = [(clean(command), clean(why)) for command, why in block.items]
        longest = max((width(command) for command, _ in items), default=0)
        remark = max((width(why) for _, why in items), default=0)
        margin = " " * INDENT
        if longest + remark + 4 <= self._inside():
            return [
                margin + pad(command, longest) + self._paint(f"  # {why}", Tone.QUIET)
                for command, why in items
            ]
        return [
            line
            for command, why in items
            for line in (
                *(margin + self._paint(s, Tone.QUIET) for s in wrap(f"# {why}", self._inside())),
                margin + command,
            )
        ]
