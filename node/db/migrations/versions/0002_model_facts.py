"""The title and the statement of the model that looked, beside its version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "analysis",
        sa.Column("model_title", sa.String(64), server_default=sa.text("''"), nullable=False),
    )
    op.add_column(
        "analysis",
        sa.Column("model_statement", sa.Text(), server_default=sa.text("''"), nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("the audit log is kept: restore a backup to go back")
