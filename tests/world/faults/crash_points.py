"""Every request of a job times every fault, as plans with readable names.

A job is run once through a proxy without faults to learn its requests. The plans that follow from
them are the same each time, so a failing one is run again by its name.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.world.faults.errors import ProxyTrouble
from tests.world.faults.kinds import Fault, Kill, Moment, Victim
from tests.world.faults.plan import Plan, Rule
from tests.world.faults.proxy import FaultProxy
from tests.world.faults.records import Outcome, Record

_SHOWN = 40  # characters of a path in a name


@dataclass(frozen=True, slots=True)
class Case:
    """One schedule of faults. `name` is unique among the cases of one job and fits a test's id."""

    name: str
    plan: Plan

    def __str__(self) -> str:
        return self.name


def learn(job: Callable[[FaultProxy], object], proxy: FaultProxy) -> tuple[Record, ...]:
    """Run a job once through a proxy that was not started, and return its requests in order.

    The proxy is closed afterwards. Raises `ProxyTrouble` when a request did not pass, and whatever
    the job raises.
    """
    with proxy:
        job(proxy)
        seen = proxy.requests
    lost = [r for r in seen if r.outcome in (Outcome.UPSTREAM_REFUSED, Outcome.UPSTREAM_BROKE)]
    if lost or not seen:
        raise ProxyTrouble(f"the job has to pass without faults first: {lost or 'no requests'}")
    return tuple(seen)


def kills(victim: Victim | None = None) -> tuple[Fault, ...]:
    """Return the three ways to die around one request."""
    return tuple(Kill(moment, victim) for moment in Moment)


def each(requests: Sequence[Record], faults: Sequence[Fault]) -> Iterator[Case]:
    """Yield a case for each request and each fault, in order: N × len(faults)."""
    for record in requests:
        for fault in faults:
            plan = Plan((Rule(fault, number=record.number),))
            yield Case(f"{_place(record)}-{fault.name}", plan)


def crash_points(requests: Sequence[Record], victim: Victim | None = None) -> Iterator[Case]:
    """Yield a case for each request and each moment at which its author can die: N × 3."""
    return each(requests, kills(victim))


def pairs(
    requests: Sequence[Record],
    faults: Sequence[Fault],
    *,
    limit: int | None = None,
    seed: int = 0,
) -> Iterator[Case]:
    """Yield cases of two faults: one at each request, and one 1 to N requests after it.

    That is (N × len(faults))² cases, or `limit` of them, drawn by `seed`, in order. What is sent
    after the first fault depends on it, so the second one counts from there, and a run may end
    without it.
    """
    width = len(requests) * len(faults)
    places: Sequence[int] = range(width * width)
    if limit is not None and limit < len(places):
        places = sorted(random.Random(seed).sample(places, limit))
    for place in places:
        first, second = divmod(place, width)
        at, fault = divmod(first, len(faults))
        after, other = divmod(second, len(faults))
        record, later = requests[at], after + 1
        rules = (
            Rule(faults[fault], number=record.number),
            Rule(faults[other], number=record.number + later, optional=True),
        )
        name = f"{_place(record)}-{faults[fault].name}+{later}-{faults[other].name}"
        yield Case(name, Plan(rules))


def _place(record: Record) -> str:
    path = re.sub(r"[^A-Za-z0-9.]+", "-", record.path).strip("-")[-_SHOWN:].strip("-")
    return "-".join(part for part in (f"{record.number:03}", record.method, path) if part)
