"""What a look at everything between here and an analysis found, as a view."""

from collections.abc import Mapping, Sequence
from typing import Any

from upid.cli.flags import Flags
from upid.cli.output import amounts
from upid.cli.output.blocks import Block, Code, Column, Commands, Heading, Row, Table, View
from upid.cli.output.paint import Tone
from upid.cli.session import program, typed

_PERMISSION = "permission"  # the name of each one that is missing
_TONES = {"ok": Tone.GOOD, "warning": Tone.WARN, "failed": Tone.BAD, "unknown": Tone.NOTE}
_COLUMNS = (
    Column("state", "State", tone=lambda state: _TONES.get(str(state), Tone.PLAIN)),
    Column("name", "What"),
    Column("found", "Found", detail=True),
    Column("means", "Means", detail=True),
    Column("remedy", "Remedy", show=lambda remedy: f"→ {remedy}", detail=True),
)


def doctor_view(found: Mapping[str, Any], flags: Flags) -> View:
    """Return a diagnosis as a view; `partial` names what is not well."""
    rows: Sequence[Row] = [dict(one) for one in found["checks"]]
    amiss = [row for row in rows if row["state"] != "ok"]
    title = f"Looked at {found['name']!r}" if found["name"] else "Looked for a cluster"
    names = tuple(f"check/{row['name']}" for row in rows)
    blocks: list[Block] = [
        Heading(title, _verdict(found, amiss)),
        Table(_COLUMNS, tuple(map(_shown, rows)), listing=True, names=names),
        *_mending(found, rows),
        *_permissions(found, flags),
        Heading("Type next"),
        Commands(_next(found, flags)),
    ]
    content = {
        "failure": found["failure"],
        "verdict": _verdict(found, amiss),
        "checks": rows,
        "permissions": found["permissions"],
        "manifest": found["manifest"],
    }
    partial = tuple(f"{row['name']}: {row['found']}" for row in amiss)
    return View("Diagnosis", {"name": found["name"]}, content, tuple(blocks), partial=partial)


def _shown(row: Row) -> Row:
    """Return a row as it is listed: what mends all permissions is said once, not by each."""
    return {**row, "remedy": ""} if row["name"] == _PERMISSION else row


def _verdict(found: Mapping[str, Any], amiss: Sequence[Row]) -> str:
    if found["failure"]:
        return "UPID cannot work with it" if found["name"] else "no way led to one"
    if not amiss:
        return "all is well"
    return f"UPID works; {amounts.plural(len(amiss), 'thing')} to look at"


def _mending(found: Mapping[str, Any], rows: Sequence[Row]) -> list[Block]:
    blocks: list[Block] = []
    for row in rows:
        if row["code"]:
            blocks += [Heading(f"Mend {row['name']}"), Code(str(row["code"]), "console")]
    if found["manifest"]:
        note = "with kubectl apply -f, by whoever may grant it"
        blocks += [Heading("Grant what is missing", note), Code(found["manifest"], "yaml")]
    return blocks


def _permissions(found: Mapping[str, Any], flags: Flags) -> list[Block]:
    if not flags.detailed or not found["permissions"]:
        return []
    columns = (
        Column("granted", "Granted", show=lambda granted: "yes" if granted else "no"),
        Column("permission", "Permission"),
        Column("why", "Why", wide=True),
    )
    return [Heading("Permissions one by one"), Table(columns, tuple(found["permissions"]))]


def _next(found: Mapping[str, Any], flags: Flags) -> tuple[tuple[str, str], ...]:
    words = [*(("--kubeconfig", flags.kubeconfig) if flags.kubeconfig else ())]
    for name in flags.contexts:
        words += ("--context", name)
    if found["failure"]:
        again = typed("doctor", *words)
        return (
            (f"{program()} {again}", "again, when it is mended"),
            (f"{program()} demo", "a sample"),
        )
    return ((f"{program()} {typed('analyze', 'cluster', *words)}", "what it costs and wastes"),)
