"""Tables of what is set for clusters."""

import sqlalchemy as sa

from upid.kit.db.columns import METADATA, UtcDateTime, tenant_column

cluster_settings = sa.Table(
    "cluster_settings",
    METADATA,
    tenant_column(),
    sa.Column("cluster_id", sa.String(64), nullable=False),
    sa.Column("section", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("own", sa.JSON, nullable=False),
    sa.Column("before", sa.JSON, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("by", sa.String(253), nullable=False),
    sa.PrimaryKeyConstraint("tenant", "cluster_id", "section", "version"),
)
