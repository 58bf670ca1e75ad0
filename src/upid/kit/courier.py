"""Hands events to handlers after the commit: at least once, in order for each key.

The obvious way, to remember the last number and read beyond it, loses events: a transaction that
drew an earlier number may commit later. So nothing is remembered but what each handler is through
with, in its inbox, written by the same transaction as its work.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

from upid.core.errors import UpidError
from upid.kit.bus import Bus, Subscription
from upid.kit.clock import Clock
from upid.kit.db import (
    ALL_TENANTS,
    DEFAULT_TENANT,
    Database,
    DatabaseBusy,
    DatabaseUnreachable,
    Transaction,
)
from upid.kit.events import Envelope
from upid.kit.logs import logger
from upid.kit.masking import masked

if TYPE_CHECKING:
    from upid.kit.db.outbox import Head, Parked, Settling, Waiting

_LOG = logger("upid.courier")
_TOLD = 500  # characters of a reason
_OUTAGE_FIRST, _OUTAGE_LONGEST = 0.5, 15.0  # seconds between attempts to reach the database
_TRIM_EVERY = timedelta(minutes=1)
_SETTLED = 500  # keys in one statement
_TURN = 0.5  # seconds for a lane, after which lanes that came meanwhile have theirs


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a courier is.

    poll         between looks for what other processes emitted
    limit        for one call of a handler; below `database.query_timeout`, for which others wait
    first        after the first failure; doubled after each
    longest      between two tries
    tries        after which an event is parked for a handler that always failed
    at_once      lanes that are delivered at the same time
    kept         for which delivered events stay
    parked_kept  for which parked ones stay
    """

    poll: timedelta = timedelta(seconds=2)
    limit: timedelta = timedelta(seconds=5)
    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=5)
    tries: int = 10
    at_once: int = 4
    kept: timedelta = timedelta(hours=24)
    parked_kept: timedelta = timedelta(days=30)

    def pause(self, attempts: int) -> timedelta:
        """Return the time to wait after so many failures."""
        doublings: int = 2 ** min(attempts - 1, 20)  # beyond, timedelta would overflow
        return min(self.first * doublings, self.longest)


class HandlerFailed(UpidError):
    """A handler took too long, or something that it asked beyond the database failed."""

    code = "handler_failed"

    def __init__(self, handler: str, error: BaseException) -> None:
        why = "it took too long" if isinstance(error, TimeoutError) else _in_a_line(error)
        super().__init__(f"the handler {handler!r} failed: {why}", hint="see the log")


class _End(Enum):
    """How an attempt to deliver the next event of a lane ended."""

    DELIVERED = "delivered"
    PARKED = "parked"
    WAITING = "waiting"  # it failed, and is not due yet
    EMPTY = "empty"
    ELSEWHERE = "elsewhere"  # another courier is at it


@dataclass(frozen=True, slots=True)
class _Lane:
    """Events of one key on their way to one handler, one after the other."""

    to: Subscription
    tenant: str
    key: str


