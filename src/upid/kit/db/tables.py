"""Tables of the plumbing: news on its way, what handlers did with it, remembered replies."""

import sqlalchemy as sa

from upid.kit.db.columns import METADATA, UtcDateTime, tenant_column

# SQLite counts up by itself only in a column of exactly this type
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# seq        within one key the order of commits, see `outbox.write`; across keys only roughly
# delivered  when every handler was through with it; null while one is not
outbox = sa.Table(
    "outbox",
    METADATA,
    sa.Column("seq", SEQUENCE, sa.Identity(always=True), primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    tenant_column(),
    sa.Column("topic", sa.String(100), nullable=False),
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(255), nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("delivered", UtcDateTime),
    sa.Index(
        "ix_outbox_pending",
        "tenant",
        "key",
        "seq",
        postgresql_where=sa.text("delivered IS NULL"),
        sqlite_where=sa.text("delivered IS NULL"),
    ),
    sa.Index(None, "delivered"),
    sqlite_autoincrement=True,  # never a number twice, also after rows were removed
)

# One row for each event that a handler was given.
# attempts  how often it failed
# due       when it is tried again; null when it is not
# done      when its work was committed
# parked    when it was given up
# reason    why it failed the last time
inbox = sa.Table(
    "inbox",
    METADATA,
    tenant_column(),
    sa.Column("event", sa.String(40), nullable=False),
    sa.Column("handler", sa.String(100), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due", UtcDateTime),
    sa.Column("done", UtcDateTime),
    sa.Column("parked", UtcDateTime),
    sa.Column("reason", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("tenant", "event", "handler"),
    sa.Index(
        "ix_inbox_parked",
        "tenant",
        "parked",
        postgresql_where=sa.text("parked IS NOT NULL"),
        sqlite_where=sa.text("parked IS NOT NULL"),
    ),
)

replies = sa.Table(
    "replies",
    METADATA,
    tenant_column(),
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("headers", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("expires", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("tenant", "key"),
    sa.Index(None, "tenant", "expires"),
)
