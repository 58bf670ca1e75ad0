"""Registered clusters and the looks at them."""

import sqlalchemy as sa
from alembic import op

from upid.kit.db.columns import UtcDateTime
from upid.kit.db.walls import walls

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables of registered clusters and of the history of checks."""
    op.create_table(
        "clusters",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(253), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("proof", sa.String(64), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("credentials", sa.LargeBinary(), nullable=False),
        sa.Column("certificate_until", UtcDateTime()),
        sa.Column("authority_until", UtcDateTime()),
        sa.Column("token_until", UtcDateTime()),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("updated", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_clusters"),
        sa.UniqueConstraint("tenant", "name", name="uq_clusters_tenant_name"),
    )
    op.create_table(
        "cluster_checks",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("cluster_id", sa.String(40), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("latency", sa.Float()),
        sa.Column("skew", sa.Float()),
        sa.Column("missing", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cluster_checks"),
        sa.ForeignKeyConstraint(
            ["tenant", "cluster_id"],
            ["clusters.tenant", "clusters.id"],
            name="fk_cluster_checks_tenant_cluster_id_clusters",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_cluster_checks_tenant_cluster_id_at_id",
        "cluster_checks",
        ["tenant", "cluster_id", "at", "id"],
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in ("clusters", "cluster_checks"):
            for statement in walls(table):
                op.execute(statement)
