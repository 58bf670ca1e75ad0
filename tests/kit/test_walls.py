"""Tenants see their own rows only; on PostgreSQL even where a filter was forgotten."""

import pytest
import sqlalchemy as sa

from tests.fixtures.postgres import EmptyDatabase
from tests.kit.news import counted, emit
from tests.kit.test_database import ids, row
from upid.contexts.metrics.repository import RecordingRepository
from upid.contexts.metrics.tables import recordings
from upid.kit.db import ALL_TENANTS, Database
from upid.kit.db.tables import outbox

pytestmark = pytest.mark.anyio


async def put(db: Database, tenant: str, number: int) -> None:
    async with db.transaction(tenant) as tx:
        await tx.sql.execute(sa.insert(recordings).values(row(number, tenant=tenant)))


async def test_a_repository_shows_each_tenant_its_own_rows(db: Database) -> None:
    await put(db, "ours", 1)
    await put(db, "theirs", 2)

    async with db.transaction("theirs") as tx:
        found = await RecordingRepository(tx).all()
        foreign = await RecordingRepository(tx).by_id(str(row(1)["id"]))
        await RecordingRepository(tx).remove(str(row(1)["id"]))
    async with db.transaction("ours") as tx:
        kept = await RecordingRepository(tx).all()

    assert [one.id for one in found] == [row(2)["id"]]
    assert foreign is None
    assert [one.id for one in kept] == [row(1)["id"]]


@pytest.mark.parametrize("role", ["program", "owner"])
async def test_a_forgotten_filter_shows_nothing_of_others(
    postgres_database: EmptyDatabase, role: str
) -> None:
    url = postgres_database.url if role == "program" else postgres_database.owner_url
    db = Database(url)
    await put(db, "ours", 1)

    assert await ids(db, "ours") == [row(1)["id"]]
    assert await ids(db, "theirs") == []  # `ids` filters by nothing
    async with db.transaction("theirs") as tx:
        changed = await tx.sql.execute(sa.update(recordings).values(name="x"))
        removed = await tx.sql.execute(sa.delete(recordings))
    assert (changed.rowcount, removed.rowcount) == (0, 0)
    assert await ids(db, "ours") == [row(1)["id"]]
    await db.close()


async def test_only_a_look_over_all_tenants_sees_whose_events_wait(
    postgres_database: EmptyDatabase,
) -> None:
    """A courier learns there whose they are; of other tables, and to write, it sees nothing."""
    db = Database(postgres_database.url)
    await put(db, "ours", 1)
    for tenant in ("ours", "theirs"):
        await emit(db, counted("a", 1), tenant=tenant)

    async with db.transaction("ours") as tx:
        mine = (await tx.sql.execute(sa.select(outbox.c.tenant))).scalars().all()
    async with db.transaction(ALL_TENANTS) as tx:
        found = (await tx.sql.execute(sa.select(outbox.c.tenant))).scalars().all()
        others = (await tx.sql.execute(sa.select(recordings))).all()
        changed = await tx.sql.execute(sa.update(outbox).values(key="x"))
        removed = await tx.sql.execute(sa.delete(outbox))
    await db.close()

    assert (list(mine), sorted(found), list(others)) == (["ours"], ["ours", "theirs"], [])
    assert (changed.rowcount, removed.rowcount) == (0, 0)


async def test_rows_cannot_be_written_for_others(postgres_database: EmptyDatabase) -> None:
    db = Database(postgres_database.url)
    with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
        async with db.transaction("ours") as tx:
            await tx.sql.execute(sa.insert(recordings).values(row(1, tenant="theirs")))
    await db.close()


async def test_the_tenant_of_one_transaction_is_forgotten_in_the_next(
    postgres_database: EmptyDatabase,
) -> None:
    from upid.kit.db.engine import async_engine
    from upid.kit.db.settings import DatabaseSettings

    db = Database(postgres_database.url)
    await put(db, "ours", 1)
    await db.close()
    engine = async_engine(postgres_database.url, DatabaseSettings(pool_size=1, max_overflow=0))
    async with engine.begin() as sql:
        await sql.execute(sa.text("SELECT set_config('upid.tenant', 'ours', true)"))
        seen = len((await sql.execute(sa.select(recordings))).all())
    async with engine.begin() as sql:  # the same connection, which names no tenant
        unseen = len((await sql.execute(sa.select(recordings))).all())
    await engine.dispose()

    assert (seen, unseen) == (1, 0)


async def test_the_programs_role_owns_nothing_and_is_held_to_the_walls(
    postgres_database: EmptyDatabase,
) -> None:
    db = Database(postgres_database.url)
    async with db.transaction() as tx:
        role = (
            await tx.sql.execute(
                sa.text(
                    "SELECT rolsuper, rolbypassrls, (SELECT count(*) FROM pg_class WHERE relowner"
                    " = r.oid) FROM pg_roles r WHERE rolname = current_user"
                )
            )
        ).one()
        forced = (
            await tx.sql.execute(
                sa.text(
                    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace ="
                    " 'public'::regnamespace AND NOT (relrowsecurity AND relforcerowsecurity)"
                )
            )
        ).scalars()
        open_tables = set(forced)
    with pytest.raises(sa.exc.ProgrammingError, match="must be owner"):
        async with db.transaction() as tx:
            await tx.sql.execute(sa.text("ALTER TABLE recordings DISABLE ROW LEVEL SECURITY"))
    await db.close()

    assert tuple(role) == (False, False, 0)
    assert open_tables == {"alembic_version"}
