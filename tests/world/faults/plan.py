"""Which faults await which requests; a plan is a value, so one plan serves many runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from tests.world.faults.kinds import Fault
from tests.world.faults.records import Record

Matches = Callable[[Record], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault and the requests that it awaits.

    number    the n-th request, from 1; None: any
    matches   asked when the request's head is complete; None: any
    times     how many requests it hits; None: every one
    optional  True: the run may end without it
    """

    fault: Fault
    number: int | None = None
    matches: Matches | None = None
    times: int | None = 1
    optional: bool = False

    def wants(self, record: Record) -> bool:
        """Return whether this request is one of those that the rule awaits."""
        if self.number is not None and record.number != self.number:
            return False
        return self.matches is None or self.matches(record)

    def __str__(self) -> str:
        where = "any request" if self.number is None else f"request {self.number}"
        asked = "" if self.matches is None else " that matches"
        return f"{self.fault.name} at {where}{asked}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Rules in order; more than one may hit the same request, such as a delay and a drip."""

    rules: tuple[Rule, ...] = ()

    def at(self, number: int, *faults: Fault, optional: bool = False) -> Self:
        """Return this plan and, for the n-th request from 1, these faults as well."""
        if number < 1:
            raise ValueError(f"requests are counted from 1, not {number}")
        added = (Rule(fault, number=number, optional=optional) for fault in faults)
        return type(self)((*self.rules, *added))

    def when(
        self, matches: Matches, *faults: Fault, times: int | None = 1, optional: bool = False
    ) -> Self:
        """Return this plan and, for the first `times` requests that match, these faults as well."""
        added = (Rule(fault, None, matches, times, optional) for fault in faults)
        return type(self)((*self.rules, *added))

    def always(self, *faults: Fault) -> Self:
        """Return this plan and, for every request, these faults as well."""
        return type(self)((*self.rules, *(Rule(fault, times=None) for fault in faults)))

    def __add__(self, other: "Plan") -> "Plan":
        return Plan((*self.rules, *other.rules))


@dataclass(slots=True)
class Armed:
    """A fault that awaits one request; `rule` is the place in the plan."""

    rule: int
    fault: Fault
