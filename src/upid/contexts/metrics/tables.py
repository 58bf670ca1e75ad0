"""Tables of what was measured."""

import sqlalchemy as sa

from upid.kit.db.columns import METADATA, UtcDateTime, tenant_column

recordings = sa.Table(
    "recordings",
    METADATA,
    sa.Column("id", sa.String(40), primary_key=True),
    tenant_column(),
    sa.Column("name", sa.String(253), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("cluster_id", sa.String(64), nullable=False),
    sa.Column("cluster_name", sa.Text, nullable=False),
    sa.Column("window_start", UtcDateTime, nullable=False),
    sa.Column("window_end", UtcDateTime, nullable=False),
    sa.Column("cadence_seconds", sa.Integer, nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.UniqueConstraint("tenant", "sha256"),
    sa.UniqueConstraint("tenant", "cluster_id"),
    sa.Index(None, "tenant", "created", "id"),
)
