"""Hours of the week in plain words: `Mon–Fri 20:00–06:00, all weekend` (IDL-8)."""

from functools import lru_cache
from itertools import groupby

import numpy as np

from upid.core.activity import DAY, WEEK, Bools, Ints, by_hour_of_week

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WEEKEND = (5, 6)
ALWAYS = "all the time"
LOOKED_BACK = 4 * WEEK  # hours: four of each hour of the week
SHORTEST = 3  # hours of quiet that are worth a name
MOST_GROUPS = 4  # more different days than this are no pattern


def quiet_hours(active: Bools, known: Bools, hours: Ints) -> Bools:
    """(p, 168) the hours of the week that were seen in the last four weeks and never active.

    active, known  (p, h)  hours of work, and hours of which that is known
    hours          (h,)    hour of the week of each column
    """
    recent = slice(max(0, hours.size - LOOKED_BACK), None)
    worked, seen = by_hour_of_week(active[:, recent], known[:, recent], hours[recent])
    return np.asarray((seen > 0) & (worked == 0))


def named_periods(quiet: Bools) -> tuple[str, ...]:
    """Return the quiet hours of a week (168,), Monday 00:00 UTC first, in plain words.

    Runs of under three hours are left out. Days alike share a name; when more than four kinds of
    day remain, only what is quiet every day is named.
    """
    return _named(quiet.tobytes())


@lru_cache(maxsize=4096)
def _named(mask: bytes) -> tuple[str, ...]:
    quiet = np.frombuffer(mask, np.bool_)
    if quiet.all():
        return (ALWAYS,)
    long = _long_runs(quiet).reshape(7, DAY)
    if len({row.tobytes() for row in long}) > MOST_GROUPS:
        long = np.tile(long.all(axis=0), (7, 1))
    found: list[str] = []
    for pattern, days in _groups(long):
        found += [f"{days} {hours}".strip() for hours in _ranges(pattern)]
    return tuple(found)


def _long_runs(quiet: Bools) -> Bools:
    """Return the mask without its short runs; the week is a circle."""
    kept = quiet.copy()
    first_busy = int(np.argmin(quiet))
    turned = np.roll(quiet, -first_busy)
    at = 0
    for value, run in groupby(turned.tolist()):
        length = len(list(run))
        if value and length < SHORTEST:
            kept[(first_busy + at + np.arange(length)) % WEEK] = False
        at += length
    return kept


def _groups(days: Bools) -> list[tuple[Bools, str]]:
    """Return each distinct pattern of a day with the days that have it, in the week's order."""
    by_pattern: dict[bytes, list[int]] = {}
    for day in range(7):
        by_pattern.setdefault(days[day].tobytes(), []).append(day)
    return [
        (days[members[0]], _named_days(tuple(members), whole=bool(days[members[0]].all())))
        for members in by_pattern.values()
        if days[members[0]].any()
    ]


def _named_days(members: tuple[int, ...], *, whole: bool) -> str:
    every = "all " if whole else ""
    if len(members) == 7:  # noqa: PLR2004
        return "every day"
    if members == WEEKEND:
        return "all weekend" if whole else "weekend"
    if len(members) > 1 and members == tuple(range(members[0], members[-1] + 1)):
        return f"{every}{DAYS[members[0]]}–{DAYS[members[-1]]}"
    return every + ", ".join(DAYS[day] for day in members)


def _ranges(pattern: Bools) -> list[str]:
    """Return the quiet ranges of one day; one that ends at midnight joins one that begins there."""
    if pattern.all():
        return [""]
    edges = np.flatnonzero(np.diff(np.concatenate(([False], pattern, [False])).astype(np.int8)))
    runs = [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
    if len(runs) > 1 and runs[0][0] == 0 and runs[-1][1] == DAY:
        runs = [*runs[1:-1], (runs[-1][0], runs[0][1])]
    return [f"{a:02}:00–{b % DAY:02}:00" for a, b in runs]
