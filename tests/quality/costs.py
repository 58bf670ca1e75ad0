"""Group costs: bills of ten thousand random clusters, divided, must add up again (COST-1)."""

from functools import cache

import numpy as np

from tests.bench.ledger import Ledger, Measure
from tests.unit.core.test_allocation import CLUSTERS, divide, world
from upid.core.allocation import Basis, Model, Sharing
from upid.core.money import MICROS

BATCHES = 20  # of 500 clusters
CENT = MICROS // 100


@cache
def gaps() -> tuple[int, int]:
    """Return the largest gap between a bill and its parts in micros, and the lowest amount."""
    gap = lowest = 0
    for batch in range(BATCHES):
        some = world(batch, CLUSTERS)
        node = some.demand.node
        on = node >= 0
        for model in Model:
            for sharing in Sharing:
                shares = divide(some, model, Basis.HIGHER, sharing)
                added = shares.idle.sum(axis=1)
                np.add.at(added, node[on], (shares.allocated + shares.shared_idle)[on])
                gap = max(gap, int(np.abs(added - shares.bills).max()))
                for amounts in (shares.parts, shares.idle, shares.shared_idle, shares.bills):
                    lowest = min(lowest, int(amounts.min(initial=0)))
    return gap, lowest


def closure(ledger: Ledger) -> None:
    """The largest gap between a cluster's bill and the sum of what it was divided into."""
    ledger.row("closure-gap", ours=gaps()[0] / CENT, peer=1, of="one cent", unit="cents", at_most=0)


def negative(ledger: Ledger) -> None:
    """The lowest amount anywhere, as far as it is below zero."""
    ledger.row(
        "negative-amount", ours=-gaps()[1] / CENT, peer=1, of="one cent", unit="cents", at_most=0
    )


ROWS: dict[str, Measure] = {"closure-gap": closure, "negative-amount": negative}
