"""Each contract on imports really holds: it is broken on purpose, in a copy, and must say so."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.arch.shape import ROOT

pytestmark = pytest.mark.slow

# Contract id → files (written into a copy of the tree) that break it and it alone is asked about.
SABOTAGE: list[tuple[str, str, dict[str, str]]] = [
    ("rings", "core imports kit", {"core/broken.py": "import upid.kit"}),
    ("rings", "kit imports an adapter", {"kit/broken.py": "import upid.adapters"}),
    ("rings", "an adapter imports a context", {"adapters/broken.py": "import upid.contexts"}),
    (
        "rings",
        "a context imports an adapter",
        {"contexts/clusters/broken.py": "import upid.adapters"},
    ),
    ("rings", "a folder without a ring", {"utils/__init__.py": ""}),
    (
        "context-map",
        "clusters import metrics",
        {"contexts/clusters/broken.py": "import upid.contexts.metrics"},
    ),
    ("context-map", "an area nobody planned", {"contexts/misc/__init__.py": ""}),
    (
        "faces",
        "metrics read the tables of clusters",
        {
            "contexts/clusters/tables.py": "",
            "contexts/metrics/broken.py": "import upid.contexts.clusters.tables",
        },
    ),
    (
        "faces",
        "metrics call the logic of clusters",
        {
            "contexts/clusters/logic/__init__.py": "",
            "contexts/clusters/logic/broken.py": "",
            "contexts/metrics/broken.py": "import upid.contexts.clusters.logic.broken",
        },
    ),
    ("purity", "core reads the clock", {"core/broken.py": "import time"}),
    (
        "purity",
        "logic reads the environment",
        {
            "contexts/clusters/logic/__init__.py": "",
            "contexts/clusters/logic/broken.py": "import os",
        },
    ),
    (
        "adapters",
        "one adapter imports another",
        {
            "adapters/one/__init__.py": "import upid.adapters.two",
            "adapters/two/__init__.py": "",
        },
    ),
    (
        "writing",
        "a mirror writes to its cluster",
        {"adapters/kubernetes/mirror/broken.py": "import upid.adapters.kubernetes.writing"},
    ),
    (
        "writing",
        "a context reaches for the one who writes",
        {"contexts/clusters/broken.py": "import upid.core.ports.cluster_writer"},
    ),
    (
        "sending",
        "a live source sends requests of its own",
        {"adapters/kubernetes/live/broken.py": "import upid.adapters.kubernetes.client.asking"},
    ),
    ("sql", "a service writes SQL", {"contexts/clusters/service.py": "import sqlalchemy"}),
    ("sql", "an adapter opens SQLite", {"adapters/broken.py": "import sqlite3"}),
    ("faces-of-people", "a command imports a context", {"cli/broken.py": "import upid.contexts"}),
    ("faces-of-people", "the client imports kit", {"client/broken.py": "import upid.kit"}),
    (
        "cycles",
        "two modules import each other",
        {
            "core/broken_a.py": "import upid.core.broken_b",
            "core/broken_b.py": "import upid.core.broken_a",
        },
    ),
]


def contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return found


def broken_contracts(tree: Path, contract: str) -> str:
    """Return what import-linter says of a tree, about one contract; empty when it holds."""
    ran = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo", "--contract", contract],
        cwd=tree / "src",
        env={"PYTHONPATH": str(tree / "src"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("whole")
    left_out = shutil.ignore_patterns("__pycache__", "*.upid")
    shutil.copytree(ROOT / "src", tree / "src", ignore=left_out)
    shutil.copy(ROOT / "pyproject.toml", tree / "src" / "pyproject.toml")
    return tree


@pytest.fixture
def tree(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize(
    ("contract", "files"),
    [pytest.param(contract, files, id=f"{contract}: {what}") for contract, what, files in SABOTAGE],
)
def test_a_broken_contract_is_reported(contract: str, files: dict[str, str], tree: Path) -> None:
    name = next(c["name"] for c in contracts() if c["id"] == contract)
    for path, code in files.items():
        file = tree / "src" / "upid" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text() if file.exists() else ""
        file.write_text(f"{before}\n{code}\n")
    said = broken_contracts(tree, contract)
    assert f"{name} BROKEN" in said


def test_every_contract_has_been_broken_once() -> None:
    assert {contract for contract, _, _ in SABOTAGE} == {c["id"] for c in contracts()}
