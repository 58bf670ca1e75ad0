"""The database: SQLAlchemy Core on SQLite (embedded) and PostgreSQL (server), tenant by tenant.

Here: connections, transactions, column types, walls between tenants, the run of migrations. Not
here: any table. Importing this package does not import SQLAlchemy; only a transaction does.
"""

from upid.kit.db.database import DEFAULT_TENANT, Database, Transaction
from upid.kit.db.errors import DatabaseBusy, DatabaseUnreachable
from upid.kit.db.settings import DatabaseSettings

__all__ = [
    "DEFAULT_TENANT",
    "Database",
    "DatabaseBusy",
    "DatabaseSettings",
    "DatabaseUnreachable",
    "Transaction",
]
