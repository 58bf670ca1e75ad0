"""What the connections of one proxy share: the count, the plan, the gate and the victim."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from tests.world.faults.errors import FaultNeverFired, ProxyTrouble
from tests.world.faults.kinds import (
    Blackhole,
    Delay,
    DropReply,
    Fault,
    Kill,
    Moment,
    Partition,
    Reset,
    Victim,
)
from tests.world.faults.line import Line
from tests.world.faults.plan import Armed, Plan
from tests.world.faults.records import Outcome, Record
from tests.world.faults.victims import grasp

_TURNS = 5  # of the event loop, each of which looks at every socket: TLS needs more than one
_KEPT = 100_000  # records; 10,000 jobs of ten requests each

F = TypeVar("F", bound=Fault)


class Course:
    """One request on its way, and the faults that await it."""

    def __init__(self, record: Record, armed: list[Armed], desk: "Desk") -> None:
        self.record = record
        self._armed = armed
        self._desk = desk

    def awaited(self, kind: type[F], which: Callable[[F], bool] = lambda _: True) -> F | None:
        """Return the first fault of this kind that awaits the request, if there is one."""
        for armed in self._armed:
            if isinstance(armed.fault, kind) and which(armed.fault):
                return armed.fault
        return None

    @property
    def threatened(self) -> bool:
        """Whether any fault awaits the request."""
        return bool(self._armed)

    def withheld(self) -> Fault | None:
        """Return the fault for which the reply must not reach the client, if there is one."""
        return (
            self.awaited(Kill, lambda k: k.moment is not Moment.BEFORE_FORWARD)
            or self.awaited(DropReply)
            or self.awaited(Blackhole, lambda b: b.forward)
        )

    def fired(self, fault: Fault) -> None:
        """Write down, once, that a fault took effect."""
        for armed in self._armed:
            if armed.fault is fault and fault not in self.record.effects:
                self.record.effects = (*self.record.effects, fault)
                self._desk.fired.add(armed.rule)

    def ends(self, outcome: Outcome) -> None:
        """Write down what became of the request; what was written first stays."""
        if self.record.outcome in (Outcome.OPEN, Outcome.TUNNEL):
            self.record.outcome = outcome


class Desk:
    """Numbers requests and holds the plan; lives on the proxy's loop."""

    def __init__(self, victim: Victim | None, partition: Callable[[float | None], None]) -> None:
        self.victim = victim
        self.troubles: list[str] = []
        self.fired: set[int] = set()
        self.records: list[Record] = []
        self._partition = partition
        self._plan = Plan()
        self._hits: list[int] = []
        self._gate = asyncio.Event()
        self._gate.set()

    def arm(self, plan: Plan) -> None:
        """Forget what was, and count from 1 with this plan."""
        self._plan, self._hits = plan, [0] * len(plan.rules)
        self.fired, self.records, self.troubles = set(), [], []

    def trouble(self, error: BaseException) -> None:
        """Note what went wrong, at once: a task that is cancelled as it ends would lose it."""
        self.troubles.append(f"{type(error).__name__}: {error}")

    def unfired(self) -> FaultNeverFired | None:
        """Return the complaint about faults that did not take effect, if there are any."""
        silent = [
            str(rule)
            for place, rule in enumerate(self._plan.rules)
            if place not in self.fired and not rule.optional
        ]
        if not silent:
            return None
        seen = f"{len(self.records)} requests came"
        last = f", the last was {self.records[-1]}" if self.records else ""
        return FaultNeverFired(f"never took effect: {'; '.join(silent)} ({seen}{last})")

    def enter(self, connection: int, method: str, path: str, **more: object) -> Course:
        """Number a request whose head is complete, and say which faults await it."""
        if len(self.records) >= _KEPT:
            raise ProxyTrouble(f"more than {_KEPT} requests: arm the proxy anew now and then")
        number = len(self.records) + 1
        record = Record(number, time.time(), connection, method, path, **more)  # type: ignore[arg-type]
        self.records.append(record)
        armed = []
        for place, rule in enumerate(self._plan.rules):
            spent = rule.times is not None and self._hits[place] >= rule.times
            if not spent and rule.wants(record):
                self._hits[place] += 1
                armed.append(Armed(place, rule.fault))
        return Course(record, armed, self)

    async def before(self, course: Course, line: Line) -> bool:
        """Do what the plan says before a request is forwarded; False: it is not."""
        if (delay := course.awaited(Delay, lambda d: not d.reply)) is not None:
            await asyncio.sleep(delay.seconds)
            course.fired(delay)
        if not await self._may_pass(course, line):
            return False
        if (kill := course.awaited(Kill, lambda k: k.moment is Moment.BEFORE_FORWARD)) is not None:
            await self.kill(kill, course)
            line.close()
        elif (partition := course.awaited(Partition)) is not None:
            course.fired(partition)
            course.ends(Outcome.RESET)
            line.reset()
            self._partition(partition.seconds)
        elif (reset := course.awaited(Reset, lambda r: r.after is None)) is not None:
            course.fired(reset)
            course.ends(Outcome.RESET)
            line.reset()
        elif (hole := course.awaited(Blackhole, lambda b: not b.forward)) is not None:
            course.fired(hole)
            course.ends(Outcome.SWALLOWED)
            await line.exhaust()
            line.close()
        else:
            return True
        return False

    async def _may_pass(self, course: Course, line: Line) -> bool:
        """Wait while a victim dies; what it had sent meanwhile dies with it."""
        if self._gate.is_set():
            return True
        await self._gate.wait()
        if line.over:
            course.ends(Outcome.CLIENT_LEFT)
            line.close()
        return not line.over

    async def kill(self, kill: Kill, course: Course) -> None:
        """End the victim and return when it is dead; no request passes meanwhile."""
        end = self._grasp(kill, course)
        self._gate.clear()
        await self._end(kill, course, end)

    def _grasp(self, kill: Kill, course: Course) -> Callable[[], object]:
        victim = kill.victim if kill.victim is not None else self.victim
        if victim is None:
            raise ProxyTrouble(f"{kill.name} at request {course.record.number}, but of whom?")
        return grasp(victim)

    async def _end(self, kill: Kill, course: Course, end: Callable[[], object]) -> None:
        # Written down first: a test that sees the victim dead finds it in the record. A kill that
        # fails is a trouble of its own.
        course.fired(kill)
        course.ends(Outcome.KILLED)
        try:
            await asyncio.to_thread(end)
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        finally:
            self._gate.set()

    async def withhold(self, fault: Fault, course: Course, line: Line) -> None:
        """Do what the plan says instead of delivering a reply that has come."""
        if isinstance(fault, Kill) and fault.moment is Moment.AFTER_FORWARD:
            await self.kill(fault, course)
        elif isinstance(fault, Kill):
            await self._kill_after_drop(fault, course, line)
        elif isinstance(fault, Blackhole):
            course.fired(fault)
            course.ends(Outcome.SWALLOWED)
            await line.exhaust()
        else:
            course.fired(fault)
            course.ends(Outcome.DROPPED)
        line.close()

    async def _kill_after_drop(self, kill: Kill, course: Course, line: Line) -> None:
        """Close the client's connection, let it see that, and end the victim."""
        end = self._grasp(kill, course)
        self._gate.clear()
        line.close()
        try:
            await asyncio.sleep(kill.linger)
        finally:
            await self._end(kill, course, end)
