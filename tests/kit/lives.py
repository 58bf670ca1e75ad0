"""Couriers and a writer that are killed again and again: `python -m tests.kit.lives`.

    python -m tests.kit.lives URL EVENTS LIVES SEED

Imports once and forks for each life, so that a life is as short as its kill. In each, one writer
emits and two couriers deliver, as processes of their own; each gets SIGKILL at a moment of its own.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from random import Random

import aiosqlite
import psycopg
import sqlalchemy as sa

from tests.kit.news import INSTANT, Followed, counted, leave, marks
from upid.kit.bus import Bus
from upid.kit.clock import system_clock
from upid.kit.courier import Courier
from upid.kit.db import Database, Transaction, engine, outbox
from upid.kit.events import Envelope

LOADED = (aiosqlite, engine, outbox, psycopg)  # once, before the first life
KEYS = ("a", "b", "c", "d")
LONGEST = 0.2  # seconds of a life, from its first answer of the database: some deliveries
WITHIN = 0.005  # seconds in a handler, so that most kills find one at work
LAST = 240  # seconds for what is left at the end


async def first(tx: Transaction, envelope: Envelope) -> None:
    """Leave a mark, and pass the event on."""
    number = envelope.payload["number"]
    await asyncio.sleep(WITHIN)
    await leave(tx, "first", envelope.key, number)
    await tx.emit(Followed(at=INSTANT, thing=envelope.key, number=number))


async def second(tx: Transaction, envelope: Envelope) -> None:
    """Leave a mark for what was passed on."""
    await leave(tx, "second", envelope.key, envelope.payload["number"])


def bus() -> Bus:
    """Return the bus of these handlers."""
    found = Bus()
    found.subscribe("first", ["thing.counted"], first)
    found.subscribe("second", ["follow.*"], second)
    return found


async def write(db: Database, events: int) -> None:
    """Emit the events that are missing, each with a mark in the same transaction."""
    while True:
        async with db.transaction() as tx:
            written = sa.select(sa.func.count()).where(marks.c.mark == "written")
            number = (await tx.sql.execute(written)).scalar_one()
            if number >= events:
                return
            key = KEYS[number % len(KEYS)]
            await leave(tx, "written", key, number)
            await tx.emit(counted(key, number))


async def deliver(db: Database) -> None:
    """Deliver for ever."""
    await Courier(db, bus(), system_clock).run()


def forked(url: str, work: Callable[[Database], Awaitable[None]]) -> int:
    """Start a process that does some work; return its number once it is connected."""
    awake, tell = os.pipe()
    child = os.fork()
    if child:
        os.close(tell)
        os.read(awake, 1)  # ends also when the child does
        os.close(awake)
        return child

    async def live() -> None:
        db = Database(url)
        await db.ping()
        os.write(tell, b"!")
        await work(db)

    try:
        asyncio.run(live())
    finally:
        os._exit(0)


def kill_all(children: list[tuple[float, int]]) -> None:
    """Kill each at its moment, in seconds from now."""
    started = time.monotonic()
    for moment, child in sorted(children):
        time.sleep(max(0.0, started + moment - time.monotonic()))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


async def rest(url: str, events: int) -> int:
    """Do what is left, in one life that is not cut short; return how many deliveries there were."""
    db = Database(url)
    async with asyncio.timeout(LAST):
        await write(db, events)
        left = await Courier(db, bus(), system_clock).deliver()
    await db.close()
    return left


def main() -> int:
    """Live, die, finish; print what was left for the last life."""
    url, events, lives, seed = sys.argv[1], *map(int, sys.argv[2:5])
    draw = Random(seed)
    for _ in range(lives):
        workers = (lambda db: write(db, events), deliver, deliver)
        kill_all([(draw.random() * LONGEST, forked(url, work)) for work in workers])
    sys.stdout.write(f"{asyncio.run(rest(url, events))}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
