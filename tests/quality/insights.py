"""Group insights: verdicts on the sample against the truth about its workloads (IDL-1 … IDL-5)."""

import json
import subprocess
from functools import cache

from tests.bench.ledger import IN, Ledger, Measure
from tests.quality.sample_labels import Agreement, agreement

ASKED = ("analyze", "cluster", "--recording", "sample", "--detailed", "-o", "json")


@cache
def judged() -> Agreement:
    """Return how the program's verdicts on the sample agree with the truth."""
    answer = subprocess.run([IN / "upid", *ASKED], capture_output=True, check=True).stdout
    found = json.loads(answer)["idle"]
    return agreement({one["workload"]: one["verdict"] for one in found})


def precision(ledger: Ledger) -> None:
    """Of the workloads called idle, how many are."""
    said = judged()
    explained("not idle, but called so", said.wrong)
    ledger.row("idle-precision", ours=said.precision, peer=1, of="the truth", unit="", at_least=1)


def recall(ledger: Ledger) -> None:
    """Of the idle workloads, how many are called so."""
    said = judged()
    explained("idle, but not called so", said.missed)
    ledger.row("idle-recall", ours=said.recall, peer=1, of="the truth", unit="", at_least=0.9)


def blocked(ledger: Ledger) -> None:
    """Of the workloads whose dependency is down, how many are told apart from idle ones."""
    said = judged()
    explained("blocked, but not called so", said.unlike)
    ledger.row(
        "blocked-not-found", ours=len(said.unlike), peer=1, of="one workload", unit="", at_most=0
    )


def explained(what: str, workloads: tuple[str, ...]) -> None:
    """Print the workloads behind a missed row."""
    for workload in workloads:
        print(f"  {what}: {workload}")


ROWS: dict[str, Measure] = {
    "idle-precision": precision,
    "idle-recall": recall,
    "blocked-not-found": blocked,
}
