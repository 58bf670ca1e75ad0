"""Events for tests, and a table in which handlers leave their marks."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

import sqlalchemy as sa

from upid.kit.db import Database, DatabaseSettings, Transaction
from upid.kit.db.engine import sync_engine
from upid.kit.events import Envelope, Event

INSTANT = datetime(2026, 3, 2, 11, 30, tzinfo=UTC)

METADATA = sa.MetaData()
marks = sa.Table(
    "marks",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    sa.Column("mark", sa.Text, nullable=False),  # whose: of a handler, or of the writer
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted(Event):
    """Something with a number happened to something with a name."""

    topic: ClassVar[str] = "thing.counted"
    thing: str
    number: int

    @property
    def key(self) -> str:
        return self.thing


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed(Counted):
    """What a handler makes of it."""

    topic: ClassVar[str] = "follow.counted"


def counted(thing: str, number: int) -> Counted:
    return Counted(at=INSTANT, thing=thing, number=number)


def make_marks(url: str) -> None:
    """Make the table of marks, with rights for every role."""
    engine = sync_engine(url.replace("//program@", "//owner@"), DatabaseSettings())
    METADATA.create_all(engine)
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.exec_driver_sql("GRANT ALL ON marks, marks_id_seq TO PUBLIC")
    engine.dispose()


async def leave(tx: Transaction, mark: str, key: str, number: int) -> None:
    """Leave a mark in this transaction."""
    await tx.sql.execute(sa.insert(marks).values(mark=mark, key=key, number=number))


async def marks_of(db: Database, mark: str) -> dict[str, list[int]]:
    """Return the numbers that were marked under a name, by key, in their order."""
    found: dict[str, list[int]] = defaultdict(list)
    async with db.transaction() as tx:
        wanted = sa.select(marks.c.key, marks.c.number).where(marks.c.mark == mark)
        for key, number in (await tx.sql.execute(wanted.order_by(marks.c.id))).all():
            found[key].append(number)
    return dict(found)


async def emit(db: Database, *events: Event, tenant: str = "default") -> None:
    """Emit events in one transaction."""
    async with db.transaction(tenant) as tx:
        for event in events:
            await tx.emit(event)


@dataclass
class Recorder:
    """A handler that remembers what it was given, and fails where it is told to.

    fails  numbers that fail, each as often as it is listed
    """

    fails: list[int] = field(default_factory=list)
    seen: list[Envelope] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, tx: Transaction, envelope: Envelope) -> None:
        number = envelope.payload["number"]
        self.called.set()
        if number in self.fails:
            self.fails.remove(number)
            raise RuntimeError(f"number {number} is refused, password=hunter2")
        self.seen.append(envelope)

    @property
    def numbers(self) -> list[int]:
        return [one.payload["number"] for one in self.seen]

    def of(self, key: str) -> Sequence[int]:
        return [one.payload["number"] for one in self.seen if one.key == key]
