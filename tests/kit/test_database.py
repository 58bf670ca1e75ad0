"""Transactions on both databases, and what happens when there is none."""

import asyncio
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, StatementError

from tests.fixtures.postgres import EmptyDatabase
from upid.app.modules import MIGRATIONS
from upid.contexts.metrics.tables import recordings
from upid.kit.db import Database, DatabaseBusy, DatabaseSettings, DatabaseUnreachable
from upid.kit.db.columns import METADATA
from upid.kit.db.errors import SchemaUnknown
from upid.kit.db.migrate import upgrade

pytestmark = pytest.mark.anyio

INSTANT = datetime(2026, 3, 2, 11, 30, 15, 123456, tzinfo=UTC)


def row(number: int = 1, **given: object) -> dict[str, object]:
    return {
        "id": f"rcd_{number:016x}",
        "tenant": "default",
        "name": "prod",
        "sha256": f"{number:064x}",
        "bytes": 3 << 30,
        "cluster_id": f"cl_{number:016x}",
        "cluster_name": "prod",
        "window_start": INSTANT,
        "window_end": INSTANT + timedelta(days=7),
        "cadence_seconds": 300,
        "created": INSTANT,
        **given,
    }


async def ids(db: Database, tenant: str = "default") -> list[str]:
    async with db.transaction(tenant) as tx:
        return list((await tx.sql.execute(sa.select(recordings.c.id))).scalars())


async def test_a_transaction_that_fails_leaves_nothing(db: Database) -> None:
    async def fails() -> None:
        async with db.transaction() as tx:
            await tx.sql.execute(sa.insert(recordings).values(row()))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()

    assert await ids(db) == []


async def test_a_transaction_that_ends_well_is_there_for_the_next(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.sql.execute(sa.insert(recordings).values(row()))

    assert await ids(db) == [row()["id"]]


async def test_instants_come_back_aware_in_utc_to_the_microsecond(db: Database) -> None:
    elsewhere = INSTANT.astimezone(timezone(timedelta(hours=5, minutes=45)))
    async with db.transaction() as tx:
        await tx.sql.execute(sa.insert(recordings).values(row(created=elsewhere)))
    async with db.transaction() as tx:
        found = (await tx.sql.execute(sa.select(recordings.c.created))).scalar_one()

    assert found == INSTANT
    assert found.tzinfo is UTC


async def test_a_naive_instant_is_refused_before_it_is_stored(db: Database) -> None:
    async with db.transaction() as tx:
        with pytest.raises(StatementError, match="naive"):
            await tx.sql.execute(
                sa.insert(recordings).values(row(created=INSTANT.replace(tzinfo=None)))
            )


async def test_writers_wait_for_one_another_and_none_is_lost(db: Database) -> None:
    async def store(number: int) -> None:
        async with db.transaction() as tx:
            await tx.sql.execute(sa.select(recordings.c.id))  # a read before the write
            await tx.sql.execute(sa.insert(recordings).values(row(number)))

    await asyncio.gather(*(store(number) for number in range(12)))

    assert len(await ids(db)) == 12


async def test_a_unique_index_is_not_reported_as_a_lost_database(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.sql.execute(sa.insert(recordings).values(row()))
    with pytest.raises(DBAPIError):
        async with db.transaction() as tx:
            await tx.sql.execute(sa.insert(recordings).values(row()))


async def test_a_locked_sqlite_is_busy(sqlite_url: str) -> None:
    quick = DatabaseSettings(query_timeout=timedelta(milliseconds=20))
    first, second = Database(sqlite_url), Database(sqlite_url, quick)
    async with first.transaction():
        with pytest.raises(DatabaseBusy) as caught:
            await second.ping()
    await first.close()
    await second.close()

    assert "locked" in caught.value.message


async def test_sqlites_transactions_have_their_turn_as_they_come(sqlite_url: str) -> None:
    """SQLite by itself is not fair: who writes without a pause would let no other one in."""
    db, order = Database(sqlite_url), []

    async def take(name: str) -> None:
        async with db.transaction():
            order.append(name)
            await asyncio.sleep(0.005)

    async def take_again_and_again() -> None:
        for _ in range(20):
            await take("busy")

    busy = asyncio.create_task(take_again_and_again())
    await asyncio.sleep(0.02)
    await asyncio.gather(*(take(f"other {number}") for number in range(3)))
    await busy
    await db.close()

    first = order.index("other 0")
    assert [one for one in order[first:] if one != "busy"] == ["other 0", "other 1", "other 2"]
    assert order[first:].count("busy") >= 10


async def test_a_transaction_within_another_is_busy_on_sqlite(sqlite_url: str) -> None:
    db = Database(sqlite_url, DatabaseSettings(query_timeout=timedelta(milliseconds=20)))
    async with db.transaction():
        with pytest.raises(DatabaseBusy, match="takes long"):
            await db.ping()
    await db.ping()
    await db.close()


async def test_a_slow_statement_is_busy_on_postgresql(postgres_database: EmptyDatabase) -> None:
    quick = DatabaseSettings(query_timeout=timedelta(milliseconds=20))
    db = Database(postgres_database.url, quick)
    with pytest.raises(DatabaseBusy, match="timeout"):
        async with db.transaction() as tx:
            await tx.sql.execute(sa.text("SELECT pg_sleep(5)"))
    await db.close()


async def test_a_lost_connection_is_unreachable_and_the_next_one_works(
    postgres_database: EmptyDatabase,
) -> None:
    db = Database(postgres_database.url)
    with pytest.raises(DatabaseUnreachable):
        async with db.transaction() as tx:
            await tx.sql.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
    await db.ping()
    await db.close()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////nowhere/at/all/upid.db",
        "postgresql://someone:canary-pass@127.0.0.1:1/upid",
    ],
)
async def test_a_database_that_is_not_there_is_unreachable_without_telling_the_password(
    url: str,
) -> None:
    db = Database(url)
    with pytest.raises(DatabaseUnreachable) as caught:
        await db.ping()
    await db.close()
    # the driver's thread answers to this loop once more, and complains when it has gone
    for thread in threading.enumerate():
        if "_connection_worker" in thread.name:
            await asyncio.to_thread(thread.join, 5)

    assert "canary-pass" not in str(caught.value)
    assert caught.value.hint


