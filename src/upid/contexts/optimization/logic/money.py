"""What proposals are worth: savings by what-if, and every charge split to the micro."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from upid.contexts.costs import Allocation
from upid.contexts.optimization.logic.sizing import Draft, Judged
from upid.contexts.optimization.types import Code, Headroom, Target
from upid.core import allocation as core
from upid.core.explain import Unknown
from upid.core.panel import Floats, Ints
from upid.core.rightsizing import Ask
from upid.core.snapshot import WorkloadKey

_Amount = TypeVar("_Amount", int, float)
Place = tuple[WorkloadKey, str]  # a container of a workload


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """Where each container of each workload stands in an allocation, and its sums in micros."""

    allocation: Allocation
    rows: Mapping[Place, Ints]
    charges: Mapping[WorkloadKey, int]

    def charged(self, key: WorkloadKey) -> int:
        """Return what a workload is charged over the window."""
        return self.charges.get(key, 0)


def ledger(allocation: Allocation) -> Ledger:
    """Return where each container of each workload stands, sorted."""
    rows: dict[Place, list[int]] = defaultdict(list)
    charges: dict[WorkloadKey, int] = defaultdict(int)
    charged = zip(allocation.containers, allocation.allocated.tolist(), strict=True)
    for i, (row, micros) in enumerate(charged):
        rows[row.workload, row.container].append(i)
        charges[row.workload] += micros
    places = {place: np.array(rows[place], np.int64) for place in sorted(rows)}
    return Ledger(allocation, places, charges)


def efficiencies(book: Ledger) -> dict[WorkloadKey, float | Unknown]:
    """Return used ÷ allocated of each workload (COST-2); what was not measured is left out."""
    shares = book.allocation.shares
    allocated = shares.allocated
    used = shares.parts[:, :, core.USED].sum(axis=1)
    unmeasured = shares.parts[:, :, core.UNMEASURED].sum(axis=1)
    sums: dict[WorkloadKey, list[int]] = defaultdict(lambda: [0, 0])
    for (key, _), rows in book.rows.items():
        sums[key][0] += int(used[rows].sum())
        sums[key][1] += int((allocated[rows] - unmeasured[rows]).sum())
    return {
        key: taken / whole if whole > 0 else Unknown("nothing was charged")
        for key, (taken, whole) in sums.items()
    }


def gains(book: Ledger, asks: Mapping[Place, tuple[Ask, Ask]]) -> dict[Place, tuple[int, int, int]]:
    """Return what each container would have saved by CPU, by memory and in all; micros.

    asks  (now, instead) by container; all its pods together, over the window
    """
    places = [place for place in asks if place in book.rows]
    if not places:
        return {}
    rows = np.concatenate([book.rows[place] for place in places])
    counts = np.array([book.rows[place].size for place in places])
    cpu, memory = (_wanted([asks[p] for p in places], counts, name) for name in _REQUESTS)
    allocated = book.allocation.allocated[rows]
    by_cpu = book.allocation.saved(rows, cpu_request=cpu)
    by_memory = book.allocation.saved(rows, memory_request=memory)
    starts = np.cumsum(counts) - counts
    total = np.minimum(by_cpu + by_memory, allocated)
    sums = [np.add.reduceat(x, starts).tolist() for x in (by_cpu, by_memory, total)]
    return dict(zip(places, zip(*sums, strict=True), strict=True))


_REQUESTS = ("cpu_request", "memory_request")


def _wanted(asks: Sequence[tuple[Ask, Ask]], counts: Ints, name: str) -> Floats:
    """(k,) the request instead, NaN where it stays as it is."""
    found = []
    for now, instead in asks:
        value = getattr(instead, name)
        found.append(np.nan if value is None or value == getattr(now, name) else float(value))
    return np.repeat(np.array(found), counts)


def headroom(
    book: Ledger, judged: Mapping[WorkloadKey, Judged], idle: frozenset[WorkloadKey]
) -> tuple[Headroom, ...]:
    """Split every container's charge into used, deliberate headroom, over-request and unknown.

    Over-request is what advice takes away, or would if nothing stood in its way, and all that an
    idle workload does not use. The rest of what is not used is deliberate: it is what the
    proposal keeps free, or a difference that is not worth a rollout. What nobody measured or
    judged is unknown. The four add up to the charge exactly.
    """
    drafts: dict[Place, tuple[Judged, Draft]] = {
        (key, draft.container.name): (one, draft)
        for key, one in judged.items()
        for draft in one.drafts
    }
    asks = {place: (draft.current, _kept(one, draft)) for place, (one, draft) in drafts.items()}
    found, saved = [], gains(book, asks)
    parts = book.allocation.shares.parts
    for place, rows in book.rows.items():
        used, wasted, unmeasured = (int(x) for x in parts[rows].sum(axis=(0, 1)))
        over = 0
        if place[0] in idle:
            over, kept, unknown = wasted + unmeasured, 0, 0
        elif place in drafts:
            over = min(wasted, sum(max(0, x) for x in saved.get(place, (0, 0, 0))[:2]))
            kept, unknown = wasted - over, unmeasured
        else:
            kept, unknown = 0, wasted + unmeasured
        target = Target(*place[0], (place[1],))
        found.append(Headroom(target, used + wasted + unmeasured, used, kept, over, unknown))
    return tuple(found)


def _kept(one: Judged, draft: Draft) -> Ask:
    """Return the requests that keep what is kept on purpose.

    Those advised; where something stands in the way of a smaller one, those that the estimators
    arrive at.
    """
    now, sized = draft.current, draft.sized
    hindered = one.left is not None and one.left.code is not Code.FITS
    scaled = one.around.autoscaler.utilization if one.around.autoscaler else {}
    cpu, memory = sized.ask.cpu_request, sized.ask.memory_request
    if hindered or "cpu" in scaled:
        cpu = _smaller(now.cpu_request, sized.wanted_cpu)
    if hindered or "memory" in scaled or draft.seen.leaking:
        memory = _smaller(now.memory_request, sized.wanted_memory)
    return Ask(
        _smaller(now.cpu_request, cpu),
        None,
        _smaller(now.memory_request, memory),
        None,
    )


def _smaller(asked: _Amount | None, wanted: _Amount | None) -> _Amount | None:
    return asked if asked is None or wanted is None else min(asked, wanted)
