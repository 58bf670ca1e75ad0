"""When usage changes for good: level shifts between days, and memory that only ever grows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from upid.core.panel import Floats, Ints

SHIFT_DAYS = 3  # on each side: with fewer, a weekend looks like a shift
SHIFT_FACTOR = 1.5  # the quietest day on one side against the busiest on the other

LEAK_CORRELATION = 0.9  # of memory with time; a step up reaches 0.87, a day's rhythm far less
LEAK_GROWTH = 0.2  # of where the run began; less is noise of caches
LEAK_HOURS = 48  # a run that is still going on: longer than any rhythm of a day
LEAK_HOURS_ENDED = 6  # a run that a restart or an OOM kill ended
_LEAST_GROWTH = 16 << 20  # bytes; smaller containers drift by as much


@dataclass(frozen=True, slots=True, eq=False)
class Shifts:
    """Level shifts, at most one for each series.

    day     (g,) first day of the present level; 0 where there was no shift
    factor  (g,) how many times higher (above 1) or lower (below 1) it is; 1 where none
    """

    day: Ints
    factor: Floats


def level_shifts(daily: Floats) -> Shifts:
    """Find the day from which every day is clearly above, or below, every day before.

    daily  (g, days)  mean of each day, NaN where there is none

    All days after the shift lie beyond all days before it by `SHIFT_FACTOR`, with at least
    `SHIFT_DAYS` on each side: an order statistic that weekends and single bursts cannot fake. Of
    several such days the one with the widest gap is taken, of equal gaps the latest.
    """
    size, days = daily.shape
    day, factor = np.zeros(size, np.int64), np.ones(size)
    if days < 2 * SHIFT_DAYS:
        return Shifts(day, factor)
    low, high = np.nan_to_num(daily, nan=np.inf), np.nan_to_num(daily, nan=-np.inf)
    before_low, before_high = np.minimum.accumulate(low, 1), np.maximum.accumulate(high, 1)
    after_low = np.minimum.accumulate(low[:, ::-1], 1)[:, ::-1]
    after_high = np.maximum.accumulate(high[:, ::-1], 1)[:, ::-1]
    seen = np.isfinite(daily)
    count = np.cumsum(seen, axis=1)
    best = np.full(size, SHIFT_FACTOR)
    for k in range(SHIFT_DAYS, days - SHIFT_DAYS + 1):
        enough = count[:, k - 1] >= SHIFT_DAYS
        enough &= count[:, -1] - count[:, k - 1] >= SHIFT_DAYS
        up = _ratio(after_low[:, k], before_high[:, k - 1])
        down = _ratio(before_low[:, k - 1], after_high[:, k])
        gap = np.maximum(up, down)
        found = enough & (gap >= best)
        day[found], best[found] = k, gap[found]
        factor[found] = np.where(up >= down, up, 1 / np.maximum(down, 1e-9))[found]
    return Shifts(day, factor)


def leaks(hourly: Floats, breaks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which series of memory grow from restart to restart.

    hourly  (s, hours)  bytes, NaN where there is none
    breaks  (s, hours)  hours with a restart or an OOM kill; they end a run and are left out
    returns (s,)

    A run leaks when memory follows time (Pearson's r at least 0.9) and the fitted line grows by
    20 % and 16 MiB or more; it must last 48 hours, or 6 where a restart ended it. O(s × hours).
    """
    size = hourly.shape[0]
    found = np.zeros(size, bool)
    rows, hours = np.nonzero(np.isfinite(hourly) & ~breaks)
    if rows.size == 0:
        return found
    run = np.cumsum(breaks, axis=1)[rows, hours]
    first = np.flatnonzero((np.diff(rows, prepend=-1) != 0) | (np.diff(run, prepend=-1) != 0))
    count = np.diff(first, append=rows.size)
    row = rows[first]
    ended = run[first] < breaks.sum(axis=1)[row]
    memory, time = hourly[rows, hours] / _LEAST_GROWTH, hours.astype(float)
    time -= np.repeat(np.add.reduceat(time, first) / count, count)
    level = np.add.reduceat(memory, first) / count
    memory -= np.repeat(level, count)
    both, times, memories = (
        np.add.reduceat(x, first) for x in (time * memory, time * time, memory * memory)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        r = both / np.sqrt(times * memories)
        growth = both / times * (hours[first + count - 1] - hours[first])
    begin = np.maximum(level - growth / 2, 0.0)
    leaking = (r >= LEAK_CORRELATION) & (growth >= 1.0) & (growth >= LEAK_GROWTH * begin)
    leaking &= count >= np.where(ended, LEAK_HOURS_ENDED, LEAK_HOURS)
    found[row[leaking]] = True
    return found


def _ratio(over: Floats, under: Floats) -> Floats:
    """Return over ÷ under, 0 where that means nothing."""
    good = np.isfinite(over) & np.isfinite(under) & (under > 0)
    return np.divide(over, under, out=np.zeros_like(over), where=good)
