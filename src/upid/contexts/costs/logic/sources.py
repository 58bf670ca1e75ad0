"""Which prices would answer for some nodes, and how far they can be trusted."""

from collections import Counter
from collections.abc import Sequence

from upid.contexts.clusters import Check, State
from upid.contexts.costs.logic.pricing import Ladder, currency_of
from upid.core.ports.prices import PriceKind, PriceList
from upid.core.snapshot import Node

_STATED = "USD"
_REMEDY = "record the cluster with a price sheet of your own (docs/guide/prices.md)"


def prices_check(nodes: Sequence[Node] | None, prices: PriceList) -> Check:
    """Return where the prices of nodes come from; by rates alone is a warning.

    nodes  None: they may not be listed
    """
    if not nodes:
        why = "nodes may not be listed" if nodes is None else "there are no nodes to price"
        return Check("prices", State.UNKNOWN, why)
    ladder = Ladder(None, prices, currency_of(None, prices, tuple(nodes), _STATED))
    found = Counter(ladder.node(node).source for node in nodes)
    said = [
        f"{count} of {len(nodes)} nodes by {one.source}" + (f" of {one.as_of}" if one.as_of else "")
        for one, count in sorted(found.items(), key=lambda item: (-item[1], item[0].source))
    ]
    if all(one.kind is PriceKind.LIST for one in found):
        return Check("prices", State.OK, "; ".join(said))
    means = "no price list has these machines, so money is a rough figure"
    return Check("prices", State.WARNING, "; ".join(said), means, _REMEDY)
