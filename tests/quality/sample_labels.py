"""How UPID's verdicts on the sample compare with the truth about its workloads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LABELS = Path(__file__).with_name("sample_labels.json")
IGNORED = "ignored"  # a workload whose owner asked for no judgement counts for neither figure


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well workloads were called idle; both shares are 0 to 1.

    wrong   called idle, but not          missed  idle, but not called so
    unlike  called busy or idle although blocked
    """

    precision: float
    recall: float
    wrong: tuple[str, ...]
    missed: tuple[str, ...]
    unlike: tuple[str, ...]


def truth() -> dict[str, str]:
    """Return the verdict of each workload that may be judged: `namespace/Kind/name` → verdict."""
    labels = json.loads(LABELS.read_text())
    return {key: label["verdict"] for key, label in labels.items() if IGNORED not in label["facts"]}


def agreement(verdicts: Mapping[str, str]) -> Agreement:
    """Return how verdicts by workload agree with the truth; one that is absent is not idle."""
    known = truth()
    called = {key for key in known if verdicts.get(key) == "idle"}
    idle = {key for key, verdict in known.items() if verdict == "idle"}
    blocked = {key for key, verdict in known.items() if verdict == "blocked"}
    right = len(called & idle)
    return Agreement(
        precision=right / len(called) if called else 0.0,
        recall=right / len(idle),
        wrong=tuple(sorted(called - idle)),
        missed=tuple(sorted(idle - called)),
        unlike=tuple(sorted(key for key in blocked if verdicts.get(key) != "blocked")),
    )
