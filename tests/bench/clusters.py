"""Group clusters: many registered clusters of which some are ill, by the registry's own lines."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from statistics import median, quantiles
from typing import Any

from tests.bench.ledger import Ledger, Measure

MEGABYTE = 10**6
FULL = (120, 80, 60, 3, 60)  # healthy, ill, seconds, rounds, seconds of a breaker's pause
MOST_P99, MOST_MEMORY, MOST_FAILURES = 1.2, 1.2, 3


def ran(*sizes: int) -> dict[str, Any]:
    """Return what a run of `tests.bench.ailing` measured, in a process of its own."""
    command = (sys.executable, "-m", "tests.bench.ailing", *map(str, sizes))
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    found: dict[str, Any] = json.loads(answer)
    return found


def p99(rounds: Sequence[Sequence[float]]) -> float:
    """Return the 99th percentile of a round, the median of rounds: a machine has bad moments."""
    return median(quantiles(one, n=100, method="inclusive")[-1] for one in rounds)


def ailing(ledger: Ledger) -> None:
    """O1: 200 clusters, 80 of them ill: healthy ones' collection, memory, failures (CLU-7)."""
    print(f"  load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    found = ran(*FULL)
    took, memory = found["took"], found["memory"]
    ledger.row(
        "200-clusters-80-ill-p99",
        ours=p99(took["beside"]) * 1000,
        peer=p99(took["alone"]) * 1000,
        of="the 120 healthy ones alone",
        unit="ms",
        at_most=MOST_P99,
    )
    ledger.row(
        "200-clusters-80-ill-memory",
        ours=memory["beside"] / MEGABYTE,
        peer=memory["alone"] / MEGABYTE,
        of="the 120 healthy ones alone",
        unit="MB",
        at_most=MOST_MEMORY,
    )
    ledger.row(
        "200-clusters-80-ill-failures",
        ours=max(found["asked"].values()) / found["rounds"],
        peer=MOST_FAILURES,
        of="before a breaker opens",
        unit="",
        at_most=1,
    )
    ledger.row(
        "200-clusters-80-ill-breakers",
        ours=found["open"],
        peer=found["ill"],
        of="ill clusters",
        unit="open",
        at_least=1,
    )


ROWS: dict[str, Measure] = {"ailing": ailing}
