"""Finds code that nothing under src uses, tests not counted: `make check ONLY=dead`.

Vulture's list without the fields of records (they are read by whoever serialises them) and without
the names below, each with who uses it. A name that is listed here for no reason fails as well.
"""

import ast
from pathlib import Path

from vulture import Vulture  # type: ignore[import-untyped]  # ships no types

from tests.arch.shape import ROOT, SOURCE

CONFIDENCE = 60  # percent; the least vulture gives, for what only looks unused
DECORATORS = [
    "@router.*",
    "@app.*",
    "@*.command",
    "@*.callback",
    "@*.register",
    "@*_validator",
    "@*_serializer",
    "@listens_for",
]

USED_BY: dict[str, str] = {
    "__getattr__": "Python, for lazy names of a module",
    "__signature__": "typer, for a command that is made of parts",
    "__annotations__": "typer, for a command that is made of parts",
    "create_system": "zipfile, when it writes an entry",
    "external_attr": "zipfile, when it writes an entry",
    "file_size": "zipfile, when it writes an entry",
    "trace": "the with statement, third argument of __exit__",
    "list_commands": "typer, for the order of commands in --help",
    "model_config": "pydantic",
    "impl": "SQLAlchemy, the column type below a decorated one",
    "cache_ok": "SQLAlchemy, whether a column type may be cached",
    "down_revision": "Alembic, the migration before",
    "capture_signals": "uvicorn, around a server",
    "should_exit": "uvicorn, the wish to end a server",
}

# Finished and shown; each has to go from here when its first caller comes.
FOUNDATIONS = frozenset(
    {"at_least", "cloud_event", "prefers", "retry", "stranger_access", "subscribe"}
    | {"coarser", "repair", "tidy", "verify"},  # of the metric store
)


def main() -> int:
    """Print what is dead; return 1 when something is."""
    found = unused()
    dead = [(where, name) for where, name in found if name not in FOUNDATIONS | USED_BY.keys()]
    for where, name in dead:
        print(f"{where}: nothing uses {name!r}")
    idle = sorted({*USED_BY, *FOUNDATIONS} - {name for _, name in found} - {"__getattr__"})
    for name in idle:
        print(f"tests/arch/dead.py: {name!r} is excused and needs no excuse")
    return 1 if dead or idle else 0


def unused() -> list[tuple[str, str]]:
    """Return where vulture sees unused code, and its name, fields of records left out."""
    vulture = Vulture(ignore_decorators=DECORATORS)
    vulture.scavenge([SOURCE])
    fields: dict[Path, set[int]] = {}
    found = []
    for item in vulture.get_unused_code(min_confidence=CONFIDENCE):
        path = Path(item.filename)
        if path not in fields:
            fields[path] = lines_of_fields(path)
        if item.typ != "variable" or item.first_lineno not in fields[path]:
            name = path.resolve().relative_to(ROOT)
            found.append((f"{name}:{item.first_lineno}", str(item.name)))
    return sorted(found)


def lines_of_fields(path: Path) -> set[int]:
    """Return the lines on which a class of a file declares a field."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    members = [node for one in classes for node in one.body]
    enums = {one for one in classes if any("Enum" in ast.unparse(base) for base in one.bases)}
    values = {node.lineno for one in enums for node in one.body if isinstance(node, ast.Assign)}
    return {node.lineno for node in members if isinstance(node, ast.AnnAssign)} | values


if __name__ == "__main__":
    raise SystemExit(main())
