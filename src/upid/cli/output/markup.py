"""Blocks as Markdown and as one self-contained HTML page for light and dark."""

import re
from collections.abc import Sequence
from functools import singledispatchmethod
from html import escape

from upid.cli.output import amounts
from upid.cli.output.blocks import (
    Block,
    Code,
    Commands,
    Facts,
    Figure,
    Heading,
    Lines,
    Split,
    Table,
    Text,
)
from upid.cli.output.text import clean

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")
_FENCE = "```"


def _literal(text: str) -> str:
    """Return clean text in which no letter means anything to Markdown."""
    return _MARKDOWN.sub(r"\\\1", clean(text))


def _fenced(text: str, language: str = "") -> str:
    fence = _FENCE
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"


def _split_table(block: Split) -> tuple[list[str], list[list[str]]]:
    shares = amounts.portions(100, [part.cents for part in block.parts])
    rows = [
        [part.label, amounts.of_cents(part.cents, block.currency), f"{one} %", part.note]
        for part, one in zip(block.parts, shares, strict=True)
    ]
    total = amounts.of_cents(block.total, block.currency)
    return ["Part", "A month", "Share", "What it is"], [
        *rows,
        [block.total_label, total, f"{sum(shares)} %", ""],
    ]


class Markdown:
    """Writes blocks as GitHub-flavoured Markdown."""

    def write(self, blocks: Sequence[Block]) -> str:
        """Return all blocks, parted by blank lines."""
        return "\n\n".join(self._write(block) for block in blocks) + "\n"

    @singledispatchmethod
    def _write(self, block: Block) -> str:
        raise TypeError(f"cannot write {block!r}")

    @_write.register
    def _heading(self, block: Heading) -> str:
        note = f"\n\n{_literal(block.note)}" if block.note else ""
        return f"## {_literal(block.text)}{note}"

    @_write.register
    def _text(self, block: Text) -> str:
        return _literal(block.text)

    @_write.register
    def _facts(self, block: Facts) -> str:
        return self._grid(["", ""], [list(pair) for pair in block.pairs], (False, False))

    @_write.register
    def _split(self, block: Split) -> str:
        return self._grid(*_split_table(block), (False, True, True, False))

    @_write.register
    def _table(self, block: Table) -> str:
        if not block.rows:
            return _literal(block.empty)
        rows = [[c.show(row[c.key]) for c in block.columns] for row in block.all_rows]
        rights = tuple(c.right for c in block.columns)
        return self._grid([c.title for c in block.columns], rows, rights)

    def _grid(
        self, titles: Sequence[str], rows: Sequence[Sequence[str]], rights: Sequence[bool]
    ) -> str:
        rule = ["---:" if right else "---" for right in rights]
        lines = [[_literal(t) for t in titles], rule, *([_literal(c) for c in r] for r in rows)]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    @_write.register
    def _lines(self, block: Lines) -> str:
        return "\n".join(f"- {_literal(item)}" for item in block.items)

    @_write.register
    def _figure(self, block: Figure) -> str:
        drawn = _fenced("\n".join(clean(line) for line in block.lines))
        return f"{drawn}\n\n{_literal(block.caption)}" if block.caption else drawn

    @_write.register
    def _code(self, block: Code) -> str:
        return _fenced("\n".join(map(clean, block.text.rstrip("\n").split("\n"))), block.language)

    @_write.register
    def _commands(self, block: Commands) -> str:
        lines = [f"{clean(command)}  # {clean(why)}" for command, why in block.items]
        return _fenced("\n".join(lines), "console")


