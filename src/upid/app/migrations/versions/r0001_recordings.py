"""Stored recordings."""

import sqlalchemy as sa
from alembic import op

from upid.kit.db.columns import UtcDateTime
from upid.kit.db.walls import walls

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table of stored recordings."""
    op.create_table(
        "recordings",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("name", sa.String(253), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("cluster_id", sa.String(64), nullable=False),
        sa.Column("cluster_name", sa.Text(), nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("window_end", UtcDateTime(), nullable=False),
        sa.Column("cadence_seconds", sa.Integer(), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recordings"),
        sa.UniqueConstraint("tenant", "sha256", name="uq_recordings_tenant_sha256"),
        sa.UniqueConstraint("tenant", "cluster_id", name="uq_recordings_tenant_cluster_id"),
    )
    op.create_index("ix_recordings_tenant_created_id", "recordings", ["tenant", "created", "id"])
    if op.get_bind().dialect.name == "postgresql":
        for statement in walls("recordings"):
            op.execute(statement)
