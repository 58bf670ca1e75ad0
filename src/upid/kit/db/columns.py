"""What tables are made of: one catalogue of tables, instants in UTC, the tenant's column."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

TENANT_LENGTH = 64

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC; SQLite forgets the time zone and is reminded of it."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], Any]:
        """Return what turns an aware instant into the database's; a naive one is a mistake."""
        below = super().bind_processor(dialect)

        def written(value: datetime | None) -> object:
            if value is not None and value.tzinfo is None:
                raise ValueError(f"a naive instant would be stored: {value}")
            utc = None if value is None else value.astimezone(UTC)
            return below(utc) if below else utc

        return written

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], Any]:
        """Return what turns the database's instant into an aware one in UTC."""
        below = super().result_processor(dialect, coltype)

        def read(value: object) -> datetime | None:
            found = below(value) if below else value
            if not isinstance(found, datetime):
                return None
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)

        return read


def tenant_column() -> sa.Column[str]:
    """Return the column that every table with a tenant's rows has."""
    return sa.Column("tenant", sa.String(TENANT_LENGTH), nullable=False)
