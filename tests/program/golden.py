"""The reports on the sample as they were last reviewed.

    python -m tests.program.golden      write them anew; then review the diff

A change to a report, or to any figure in one, is a change to these files.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.program.answers import some_clusters
from upid.cli.flags import Flags
from upid.cli.output.formats import Format, render
from upid.cli.output.paint import Paint
from upid.cli.reports.several import clusters_view

FOLDER = Path(__file__).parent / "golden"
README = Path(__file__).parents[2] / "README.md"
CAPTURES = {
    "demo-80.txt": (80, ["demo"]),
    "demo-140.txt": (140, ["demo"]),
    "explain-80.txt": (80, ["explain", "coupon-engine", "--recording", "sample"]),
}

SEVERAL = {"clusters-80.txt": 80, "clusters-140.txt": 140}


def capture(columns: int, args: list[str]) -> str:
    """Return what the real program prints on a terminal of some width, without colour."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("UPID_", "FORCE_"))}
    ended = subprocess.run(
        [Path(sys.executable).with_name("upid"), *args],
        capture_output=True,
        text=True,
        check=True,
        env={**kept, "COLUMNS": str(columns), "PATH": str(Path(sys.executable).parent)},
    )
    return ended.stdout


def several(columns: int) -> str:
    """Return the report on several clusters, of which some failed, on a terminal of some width."""
    view = clusters_view(some_clusters(), Flags(all_contexts=True))
    return render(view, Format.TABLE, Paint(on=False), columns)


def excerpt(report: str) -> str:
    """Return what of the report the README shows: the bill, three wastes, what is safe."""
    parts = report.split("\n\n")
    bill = next(i for i, part in enumerate(parts) if part.lstrip().startswith("█  used"))
    wastes = next(part for part in parts if "biggest wastes" in part).split("\n  $")
    safe = next(part for part in parts if part.startswith("Safe to take first"))
    return "\n\n".join([*parts[: bill + 1], "\n  $".join(wastes[:4]) + "\n  …", safe])


def with_captures(readme: str, narrow: str, wide: str) -> str:
    """Return the README with the excerpt in its first fenced block, the whole in its second."""
    parts = readme.split("```\n")
    parts[1] = f"{excerpt(narrow)}\n"
    parts[3] = wide
    return "```\n".join(parts)


def main() -> None:
    """Write every capture, and those of the README."""
    FOLDER.mkdir(exist_ok=True)
    for name, (columns, args) in CAPTURES.items():
        (FOLDER / name).write_text(capture(columns, args), encoding="utf-8")
    for name, columns in SEVERAL.items():
        (FOLDER / name).write_text(several(columns), encoding="utf-8")
    narrow, wide = (
        (FOLDER / name).read_text(encoding="utf-8") for name in ("demo-80.txt", "demo-140.txt")
    )
    readme = README.read_text(encoding="utf-8")
    README.write_text(with_captures(readme, narrow, wide), encoding="utf-8")


if __name__ == "__main__":
    main()
