"""Group house: what it costs to start, and what the first command that anybody types costs."""

import sys
from pathlib import Path

from tests.bench.ledger import IN, Ledger, Measure, program, seconds

TURNS = 11
BARE = program(sys.executable, Path(__file__).with_name("bare.py"), "--help")
HELP = program(IN / "upid", "--help")
DEMO = program(IN / "upid", "demo")
MEGABYTE = 10**6
MOST_MEMORY = 300  # MB that the demo may take at its peak


def start(ledger: Ledger) -> None:
    """`upid --help` against a bare Typer program."""
    took = seconds({"bare": BARE, "help": HELP}, TURNS)
    ledger.row(
        "start",
        ours=took["help"] * 1000,
        peer=took["bare"] * 1000,
        of="bare Typer --help",
        unit="ms",
        at_most=1.5,
    )


def demo(ledger: Ledger) -> None:
    """`upid demo`, the whole job on the sample, against the same bare program."""
    took = seconds({"bare": BARE, "demo": DEMO}, TURNS)
    ledger.row(
        "demo",
        ours=took["demo"] * 1000,
        peer=took["bare"] * 1000,
        of="bare Typer --help",
        unit="ms",
        at_most=6,
    )


def memory(ledger: Ledger) -> None:
    """Peak memory of `upid demo` against its bound."""
    ledger.row(
        "memory",
        ours=max(DEMO() for _ in range(3)) / MEGABYTE,
        peer=MOST_MEMORY,
        of="bound",
        unit="MB",
        at_most=1,
    )


ROWS: dict[str, Measure] = {"start": start, "demo": demo, "memory": memory}
