"""Suspended turns.

Revision: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "suspended",
        sa.Column("turn", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("conversation", sa.String, nullable=False),
        sa.Column("direct", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("resume_at", sa.BigInteger, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("choice", sa.String, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("turn", name="pk_suspended"),
        sa.ForeignKeyConstraint(
            ["turn"], ["turns.id"], name="fk_suspended_turn_turns", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_suspended_resume_at", "suspended", ["resume_at"])


def downgrade() -> None:
    op.drop_table("suspended")
