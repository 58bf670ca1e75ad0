"""News on its way, what handlers did with it, remembered replies."""

import sqlalchemy as sa
from alembic import op

from upid.kit.db.columns import UtcDateTime
from upid.kit.db.walls import overview, walls

revision = "0002"
down_revision = "0001"

PENDING = sa.text("delivered IS NULL")
PARKED = sa.text("parked IS NOT NULL")


def upgrade() -> None:
    """Make the tables of outbox, inbox and replies."""
    _outbox()
    _inbox()
    _replies()
    if op.get_bind().dialect.name == "postgresql":
        for table in ("outbox", "inbox", "replies"):
            for statement in walls(table):
                op.execute(statement)
        op.execute(overview("outbox"))


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=True),
            nullable=False,
        ),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("topic", sa.String(100), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("delivered", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
        sa.UniqueConstraint("id", name="uq_outbox_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_outbox_pending",
        "outbox",
        ["tenant", "key", "seq"],
        postgresql_where=PENDING,
        sqlite_where=PENDING,
    )
    op.create_index("ix_outbox_delivered", "outbox", ["delivered"])


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("handler", sa.String(100), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due", UtcDateTime(), nullable=True),
        sa.Column("done", UtcDateTime(), nullable=True),
        sa.Column("parked", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "event", "handler", name="pk_inbox"),
    )
    op.create_index(
        "ix_inbox_parked",
        "inbox",
        ["tenant", "parked"],
        postgresql_where=PARKED,
        sqlite_where=PARKED,
    )


def _replies() -> None:
    op.create_table(
        "replies",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("expires", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key", name="pk_replies"),
    )
    op.create_index("ix_replies_tenant_expires", "replies", ["tenant", "expires"])
