"""Brings the tables of a database to the newest revision of the chain."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from upid.kit.db.engine import shown, sync_engine, translated
from upid.kit.db.errors import SchemaUnknown
from upid.kit.db.settings import DatabaseSettings
from upid.kit.db.walls import APPLICATION_ROLE, where_programs_have_a_role

_LOCK = 0x75706964  # "upid": the advisory lock that lets one process migrate at a time


def upgrade(url: str, chain: Path, settings: DatabaseSettings | None = None) -> str:
    """Run the migrations that are missing, in one transaction; return the revision reached.

    Several processes may call it at once: one works, the others wait and find nothing to do.
    """
    engine = sync_engine(url, settings or DatabaseSettings())
    config = Config()
    config.set_main_option("script_location", str(chain).replace("%", "%%"))
    try:
        with translated(url), engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            scripts = ScriptDirectory.from_config(config)
            head = scripts.get_current_head() or ""
            present = MigrationContext.configure(connection).get_current_revision()
            if present is not None and present not in {
                s.revision for s in scripts.walk_revisions()
            }:
                raise SchemaUnknown(shown(url), present)
            if present != head:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                _let_in(connection)
            return head
    finally:
        engine.dispose()


def _let_in(connection: sa.Connection) -> None:
    """Let programs see which revision the tables are at."""
    if connection.dialect.name == "postgresql":
        grant = f"GRANT SELECT ON alembic_version TO {APPLICATION_ROLE}"
        connection.exec_driver_sql(where_programs_have_a_role(grant))
