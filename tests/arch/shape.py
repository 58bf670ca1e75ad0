"""The measures of the house: how long files and functions may be, and what things may be called."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "src" / "upid"

FILE_WARNS, FILE_FAILS = 400, 600  # lines; above the first a file wants to become a package
FUNCTION_FAILS = 60  # lines without the docstring: what fits on a screen

# Every folder under src/upid has a ring; one that is not here has no direction of imports.
ROOMS = {"adapters", "app", "cli", "client", "contexts", "core", "gateway", "kit", "tui"}

FORBIDDEN_WORDS = {
    "base",
    "common",
    "data",
    "enhanced",
    "handle",
    "helper",
    "helpers",
    "info",
    "manager",
    "new",
    "process",
    "util",
    "utils",
    "v2",
}

# Names that hold such a word and still say what a thing is.
EXCUSED = {
    "InProcess": "a process of the operating system",
}

# Written in halves, so that this file does not hold what it looks for.
FORBIDDEN_TEXT = {
    "/wo" + "rk/": "a path of one machine",
    "/ro" + "ot/": "a path of one machine",
    "pypi" + ".org": "the address of a registry",
    "python" + "hosted": "the address of a registry",
    "npmjs" + ".org": "the address of a registry",
    "proxy.golang" + ".org": "the address of a registry",
    "unittest" + ".mock": "parts come by constructor; write a small class that is real",
    "monkeypatch" + ".setattr": "parts come by constructor; write a small class that is real",
    "TO" + "DO": "finish it, or write down why not in a decision",
    "FIX" + "ME": "finish it, or write down why not in a decision",
}
TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".sh", ".cfg", ".csv", ""}


def tracked() -> list[Path]:
    """Return the files of the repository: tracked ones, and those about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = {name for name in listed.stdout.split("\0") if name}
    return [ROOT / name for name in sorted(names) if (ROOT / name).is_file()]


def python_files() -> list[Path]:
    """Return the repository's Python files."""
    return [path for path in tracked() if path.suffix == ".py"]


def lines_of(path: Path) -> int:
    """Return how many lines a file has."""
    return path.read_text(encoding="utf-8").count("\n")


def nearly_too_long() -> list[str]:
    """Return the files that want to become packages before they have to."""
    measured = ((lines_of(path), path) for path in python_files())
    long = sorted((n, p) for n, p in measured if n > FILE_WARNS)
    return [f"{path.relative_to(ROOT)} has {n} lines" for n, path in long]


def functions(path: Path) -> Iterator[tuple[str, int, int]]:
    """Yield name, line and length without the docstring of each function in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                said = node.body[0]
                length -= (said.end_lineno or said.lineno) - said.lineno + 1
            yield node.name, node.lineno, length


def named(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each name that a file gives to a class or function, with its line; the file's first."""
    yield path.stem, 1
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno


def words(name: str) -> set[str]:
    """Return the words of a name, however it is spelled; none for a magic method."""
    if name.startswith("__"):
        return set()
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}
