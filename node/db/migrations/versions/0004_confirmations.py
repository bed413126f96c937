"""Whether a destination keeps what it got: questions, answers and alarms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_NONE_YET = sa.text("0")


def upgrade() -> None:
    for name in ("confirm_at", "confirm_by", "confirmed_at", "alarmed_at"):
        op.add_column("delivery", sa.Column(name, _MOMENT))
    for name in ("confirm_attempts", "times_lost"):
        op.add_column(
            "delivery", sa.Column(name, sa.Integer(), server_default=_NONE_YET, nullable=False)
        )
    for name in ("confirm_at", "confirm_by", "alarmed_at"):
        op.create_index(f"ix_delivery_{name}", "delivery", [name])
    op.create_table(
        "commitment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("transaction_uid", sa.String(64), nullable=False),
        sa.Column("destination", sa.String(64), nullable=False),
        sa.Column("delivery_ids", sa.JSON(), nullable=False),
        sa.Column("requested_at", _MOMENT, nullable=False),
        sa.Column("answered_at", _MOMENT),
        sa.UniqueConstraint("transaction_uid", name="uq_commitment_transaction_uid"),
    )


def downgrade() -> None:
    raise NotImplementedError("the audit log is kept: restore a backup to go back")
