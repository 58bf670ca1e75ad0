"""What a pod's usage tells of its work where requests do not (IDL-7), hour by hour."""

from dataclasses import dataclass

import numpy as np

from upid.core.activity import DAY, Activity, Bools, Floats, Ints

FLOOR = 0.05  # quantile of a pod's hours that is its floor: what it uses without work
BUSY_HOURS = 0.95  # IDL-7: the P95 that usage is measured against
LOOKED_BACK = 30 * DAY  # IDL-7
RARELY = 3.0  # a highest hour this many times further above the floor than P95 is rare work

# Less than this is nothing: probes and scrapes cost as much. CPU is the 0.01 core of IDL-3;
# a scrape of 60 kB twice a minute is 2 kB/s.
LEAST = {"cpu": 0.01, "network": 2_000.0}
# An hour this far above the floor, and at least double the floor, is an hour of work.
WORK = {"cpu": 0.02, "network": 10_000.0}
# A pod without a business request that uses this much on the mean does something.
STEADY = {"cpu": 0.1, "network": 100_000.0}

NO_USAGE, BY_CPU, BY_NETWORK = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Usage:
    """What usage tells of p pods; pods that were not asked about have NaN and False.

    kind         (p,)   which usage speaks: 0 none, 1 CPU, 2 network bytes
    factor       (p,)   the resource factor of IDL-7, 0 to 100; NaN where it says nothing
    level        (p,)   P95 of the evidence's hours, floor, P95 and highest hour of 30 days,
    floor        (p,)   in cores or bytes a second by `kind`
    p95          (p,)
    peak         (p,)
    rare         (p,)   works so rarely that P95 sits at the floor while the peak does not
    steady       (p,)   flat usage that is not small: it may be work
    unrequested  (p,)   works although no business request explains it
    works_now    (p,)   had an hour of work in the evidence
    working      (p, h) hours of work
    sampled      (p, h) hours with samples that count
    """

    kind: Ints
    factor: Floats
    level: Floats
    floor: Floats
    p95: Floats
    peak: Floats
    rare: Bools
    steady: Bools
    unrequested: Bools
    works_now: Bools
    working: Bools
    sampled: Bools


def usage_of(activity: Activity, asked: Bools) -> Usage:
    """Return what usage tells of the pods that are asked about.

    Where a pod has network and CPU samples, the busier of the two speaks, network on a tie: a
    pod that computes without talking works, and so does one that talks without computing.
    """
    rows = np.flatnonzero(asked)
    network = _Measured(activity, activity.network[rows], "network", rows)
    cpu = _Measured(activity, activity.cpu[rows], "cpu", rows)
    pods, hours = activity.alive.shape
    by_cpu = np.where(np.isnan(cpu.factor), np.inf, cpu.factor)
    by_network = np.where(np.isnan(network.factor), np.inf, network.factor)
    kind = np.where(cpu.known & (~network.known | (by_cpu < by_network)), BY_CPU, BY_NETWORK)
    kind = np.where(cpu.known | network.known, kind, NO_USAGE)
    from_cpu = kind == BY_CPU

    def spread(of_cpu: Floats, of_network: Floats) -> Floats:
        found = np.full(pods, np.nan)
        found[rows] = np.where(from_cpu, of_cpu, of_network)
        return found

    def marked(found: Bools) -> Bools:
        whole = np.zeros((pods, *found.shape[1:]), np.bool_)
        whole[rows] = found
        return whole

    working = cpu.working | network.working
    requested = activity.business[rows] > 0
    requested[:, 1:] |= requested[:, :-1].copy()  # work may outlast the hour of its request
    alone = (working & ~requested)[:, max(0, hours - LOOKED_BACK) :].any(axis=1)
    asked_for = activity.business[rows, activity.history :].any(axis=1)
    kinds = np.zeros(pods, np.int64)
    kinds[rows] = kind
    rare, steady = cpu.rare | network.rare, cpu.steady | network.steady
    factor = spread(cpu.factor, network.factor)
    factor[rows[rare | steady]] = np.nan
    return Usage(
        kind=kinds,
        factor=factor,
        level=spread(cpu.level, network.level),
        floor=spread(cpu.floor, network.floor),
        p95=spread(cpu.p95, network.p95),
        peak=spread(cpu.peak, network.peak),
        rare=marked(rare),
        steady=marked(steady),
        unrequested=marked(np.asarray(~asked_for & (alone | cpu.much | network.much))),
        works_now=marked(np.asarray(working[:, activity.history :].any(axis=1))),
        working=marked(working),
        sampled=marked(cpu.sampled | network.sampled),
    )


def ranked(rising: Floats, counts: Ints, q: float) -> Floats:
    """(p,) the nearest-rank quantile of sorted rows with NaN last; NaN for an empty row."""
    rank = np.maximum(1, np.ceil(q * counts - 1e-9)).astype(np.int64) - 1
    if rising.shape[1] == 0:
        return np.full(counts.size, np.nan)
    return np.asarray(rising[np.arange(counts.size), rank])


class _Measured:
    """One kind of usage of some pods: its floor, its spread, and the hours above it."""

    def __init__(self, activity: Activity, used: Floats, kind: str, rows: Ints) -> None:
        least = LEAST[kind]
        values = np.where(activity.settled[rows], used, np.nan)
        recent = values[:, max(0, values.shape[1] - LOOKED_BACK) :]
        rising, now = np.sort(recent, axis=1), np.sort(values[:, activity.history :], axis=1)
        counts = (~np.isnan(rising)).sum(axis=1)
        present = (~np.isnan(now)).sum(axis=1)
        self.sampled = ~np.isnan(values)
        self.known = present > 0
        self.floor = ranked(rising, counts, FLOOR)
        self.p95 = ranked(rising, counts, BUSY_HOURS)
        self.peak = ranked(rising, counts, 1.0)
        self.level = ranked(now, present, BUSY_HOURS)
        above = values - self.floor[:, None]
        self.working = above > np.maximum(WORK[kind], self.floor)[:, None]
        mean = np.divide(
            np.where(np.isnan(now), 0.0, now).sum(axis=1),
            present,
            out=np.zeros(present.size),
            where=self.known,
        )
        self.much = mean >= STEADY[kind]
        spread = self.p95 - self.floor
        flat = spread < np.maximum(least, 0.5 * self.floor)
        self.rare = self.working.any(axis=1) & (
            self.peak - self.floor > RARELY * np.maximum(spread, least)
        )
        self.steady = flat & (self.floor >= least) & ~self.rare
        scale = np.maximum(spread, least)
        share = np.clip((self.level - self.floor) / scale, 0.0, 1.0)
        self.factor = np.where(self.known, 100.0 * (1.0 - share), np.nan)
