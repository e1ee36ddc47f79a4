"""What questions came with: the texts of their files, and the messages around them.

Revision: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "materials",
        sa.Column("turn", sa.String, nullable=False),
        sa.Column("kept", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("turn", name="pk_materials"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("materials")
