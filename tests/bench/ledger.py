"""The ledger of measurements: what UPID does against a named peer or bound, in one run."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent.parent
IN = Path(sys.executable).parent
KEPT = ROOT / ".cache"  # where the last run's rows are, as JSON


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement; `ratio` is ours ÷ peer and is held against `wanted`."""

    group: str
    name: str
    ours: float
    peer: float
    of: str  # what the peer or bound is
    unit: str
    ratio: float
    wanted: str
    ok: bool


class Ledger:
    """The rows of one run."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.group = ""

    def row(
        self,
        name: str,
        *,
        ours: float,
        peer: float,
        of: str,
        unit: str,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        """Write down one measurement, with the ratio it is wanted to keep at most or at least."""
        ratio = ours / peer if peer else float("inf")
        if at_most is not None:
            wanted, ok = f"≤ {at_most:g}", ratio <= at_most
        elif at_least is not None:
            wanted, ok = f"≥ {at_least:g}", ratio >= at_least
        else:
            wanted, ok = "", True  # shown, not judged: a stage of something that is
        self.rows.append(Row(self.group, name, ours, peer, of, unit, ratio, wanted, ok))
        print(line(self.rows[-1]), flush=True)


Measure = Callable[[Ledger], None]
Groups = Mapping[str, Mapping[str, Measure]]


def run(title: str, groups: Groups, asked: Sequence[str]) -> int:
    """Measure what was asked for (a group, or a name), print the table and keep it as JSON."""
    only = set(asked)
    known = set(groups) | {name for rows in groups.values() for name in rows}
    if only - known:
        print(f"nothing is named {min(only - known)!r}; there are: {', '.join(sorted(known))}")
        return 2
    ledger = Ledger()
    print(HEAD, flush=True)
    for group, rows in groups.items():
        ledger.group = group
        for name, measure in rows.items():
            if not only or group in only or name in only:
                measure(ledger)
    KEPT.mkdir(exist_ok=True)
    kept = KEPT / f"{title}.json"
    kept.write_text(json.dumps([asdict(row) for row in ledger.rows], indent=1) + "\n")
    missed = [f"{row.group}: {row.name}" for row in ledger.rows if not row.ok]
    judged = [row for row in ledger.rows if row.wanted]
    print(f"rows as JSON: {kept.relative_to(ROOT)}")
    summary = f"{title}: {len(judged) - len(missed)} met, {len(missed)} missed"
    print(summary + (f": {'; '.join(missed)}" if missed else ""))
    return 1 if missed else 0


HEAD = (
    f"{'group':<16}{'name':<34}{'ours':>12}  {'peer or bound':<34}"
    f"{'peer':>12}{'ratio':>8}{'wanted':>8}  ok"
)


def line(row: Row) -> str:
    """Return a row of the table."""
    ours, peer = (f"{amount:.4g} {row.unit}".strip() for amount in (row.ours, row.peer))
    ok = "" if not row.wanted else "yes" if row.ok else "NO"
    return (
        f"{row.group:<16}{row.name:<34}{ours:>12}  {row.of:<34}"
        f"{peer:>12}{row.ratio:>8.2f}{row.wanted:>8}  {ok}"
    )


# ── measuring ───────────────────────────────────────────────────────────────────────────────────


def seconds(parts: Mapping[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Return each part's median seconds; they take turns, so that a busy machine is fair."""
    taken: dict[str, list[float]] = {name: [] for name in parts}
    for part in parts.values():
        part()  # once unmeasured: bytecode, page cache
    for _ in range(times):
        for name, part in parts.items():
            started = time.perf_counter()
            part()
            taken[name].append(time.perf_counter() - started)
    return {name: median(found) for name, found in taken.items()}


def program(*command: str | Path) -> Callable[[], int]:
    """Return a call that runs a program to its end and gives its peak memory in bytes."""

    def started() -> int:
        running = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"COLUMNS": "100", "NO_COLOR": "1"},
        )
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        if running.returncode:
            raise RuntimeError(f"{command[0]} ended with {running.returncode}")
        return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)  # macOS counts bytes

    return started
