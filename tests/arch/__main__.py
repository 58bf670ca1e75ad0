"""Runs every gate, with its seconds: `make check`, or one: `make check ONLY=types`."""

import subprocess
import sys
import time
from pathlib import Path

from tests.arch import shape

IN = Path(sys.executable).parent
PYTEST = [sys.executable, "-m", "pytest", "-q"]

GATES: dict[str, list[str]] = {
    "format": [str(IN / "ruff"), "format", "--check", "--quiet", "."],
    "style": [str(IN / "ruff"), "check", "--quiet", "."],
    "types": [str(IN / "mypy")],
    "imports": [str(IN / "lint-imports"), "--no-logo"],
    "dependencies": [str(IN / "deptry"), "--no-ansi", "."],
    "dead": [sys.executable, "-m", "tests.arch.dead"],
    "house": [*PYTEST, "tests/arch", "-m", "not slow"],  # shape, names, words, docs
    "slow": [
        *PYTEST,
        "-m",
        "slow and not full",
    ],  # contracts broken on purpose, the wheel, long runs
}


def main() -> int:
    """Run the gates asked for; all of them run, also after one has failed."""
    asked = sys.argv[1:] or list(GATES)
    unknown = [name for name in asked if name not in GATES]
    if unknown:
        print(f"no gate named {unknown[0]!r}; there are: {', '.join(GATES)}", file=sys.stderr)
        return 2
    failed = [name for name in asked if not passes(name)]
    for line in shape.nearly_too_long():
        print(f"  long: {line}")
    print(f"{len(asked) - len(failed)} of {len(asked)} gates pass", end="")
    print(f"; failed: {', '.join(failed)}" if failed else "")
    return 1 if failed else 0


def passes(name: str) -> bool:
    """Run one gate; its output is shown only when it fails."""
    started = time.perf_counter()
    ran = subprocess.run(GATES[name], capture_output=True, text=True, check=False)
    good = ran.returncode == 0
    print(f"  {name:<13}{'ok' if good else 'FAILED':<8}{time.perf_counter() - started:6.1f} s")
    if not good:
        print(ran.stdout + ran.stderr)
    sys.stdout.flush()
    return good


if __name__ == "__main__":
    raise SystemExit(main())
