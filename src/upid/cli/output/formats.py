"""One answer in the format asked for: what `-o` means, for every command alike."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from upid.cli.output.blocks import Column, Table, View
from upid.cli.output.paint import Paint
from upid.cli.output.text import clean
from upid.cli.refusals import Refusal

API_VERSION = "upid.io/v1"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute a cell that starts so
_STEERING = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


class Format(StrEnum):
    """The formats of every answer."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"
    MARKDOWN = "markdown"
    HTML = "html"
    NAME = "name"


def render(view: View, form: Format, paint: Paint, room: int | None) -> str:  # noqa: PLR0911  a case a format
    """Return the whole answer as text that ends in a line feed (or is empty)."""
    match form:
        case Format.JSON:
            return _json(_envelope(view))
        case Format.YAML:
            return _yaml(_envelope(view))
        case Format.CSV:
            return _csv(_listing(view, form))
        case Format.NAME:
            return "".join(f"{clean(name)}\n" for name in _listing(view, form).names)
        case Format.MARKDOWN:
            from upid.cli.output.markup import Markdown

            return Markdown().write(view.blocks)
        case Format.HTML:
            from upid.cli.output.markup import Html

            return Html().write(view.blocks, f"UPID {view.metadata.get('name', view.kind)}")
        case Format.TABLE | Format.WIDE:
            from upid.cli.output.terminal import Terminal

            return Terminal(paint, room, wide=form is Format.WIDE).draw(view.blocks)


def arranged(view: View, columns: Sequence[str], sort_by: str, *, headers: bool) -> View:
    """Return the view with the rows and columns of its listing as the flags ask for them."""
    table = view.listing()
    if table is None:
        if columns or sort_by:
            raise Refusal(
                f"{view.kind!r} lists nothing, so nothing can be picked or sorted",
                hint="leave out --columns and --sort-by",
            )
        return view
    chosen = replace(table, headers=table.headers and headers)
    if sort_by:
        chosen = _sorted(chosen, sort_by)
    if columns:
        picked = tuple(_column(table, key) for key in columns)
        chosen = replace(chosen, columns=tuple(replace(c, wide=False) for c in picked))
    blocks = tuple(chosen if block is table else block for block in view.blocks)
    return replace(view, blocks=blocks)


def _column(table: Table, key: str) -> Column:
    for column in table.columns:
        if column.key == key:
            return column
    known = ", ".join(c.key for c in table.columns)
    raise Refusal(f"{key!r} is not a column of this list", hint=f"pick from: {known}")


def _sorted(table: Table, sort_by: str) -> Table:
    """Return the table by one column; a leading `-` turns it round, unknown values come last."""
    key, turned = sort_by.removeprefix("-"), sort_by.startswith("-")
    _column(table, key)
    known = [i for i, row in enumerate(table.rows) if row[key] is not None]
    unknown = [i for i, row in enumerate(table.rows) if row[key] is None]
    values = [table.rows[i][key] for i in known]
    numbers = all(isinstance(v, int | float) for v in values)
    ranks = {i: v if numbers else str(v) for i, v in zip(known, values, strict=True)}
    order = [*sorted(known, key=lambda i: ranks[i], reverse=turned), *unknown]  # type: ignore[arg-type,return-value]
    names = tuple(table.names[i] for i in order) if table.names else ()
    return replace(table, rows=tuple(table.rows[i] for i in order), names=names)


def _listing(view: View, form: Format) -> Table:
    table = view.listing()
    if table is None:
        raise Refusal(
            f"{view.kind!r} lists nothing, so it has no form as {form.value}",
            hint="use -o table, json, yaml, markdown or html",
        )
    return table


def _envelope(view: View) -> Mapping[str, object]:
    return {
        "apiVersion": API_VERSION,
        "kind": view.kind,
        "metadata": dict(view.metadata),
        **view.content,
    }


def _json(document: object) -> str:
    """Return JSON in which no letter can steer a terminal; it reads back as it was."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def _yaml(document: object) -> str:
    import msgspec
    import yaml

    class Emitter(yaml.SafeDumper):
        """Writes letters that could steer a terminal as escapes, within double quotes."""

    def text(emitter: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = '"' if _STEERING.search(value) else "|" if "\n" in value else None
        return emitter.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Emitter.add_representer(str, text)
    plain = msgspec.to_builtins(document)
    text_out: str = yaml.dump(
        plain, Dumper=Emitter, sort_keys=False, allow_unicode=True, width=1 << 30
    )
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text_out)


def _csv(table: Table) -> str:
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    if table.headers:
        writer.writerow([column.key for column in table.columns])
    for row in table.rows:
        writer.writerow([_csv_cell(row[column.key]) for column in table.columns])
    return lines.getvalue()


def _csv_cell(value: object) -> str | int | float:
    """Return a cell that no spreadsheet takes for a formula; figures stay figures."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = clean(str(value))
    return f"'{text}" if text.startswith(_FORMULA) else text
