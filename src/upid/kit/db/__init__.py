"""The database: SQLAlchemy Core on SQLite (embedded) and PostgreSQL (server), tenant by tenant.

Here: connections, transactions, column types, walls between tenants, the run of migrations, and the
tables of the plumbing itself (outbox, inbox, replies). Importing this package does not import
SQLAlchemy; only a transaction does.
"""

from upid.kit.db.database import Database
from upid.kit.db.errors import DatabaseBusy, DatabaseUnreachable
from upid.kit.db.settings import ALL_TENANTS, DEFAULT_TENANT, DatabaseSettings
from upid.kit.db.transaction import Transaction

__all__ = [
    "ALL_TENANTS",
    "DEFAULT_TENANT",
    "Database",
    "DatabaseBusy",
    "DatabaseSettings",
    "DatabaseUnreachable",
    "Transaction",
]
