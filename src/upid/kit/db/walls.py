"""Walls between tenants: row level security on PostgreSQL."""

from upid.kit.db.settings import ALL_TENANTS

APPLICATION_ROLE = "upid_app"  # group role for programs: rights on rows, none on tables


def walls(table: str) -> tuple[str, ...]:
    """Return the statements that let a transaction see and write only its own tenant's rows.

    FORCE holds the table's owner to it too; only superusers and BYPASSRLS roles pass. A
    transaction that names no tenant sees nothing, since NULL equals nothing.
    """
    grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APPLICATION_ROLE}"
    mine = "tenant = current_setting('upid.tenant', true)"
    return (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant_wall ON {table} USING ({mine}) WITH CHECK ({mine})",
        where_programs_have_a_role(grant),
    )


def where_programs_have_a_role(grant: str) -> str:
    """Return the statement that grants only where somebody made the group role."""
    there = f"EXISTS (SELECT FROM pg_roles WHERE rolname = '{APPLICATION_ROLE}')"
    return f"DO $$ BEGIN IF {there} THEN {grant}; END IF; END $$"


def overview(table: str) -> str:
    """Return the statement that lets a transaction for ALL_TENANTS read every row of a table.

    For whoever has to learn which tenants have work waiting; writing takes the tenant itself.
    """
    everyone = f"current_setting('upid.tenant', true) = '{ALL_TENANTS}'"
    return f"CREATE POLICY overview ON {table} FOR SELECT USING ({everyone})"
