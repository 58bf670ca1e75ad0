"""Removes what was built, the environment included: `make clean`."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = (
    ".venv",
    ".cache",
    "dist",
    "build",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    ".import_linter_cache",
)


def main() -> None:
    """Remove every built folder and all bytecode; sources stay."""
    for name in BUILT:
        shutil.rmtree(ROOT / name, ignore_errors=True)
    for folder in ("src", "tests", "requirements"):
        for cache in (ROOT / folder).rglob("__pycache__"):
            shutil.rmtree(cache, ignore_errors=True)


if __name__ == "__main__":
    main()
