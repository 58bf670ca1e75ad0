"""Engines for both databases, and their errors in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from upid.kit.db.errors import DatabaseBusy, DatabaseUnreachable
from upid.kit.db.settings import SCHEMES, DatabaseSettings

_CONNECT_TIMEOUT = 5  # seconds; a database in reach answers within one
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",  # readers do not wait for the writer
    "PRAGMA synchronous=FULL",  # a row that was acknowledged survives a power cut
    "PRAGMA foreign_keys=ON",
)
# SQLSTATEs that mean "not now": statement timeout, lock, serialisation, deadlock, connections
_NOT_NOW = ("57014", "55P03", "40001", "40P01", "53300")
_DENIED = "42501"


def async_engine(url: str, settings: DatabaseSettings) -> AsyncEngine:
    """Return an engine for the program; it connects when first used."""
    address = _address(url)
    if address.get_backend_name() == "sqlite":
        from upid.kit.db.unhurried import connect

        arguments = {**_sqlite_arguments(settings), "async_creator_fn": connect}
        engine = create_async_engine(address, connect_args=arguments)
        _tune_sqlite(engine.sync_engine)
        return engine
    return create_async_engine(
        address,
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_timeout=settings.query_timeout.total_seconds(),
        pool_pre_ping=True,
        # no server-side prepared statements: PgBouncer hands connections on between transactions
        connect_args={"connect_timeout": _CONNECT_TIMEOUT, "prepare_threshold": None},
    )


def sync_engine(url: str, settings: DatabaseSettings) -> sa.Engine:
    """Return an engine for migrations, which Alembic runs without asyncio."""
    address = _address(url)
    if address.get_backend_name() == "sqlite":
        plain = address.set(drivername="sqlite")
        engine = sa.create_engine(
            plain, connect_args=_sqlite_arguments(settings), poolclass=NullPool
        )
        _tune_sqlite(engine)
        return engine
    return sa.create_engine(
        address, connect_args={"connect_timeout": _CONNECT_TIMEOUT}, poolclass=NullPool
    )


async def begun(sql: AsyncConnection, tenant: str, settings: DatabaseSettings) -> None:
    """Tell PostgreSQL whose transaction this is and how long its statements may take."""
    if sql.dialect.name == "postgresql":
        limit = str(round(settings.query_timeout.total_seconds() * 1000))
        await sql.execute(
            sa.text(
                "SELECT set_config('upid.tenant', :tenant, true),"
                " set_config('statement_timeout', :limit, true)"
            ),
            {"tenant": tenant, "limit": limit},
        )


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Raise the driver's errors about connections and time as ours; others pass."""
    try:
        yield
    except exc.TimeoutError as error:
        raise DatabaseBusy(shown(url), "no free connection") from error
    except exc.DBAPIError as error:
        known = _in_our_words(error, shown(url))
        if known is None:
            raise
        raise known from error
    except OSError as error:
        raise DatabaseUnreachable(shown(url), error.strerror or str(error)) from error


def shown(url: str) -> str:
    """Return an address as people may see it: no user, no password, no options."""
    address = sa.make_url(url)
    if address.get_backend_name() == "sqlite":
        return address.database or "in memory"
    return f"{address.host or 'local'}/{address.database or ''}"


def _in_our_words(error: exc.DBAPIError, where: str) -> DatabaseBusy | DatabaseUnreachable | None:
    original = error.orig
    state = getattr(original, "sqlstate", None)
    text = str(original).strip()
    if state in _NOT_NOW or "database is locked" in text:
        return DatabaseBusy(where, _first_line(text))
    if state == _DENIED:
        return None
    if isinstance(error, exc.OperationalError | exc.InterfaceError):
        lost = (
            error.connection_invalidated or state is None or state[:2] in {"08", "57", "28", "3D"}
        )
        return DatabaseUnreachable(where, _first_line(text)) if lost else None
    return None


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else "no reason given"


def _address(url: str) -> sa.URL:
    address = sa.make_url(url)
    return address.set(drivername=SCHEMES.get(address.drivername, address.drivername))


def _sqlite_arguments(settings: DatabaseSettings) -> dict[str, Any]:
    # isolation_level None: the driver begins nothing by itself, so that DDL is transactional too
    return {"timeout": settings.query_timeout.total_seconds(), "isolation_level": None}


def _tune_sqlite(engine: sa.Engine) -> None:
    def connected(connection: Any, _: object) -> None:  # noqa: ANN401 - any driver's connection
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    def begin(connection: sa.Connection) -> None:
        # IMMEDIATE waits for the writer before; a deferred one fails at its first write instead
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begin)