def test_sqlalchemy_is_not_imported_before_the_first_transaction() -> None:
    """DESIGN: a stand-alone command opens no database until a use case asks for one."""
    asked = (
        "import sys; from upid.kit.db import Database; from upid.contexts.metrics import "
        "RecordingService; from upid.kit import bus, courier, idempotency; "
        "Database('sqlite:///x'); sys.exit('sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/bare.db"
    found: EmptyDatabase = request.getfixturevalue("bare_postgres")
    return found.owner_url


def test_the_chain_builds_exactly_the_tables_that_the_contexts_name(bare_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from upid.kit.db.engine import sync_engine
    from upid.kit.db.tables import outbox

    assert outbox.metadata is METADATA
    upgrade(bare_url, MIGRATIONS)
    engine = sync_engine(bare_url, DatabaseSettings())
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), METADATA)
    engine.dispose()

    assert found == []


async def test_migrating_twice_or_at_once_is_migrating_once(bare_url: str) -> None:
    reached = await asyncio.gather(
        *(asyncio.to_thread(upgrade, bare_url, MIGRATIONS) for _ in range(3))
    )

    assert set(reached) == {upgrade(bare_url, MIGRATIONS)}


def test_tables_of_a_newer_version_are_left_alone(bare_url: str) -> None:
    from upid.kit.db.engine import sync_engine

    upgrade(bare_url, MIGRATIONS)
    engine = sync_engine(bare_url, DatabaseSettings())
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()

    with pytest.raises(SchemaUnknown, match="9999"):
        upgrade(bare_url, MIGRATIONS)


def test_a_migration_that_fails_leaves_no_half_made_table(bare_url: str, tmp_path: Path) -> None:
    from upid.kit.db.engine import sync_engine

    chain = tmp_path / "chain"
    (chain / "versions").mkdir(parents=True)
    (chain / "env.py").write_text((MIGRATIONS / "env.py").read_text())
    (chain / "versions" / "r1.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\nrevision = '1'\ndown_revision = None\n"
        "def upgrade():\n    op.create_table('half', sa.Column('id', sa.Integer()))\n    1 / 0\n"
    )
    with pytest.raises(ZeroDivisionError):
        upgrade(bare_url, chain)
    engine = sync_engine(bare_url, DatabaseSettings())
    tables = sa.inspect(engine).get_table_names()
    engine.dispose()

    assert tables == []
