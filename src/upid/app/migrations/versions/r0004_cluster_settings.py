"""What is set for single clusters, every version of it."""

import sqlalchemy as sa
from alembic import op

from upid.kit.db.columns import UtcDateTime
from upid.kit.db.walls import walls

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table of the versions of clusters' settings."""
    op.create_table(
        "cluster_settings",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("cluster_id", sa.String(64), nullable=False),
        sa.Column("section", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("own", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(253), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant", "cluster_id", "section", "version", name="pk_cluster_settings"
        ),
    )
    if op.get_bind().dialect.name == "postgresql":
        for statement in walls("cluster_settings"):
            op.execute(statement)
