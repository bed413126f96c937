"""The model that a study was re-run with, and whose result an object is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("study", "result"):
        op.add_column(
            table, sa.Column("model", sa.String(64), server_default=sa.text("''"), nullable=False)
        )
    op.add_column("result", sa.Column("first_instance_id", sa.BigInteger()))


def downgrade() -> None:
    raise NotImplementedError("the audit log is kept: restore a backup to go back")
