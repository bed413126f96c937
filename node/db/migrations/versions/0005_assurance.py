"""Signed checkpoints, discrepancies, removed files, tracebacks and TLS of associations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from node.db.migrations.checkpoint_triggers import POSTGRESQL_TRIGGERS, SQLITE_TRIGGERS

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_EMPTY = sa.text("''")
_OPEN = sa.text("resolved_at IS NULL")


def upgrade() -> None:
    for table in ("instance", "study", "delivery"):
        op.add_column(
            table, sa.Column("traceback", sa.Text(), server_default=_EMPTY, nullable=False)
        )
    for table in ("instance", "result"):
        op.add_column(table, sa.Column("removed_at", _MOMENT))
    for name, length in (("tls", 16), ("certificate", 64)):
        op.add_column(
            "association",
            sa.Column(name, sa.String(length), server_default=_EMPTY, nullable=False),
        )
    op.create_table(
        "audit_checkpoint",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("event_hash", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
        sa.UniqueConstraint("event_id", name="uq_audit_checkpoint_event_id"),
    )
    op.create_table(
        "discrepancy",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("found_at", _MOMENT, nullable=False),
        sa.Column("seen_at", _MOMENT, nullable=False),
        sa.Column("resolved_at", _MOMENT),
        sa.Column("resolution", sa.String(32), nullable=False),
    )
    op.create_index(
        "uq_discrepancy_open",
        "discrepancy",
        ["kind", "subject"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index("ix_discrepancy_resolved_at", "discrepancy", ["resolved_at"])
    for table in ("instance", "result"):
        op.create_index(f"ix_{table}_path", table, ["path"])
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_TRIGGERS if is_sqlite else POSTGRESQL_TRIGGERS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("the audit log is kept: restore a backup to go back")
