"""Tables of registered clusters."""

import sqlalchemy as sa

from upid.kit.db.columns import METADATA, UtcDateTime, tenant_column

clusters = sa.Table(
    "clusters",
    METADATA,
    tenant_column(),
    sa.Column("id", sa.String(40), nullable=False),
    sa.Column("name", sa.String(253), nullable=False),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("identity", sa.String(64), nullable=False),
    sa.Column("server", sa.Text, nullable=False),
    sa.Column("context", sa.Text, nullable=False),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("proof", sa.String(64), nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("credentials", sa.LargeBinary, nullable=False),  # sealed, for this cell only
    sa.Column("certificate_until", UtcDateTime),
    sa.Column("authority_until", UtcDateTime),
    sa.Column("token_until", UtcDateTime),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("updated", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("tenant", "id"),
    sa.UniqueConstraint("tenant", "name"),
)

checks = sa.Table(
    "cluster_checks",
    METADATA,
    tenant_column(),
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("cluster_id", sa.String(40), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("ok", sa.Boolean, nullable=False),
    sa.Column("code", sa.String(64), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("hint", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("latency", sa.Float),
    sa.Column("skew", sa.Float),
    sa.Column("missing", sa.JSON, nullable=False),
    sa.ForeignKeyConstraint(
        ["tenant", "cluster_id"], ["clusters.tenant", "clusters.id"], ondelete="CASCADE"
    ),
    sa.Index(None, "tenant", "cluster_id", "at", "id"),
)