class Html:
    """Writes blocks as one page that loads nothing: no script, no font, no address."""

    def write(self, blocks: Sequence[Block], title: str) -> str:
        """Return the whole page."""
        body = "\n".join(self._write(block) for block in blocks)
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n'
            f"<title>{_html(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
            f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
        )

    @singledispatchmethod
    def _write(self, block: Block) -> str:
        raise TypeError(f"cannot write {block!r}")

    @_write.register
    def _heading(self, block: Heading) -> str:
        note = f" <small>{_html(block.note)}</small>" if block.note else ""
        return f"<h2>{_html(block.text)}{note}</h2>"

    @_write.register
    def _text(self, block: Text) -> str:
        return f'<p class="{block.tone}">{_html(block.text)}</p>'

    @_write.register
    def _facts(self, block: Facts) -> str:
        pairs = "".join(f"<dt>{_html(n)}</dt><dd>{_html(v)}</dd>" for n, v in block.pairs)
        return f"<dl>{pairs}</dl>"

    @_write.register
    def _split(self, block: Split) -> str:
        segments = "".join(
            f'<i class="p{i}" style="flex:{part.cents}"></i>'
            for i, part in enumerate(block.parts)
            if part.cents > 0
        )
        bar = f'<div class="bar" aria-hidden="true">{segments}</div>'
        titles, rows = _split_table(block)
        keys = [f'<i class="key p{i}"></i> ' for i in range(len(block.parts))] + [""]
        return bar + self._grid(titles, rows, (False, True, True, False), keys)

    @_write.register
    def _table(self, block: Table) -> str:
        if not block.rows:
            return f'<p class="quiet">{_html(block.empty)}</p>'
        rows = [[c.show(row[c.key]) for c in block.columns] for row in block.all_rows]
        rights = tuple(c.right for c in block.columns)
        return self._grid([c.title for c in block.columns], rows, rights)

    def _grid(
        self,
        titles: Sequence[str],
        rows: Sequence[Sequence[str]],
        rights: Sequence[bool],
        keys: Sequence[str] = (),
    ) -> str:
        side = ['class="right"' if right else "" for right in rights]
        head = "".join(f"<th {s}>{_html(t)}</th>" for s, t in zip(side, titles, strict=True))
        body = ""
        for i, row in enumerate(rows):
            cells = [_html(cell) for cell in row]
            if keys:
                cells[0] = keys[i] + cells[0]
            body += "<tr>" + "".join(
                f"<td {s or _long(text)}>{cell}</td>"
                for s, text, cell in zip(side, row, cells, strict=True)
            )
            body += "</tr>\n"
        table = f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
        return f'<div class="scroll">{table}</div>'

    @_write.register
    def _lines(self, block: Lines) -> str:
        return "<ul>" + "".join(f"<li>{_html(item)}</li>" for item in block.items) + "</ul>"

    @_write.register
    def _figure(self, block: Figure) -> str:
        drawn = "\n".join(_html(line) for line in block.lines)
        return (
            f'<figure><pre aria-hidden="true">{drawn}</pre>'
            f"<figcaption>{_html(block.caption)}</figcaption></figure>"
        )

    @_write.register
    def _code(self, block: Code) -> str:
        lines = "\n".join(_html(line) for line in block.text.rstrip("\n").split("\n"))
        return f"<pre><code>{lines}</code></pre>"

    @_write.register
    def _commands(self, block: Commands) -> str:
        lines = [f"{_html(command)}  <em># {_html(why)}</em>" for command, why in block.items]
        return "<pre><code>" + "\n".join(lines) + "</code></pre>"


def _html(text: str) -> str:
    return escape(clean(text))


def _long(text: str) -> str:
    """Let only what is long break inside its words; short cells keep theirs whole."""
    return 'class="long"' if len(text) > _LONG else ""


_LONG = 24  # characters; a longer cell may be a name without a place to break

_STYLE = """
:root{--fg:#1a1c20;--bg:#fff;--dim:#5b626d;--line:#d9dde3;--code:#f4f5f7;
--p0:#1a7f5a;--p1:#5a8fd6;--p2:#c4432b;--p3:#d9902f;--p4:#9aa0a8;--p5:#6b5bb5;
--p6:#3d8f9c;--p7:#7d6a58}
@media(prefers-color-scheme:dark){:root{--fg:#e8eaed;--bg:#16181c;--dim:#9aa3af;--line:#343a43;
--code:#22262c;--p0:#3fb98a;--p1:#7fb0ee;--p2:#ef7a63;--p3:#f0b45c;--p4:#7b828c;--p5:#a294e6;
--p6:#6fc0cc;--p7:#b8a18b}}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
main{max-width:84rem;margin:0 auto;padding:2rem 1rem}
h2{margin:2rem 0 .5rem;font-size:1.15rem}h2 small,.quiet,figcaption,em{color:var(--dim);
font-weight:400;font-style:normal}
table{border-collapse:collapse;width:100%}.scroll{overflow-x:auto}
td,th{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line);
vertical-align:top}td.long{overflow-wrap:anywhere;min-width:10rem}th{color:var(--dim);font-weight:500}
.right{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;overflow-wrap:normal}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem;margin:0}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
pre{background:var(--code);padding:.8rem;overflow-x:auto;border-radius:4px;line-height:1.3}
.bar{display:flex;height:1.4rem;gap:1px;margin:.8rem 0}.key{display:inline-block;width:.8em;
height:.8em}.p0{background:var(--p0)}.p1{background:var(--p1)}.p2{background:var(--p2)}
.p3{background:var(--p3)}.p4{background:var(--p4)}.p5{background:var(--p5)}.p6{background:var(--p6)}
.p7{background:var(--p7)}
.good{color:var(--p0)}.bad{color:var(--p2)}.warn{color:var(--p3)}.strong{font-weight:600}
"""
