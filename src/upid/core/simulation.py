"""A proposal replayed on the recorded past: how often would it have been too little (OPT-4)."""

from dataclasses import dataclass

import numpy as np

from upid.core.explain import Unknown
from upid.core.histogram import chunks
from upid.core.panel import Floats, Ints, Panel


@dataclass(frozen=True, slots=True)
class Replay:
    """What the proposal would have met in the recorded window, for one container.

    cpu_over_request     0 to 1: share of samples over the proposed CPU request
    cpu_over_limit       0 to 1: share that the proposed CPU limit would have throttled
    cpu_worst            cores: the largest use above the proposed request; 0 where never above
    memory_over_request  0 to 1: share over the proposed memory request (evicted first when short)
    memory_over_limit    samples over the proposed memory limit: each an OOM kill; always 0
    memory_worst         bytes: the largest use above the proposed request

    Unknown where that resource was not measured. Throttled use is censored at the old limit: the
    past cannot tell what would have been used without it.
    """

    cpu_over_request: float | Unknown
    cpu_over_limit: float | Unknown
    cpu_worst: float | Unknown
    memory_over_request: float | Unknown
    memory_over_limit: int | Unknown
    memory_worst: int | Unknown


@dataclass(frozen=True, slots=True, eq=False)
class Exceeded:
    """How often each group went over its bounds.

    samples       (g,) samples judged
    over_request  (g,) samples above the request
    over_limit    (g,) samples above the limit
    worst         (g,) largest excess over the request, in the panel's unit; 0 where never
    """

    samples: Ints
    over_request: Ints
    over_limit: Ints
    worst: Floats


def replay(panel: Panel, groups: Ints, request: Floats, limit: Floats) -> Exceeded:
    """Return how often each group's samples exceed its request and its limit.

    groups   (s,) the group of each series; -1 is left out
    request  (g,) in the panel's unit; infinite where there is none
    limit    (g,) likewise

    O(n), in chunks; nothing larger than a chunk is held.
    """
    size = request.size
    seen = (np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64))
    worst = np.zeros(size)
    for chunk in chunks(panel):
        group = groups[chunk.first : chunk.last]
        counts = chunk.panel.counts
        rows = np.flatnonzero((group >= 0) & (counts > 0))
        if rows.size == 0:
            continue
        starts = (np.cumsum(counts) - counts)[counts > 0]
        known = np.flatnonzero(counts > 0)
        position = np.searchsorted(known, rows)
        safe = np.where(group >= 0, group, 0)
        excess = chunk.values - np.repeat(request[safe], counts)
        over = np.add.reduceat(excess > 0, starts, dtype=np.int64)[position]
        beyond = chunk.values > np.repeat(limit[safe], counts)
        hit = np.add.reduceat(beyond, starts, dtype=np.int64)[position]
        np.add.at(seen[0], group[rows], counts[rows])
        np.add.at(seen[1], group[rows], over)
        np.add.at(seen[2], group[rows], hit)
        np.maximum.at(worst, group[rows], np.maximum.reduceat(excess, starts)[position])
    return Exceeded(*seen, worst)
