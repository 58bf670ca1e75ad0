"""What is published works: the wheel, its locked dependencies, and nothing of this folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.arch.shape import ROOT

pytestmark = pytest.mark.slow

UV = [sys.executable, str(ROOT / "requirements" / "install.py"), "uv"]


def uv(*arguments: str | Path) -> None:
    done = subprocess.run(
        [*UV, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    uv("build", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", out, ROOT)
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("installed")
    python = place / "venv" / "bin" / "python"
    lock = ROOT / "requirements" / "runtime.txt"
    uv("venv", "--python", sys.executable, place / "venv")
    uv("pip", "sync", "--python", python, "--require-hashes", lock)
    uv("pip", "install", "--python", python, "--no-deps", "--no-index", wheel)
    return place


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [installed / "venv" / "bin" / "upid", *arguments],
        cwd=installed,
        env={"HOME": str(installed / "home"), "PATH": os.defpath, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_holds_the_program_its_sample_and_its_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"upid/sample.upid", "upid/py.typed", "upid/cli/main.py"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert [name for name in names if "__pycache__" in name or name.startswith("tests/")] == []


def test_the_installed_program_says_its_version(installed: Path) -> None:
    done = run(installed, "version")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0.1.0" in done.stdout


def test_the_installed_program_shows_the_sample_and_writes_nothing(installed: Path) -> None:
    done = run(installed, "demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert "$" in done.stdout
    assert not (installed / "home").exists()


def test_the_api_of_the_installed_program_has_a_document(installed: Path) -> None:
    done = run(installed, "openapi")
    assert (done.returncode, done.stderr) == (0, "")
    assert '"/api/v1/' in done.stdout