class Courier:
    """Delivers what is in the outbox to the handlers of a bus; several may do so at once."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, pace: Pace | None = None) -> None:
        self._db, self._bus, self._clock = db, bus, clock
        self._pace = pace or Pace()
        self._soonest: datetime | None = None  # when the first of those that failed is due again

    async def deliver(self) -> int:
        """Deliver everything that is due now; return how many deliveries came to an end.

        An event for three handlers is three deliveries; being parked is an end too.
        Raises DatabaseUnreachable and DatabaseBusy.
        """
        total = 0
        while moved := await self._round():
            total += moved
        return total

    async def run(self) -> None:
        """Deliver for ever: after each commit of this process, and now and then for others'.

        A database that cannot be reached is waited for.
        """
        emitted = asyncio.Event()
        unhear = self._db.on_emitted(emitted.set)
        outages = 0
        trimmed = self._clock() - _TRIM_EVERY
        try:
            while True:
                emitted.clear()
                try:
                    await self.deliver()
                    if self._clock() - trimmed >= _TRIM_EVERY:
                        await self.trim()
                        trimmed = self._clock()
                except (DatabaseUnreachable, DatabaseBusy) as error:
                    pause = min(_OUTAGE_FIRST * 2 ** min(outages, 10), _OUTAGE_LONGEST)
                    outages += 1
                    _LOG.warning("courier waits", reason=error.message, seconds=pause)
                    await asyncio.sleep(pause)
                    continue
                if outages:
                    _LOG.info("courier goes on", attempts=outages)
                outages = 0
                await self._until(emitted)
        finally:
            unhear()

    async def parked(self, tenant: str = DEFAULT_TENANT) -> Sequence["Parked"]:
        """Return what was given up, the latest first, at most PARKED_SHOWN."""
        from upid.kit.db import outbox

        async with self._db.transaction(tenant) as tx:
            return await outbox.parked(tx)

    async def retry(self, event: str, handler: str, tenant: str = DEFAULT_TENANT) -> bool:
        """Let a parked event be delivered once more, now; return False when it is not parked.

        It comes after events of its key that were delivered meanwhile.
        """
        from upid.kit.db import outbox

        async with self._db.transaction(tenant) as tx:
            return await outbox.unpark(tx, event, handler)

    async def trim(self) -> int:
        """Remove what was delivered long enough ago; return how many events."""
        from upid.kit.db import outbox

        now = self._clock()
        before, parked_before = now - self._pace.kept, now - self._pace.parked_kept
        async with self._db.transaction(ALL_TENANTS) as tx:
            tenants = await outbox.tenants_to_trim(tx, before)
        total = 0
        for tenant in tenants:
            after = 0
            while True:
                async with self._db.transaction(tenant) as tx:
                    looked = await outbox.trim(tx, before, parked_before, after)
                if looked is None:
                    break
                total, after = total + looked[0], looked[1]
        return total

    async def _until(self, emitted: asyncio.Event) -> None:
        seconds = self._pace.poll.total_seconds()
        if self._soonest is not None:
            seconds = min(seconds, max(0.0, (self._soonest - self._clock()).total_seconds()))
        try:
            async with asyncio.timeout(seconds):
                await emitted.wait()
        except TimeoutError:
            return

    async def _round(self) -> int:
        """Go once through everything that waits; return how many deliveries came to an end."""
        from upid.kit.db import outbox

        self._soonest = None
        async with self._db.transaction(ALL_TENANTS) as tx:
            found = await outbox.waiting(tx)
        wanting = {one.topic: self._bus.wanting(one.topic) for one in found}
        lanes = {
            (one.tenant, one.key, to.name): _Lane(to, one.tenant, one.key)
            for one in found
            for to in wanting[one.topic]
        }
        left = iter(lanes.values())
        stuck: dict[tuple[str, str], int] = {}

        async def work() -> int:
            return sum([await self._drain(lane, stuck) for lane in left])

        workers = (work() for _ in range(self._pace.at_once))
        moved = 0
        for ended in await asyncio.gather(*workers, return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended
            moved += ended
        for tenant, batch in _settling(found, wanting, stuck):
            async with self._db.transaction(tenant) as tx:
                await outbox.settle(tx, batch, self._clock())
        return moved

    async def _drain(self, lane: "_Lane", stuck: dict[tuple[str, str], int]) -> int:
        """Deliver events of a lane until none is due, or it is others' turn; return how many.

        stuck  told, by tenant and key, the lowest number at which a lane waits
        """
        ends_at = asyncio.get_running_loop().time() + _TURN
        moved, after = 0, 0
        while asyncio.get_running_loop().time() < ends_at:
            end, after = await self._step(lane, after)
            if end is _End.WAITING:
                place = lane.tenant, lane.key
                stuck[place] = min(after, stuck.get(place, after))
            if end not in {_End.DELIVERED, _End.PARKED}:
                break
            moved += 1
        return moved

    async def _step(self, lane: _Lane, after: int) -> tuple[_End, int]:
        """Deliver the next event of a lane beyond a number; return that of the event.

        Within a lane that number may be remembered: commits of one key follow their numbers.
        """
        attempt = _Attempt()
        try:
            return await self._attempt(lane, after, attempt)
        except Exception as error:  # a handler may fail in any way
            if attempt.head is None:
                raise
            # where the database is lost, noting it raises that: an outage is not counted
            return await self._failed(lane, attempt.head, error), attempt.head.seq

    async def _attempt(self, lane: _Lane, after: int, attempt: "_Attempt") -> tuple[_End, int]:
        from upid.kit.db import outbox

        name, now = lane.to.name, self._clock()
        async with self._db.transaction(lane.tenant) as tx:
            if not await outbox.claim(tx, name, lane.key):
                return _End.ELSEWHERE, after
            head = await outbox.head(tx, name, lane.key, lane.to.topics, after)
            if head is None:
                return _End.EMPTY, after
            if head.due is not None and head.due > now:
                self._wait_for(head.due)
                return _End.WAITING, head.seq
            if not await outbox.note_done(tx, head.envelope.id, name, now):
                return _End.ELSEWHERE, after
            attempt.head = head
            await self._hand_over(lane.to, tx, head.envelope)
        return _End.DELIVERED, head.seq

    async def _hand_over(self, to: Subscription, tx: Transaction, envelope: Envelope) -> None:
        try:
            async with asyncio.timeout(self._pace.limit.total_seconds()):
                await to.handler(tx, envelope)
        except OSError as error:  # a time-out is one too; the transaction would take it for its own
            raise HandlerFailed(to.name, error) from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise HandlerFailed(to.name, error) from error  # by itself: nobody stops the courier

    async def _failed(self, lane: _Lane, head: "Head", error: Exception) -> _End:
        from upid.kit.db import outbox

        now, attempts = self._clock(), head.attempts + 1
        gives_up = attempts >= self._pace.tries
        due = None if gives_up else now + self._pace.pause(attempts)
        reason = _in_a_line(error)
        failure = outbox.Failure(attempts, due, now if gives_up else None, reason)
        async with self._db.transaction(lane.tenant) as tx:
            await outbox.note_failure(tx, head.envelope.id, lane.to.name, failure)
        facts = {
            "handler": lane.to.name,
            "event_id": head.envelope.id,
            "topic": head.envelope.topic,
            "about": lane.key,
            "tenant": lane.tenant,
            "attempts": attempts,
            "reason": reason,
        }
        if due is None:
            _LOG.error("event parked", **facts)
            return _End.PARKED
        _LOG.warning("handler failed", **facts, due=due.isoformat())
        self._wait_for(due)
        return _End.WAITING

    def _wait_for(self, due: datetime) -> None:
        self._soonest = due if self._soonest is None else min(self._soonest, due)


@dataclass(slots=True)
class _Attempt:
    """What a handler was given, once it was."""

    head: "Head | None" = None


def _settling(
    found: Sequence["Waiting"],
    wanting: Mapping[str, Sequence[Subscription]],
    stuck: Mapping[tuple[str, str], int],
) -> Iterator[tuple[str, "Settling"]]:
    """Yield what may be settled, by tenant: keys together, but those at which a lane waits."""
    from upid.kit.db.outbox import Settling

    free: dict[tuple[str, str], list[str]] = {}
    for one in found:
        if (one.tenant, one.key) not in stuck:
            free.setdefault((one.tenant, one.topic), []).append(one.key)
            continue
        names = [to.name for to in wanting[one.topic]]
        yield one.tenant, Settling(one.topic, [one.key], names, stuck[one.tenant, one.key])
    for (tenant, topic), keys in free.items():
        names = [to.name for to in wanting[topic]]
        for first in range(0, len(keys) if names else 1, _SETTLED):
            yield tenant, Settling(topic, keys[first : first + _SETTLED], names)


def _in_a_line(error: BaseException) -> str:
    said = masked(" ".join(str(error).split()))[:_TOLD]
    return said if isinstance(error, UpidError) else f"{type(error).__name__}: {said}"
