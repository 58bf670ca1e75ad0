"""Writes the pages of docs/reference from the code: `make reference`.

`python -m tests.arch.reference --check` writes nothing and fails when a page is stale.
"""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import upid
from tests.arch import client_types
from tests.arch.shape import ROOT
from upid.contexts.clusters.logic import roles
from upid.core.errors import UpidError

FOLDER = ROOT / "docs" / "reference"
WRITTEN = "Written from the code by `make reference`; changes belong there.\n"


def pages() -> dict[Path, str]:
    """Return every generated file with what it should hold."""
    api = client_types.document()
    makers: dict[str, Callable[[], str]] = {
        "errors": errors,
        "settings": settings,
        "commands": commands,
        "endpoints": lambda: endpoints(api),
    }
    found = {FOLDER / f"{name}.md": make() for name, make in makers.items()}
    granted = {ROOT / "deploy" / "rbac" / name: text for name, text in roles.files().items()}
    return found | granted | {client_types.WRITTEN: client_types.rendered(api)}


def stale() -> list[str]:
    """Return the generated files that do not hold what the code says."""
    return [
        str(path.relative_to(ROOT))
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


# ── errors ──────────────────────────────────────────────────────────────────────────────────────


def family() -> list[type[UpidError]]:
    """Return every error of UPID that has a code of its own, by code."""
    for module in pkgutil.walk_packages(upid.__path__, "upid."):
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: list[type[UpidError]] = []
    waiting = [UpidError]
    while waiting:
        below = waiting.pop().__subclasses__()
        waiting += below
        found += [one for one in below if one.__module__.startswith("upid.")]
    coded = [one for one in found if "code" in vars(one)]
    return sorted(coded, key=lambda one: one.code)


def errors() -> str:
    """Return the page of error codes."""
    from upid.cli.refusals import exit_code
    from upid.gateway.errors import CODES
    from upid.kit.problems import status_of

    rows = [
        (f"`{one.code}`", one.kind, str(status_of(one)), str(exit_code(one.kind)), summary(one))
        for one in family()
    ]
    plain = [(f"`{code}`", str(status)) for status, code in sorted(CODES.items())]
    return page(
        "Errors",
        "Every refusal has a code that never changes its meaning. Over HTTP it is\n"
        "`application/problem+json` with `code`, `detail` and `hint`; on the command line it is a\n"
        "line on standard error, a hint, and the exit code.\n",
        table(("Code", "Kind", "HTTP", "Exit", "Meaning"), rows),
        "## Of HTTP itself\n",
        table(("Code", "HTTP"), plain),
    )


# ── settings ────────────────────────────────────────────────────────────────────────────────────


def settings() -> str:
    """Return the page of settings."""
    from upid.app.settings import ALIASES, PROFILES, Settings

    aliases: dict[str, list[str]] = {}
    for alias, name in ALIASES.items():
        aliases.setdefault(name, []).append(alias)
    rows = []
    for name, field in fields(Settings):
        variables = ["UPID_" + name.upper().replace(".", "__"), *aliases.get(name, [])]
        shown = ", ".join(f"`{one}`" for one in dict.fromkeys(variables))
        rows.append((f"`{name}`", shown, default(field), field.description or ""))
    profiles = [
        (place, f"`{name}`", f"`{value}`")
        for place, values in sorted(PROFILES.items())
        for name, value in sorted(values.items())
    ]
    return page(
        "Settings",
        "A flag wins over the environment, the environment over the file `config.toml`, the file\n"
        "over the profile, the profile over the default.\n",
        table(("Setting", "Environment", "Default", "Meaning"), rows),
        "## Profiles\n",
        "`environment` picks one; it changes these defaults.\n",
        table(("Profile", "Setting", "Default"), profiles),
    )


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield each setting's dotted name with its field, sections opened."""
    for name, field in model.model_fields.items():
        below = field.annotation
        if inspect.isclass(below) and issubclass(below, BaseModel):
            yield from fields(below, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def default(field: FieldInfo) -> str:
    """Return a default as people would write it."""
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None:
        return ""
    if isinstance(value, timedelta):
        return f"`{value.total_seconds():g}s`"
    if isinstance(value, SecretStr):
        return "set" if value.get_secret_value() else ""
    return f"`{value.value if isinstance(value, Enum) else value}`"


# ── commands ────────────────────────────────────────────────────────────────────────────────────


def commands() -> str:
    """Return the page of commands."""
    from upid.cli.main import app

    parts = list(described(typer.main.get_command(app), "upid"))
    return page("Commands", "What `upid --help` says, in one place.\n", *parts)


def described(command: Any, name: str) -> Iterator[str]:  # noqa: ANN401 – typer hides its click
    """Yield a command's section and those of the commands below it."""
    yield f"## `{name}`\n"
    yield (
        "\n".join(line.rstrip() for line in inspect.cleandoc(command.help or "").split("\n")) + "\n"
    )
    rows = []
    for given in command.params:
        spelled = ", ".join(f"`{one}`" for one in (*given.opts, *given.secondary_opts))
        if given.param_type_name == "argument":
            spelled = f"`{given.name.upper()}`"
        rows.append((spelled, getattr(given, "help", "") or ""))
    if rows:
        yield table(("Option", "Meaning"), rows)
    for below in sorted(getattr(command, "commands", {})):
        if not command.commands[below].hidden:
            yield from described(command.commands[below], f"{name} {below}")


# ── endpoints ───────────────────────────────────────────────────────────────────────────────────


def endpoints(api: Mapping[str, Any]) -> str:
    """Return the page of endpoints."""
    rows = [
        (
            f"`{method.upper()}`",
            f"`{path}`",
            first_line(found.get("description") or found["summary"]),
        )
        for path, methods in sorted(api["paths"].items())
        for method, found in sorted(methods.items())
    ]
    return page(
        "Endpoints",
        "The whole document, with every schema, is at `/api/openapi.json` and printed by\n"
        "`upid openapi`; a page to read and try it is at `/api/docs`.\n",
        table(("Method", "Path", "Meaning"), rows),
    )


# ── writing ─────────────────────────────────────────────────────────────────────────────────────


def page(title: str, *parts: str) -> str:
    """Return a page of Markdown."""
    return "\n".join([f"# {title}\n", WRITTEN, *parts])


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(map(cell, line)) + " |\n" for line in lines)


def cell(text: str) -> str:
    """Return a text that stays within one cell."""
    return " ".join(str(text).split()).replace("|", "\\|")


def summary(thing: object) -> str:
    """Return the first paragraph of a docstring."""
    return first_line(inspect.getdoc(thing) or "")


def first_line(text: str) -> str:
    """Return a text's first paragraph in one line."""
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())


def main() -> int:
    """Write the pages, or with --check say which are stale."""
    if "--check" in sys.argv:
        old = stale()
        print("\n".join(f"{name} is stale: make reference" for name in old))
        return 1 if old else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(f"  {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
