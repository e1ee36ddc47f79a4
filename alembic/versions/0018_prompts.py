"""Prompts that models were sent, where they are kept.

Revision: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "prompts",
        sa.Column("turn", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("turn", "number", name="pk_prompts"),
        sa.ForeignKeyConstraint(
            ["turn"], ["turns.id"], name="fk_prompts_turn_turns", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_prompts_at", "prompts", ["at"])


def downgrade() -> None:
    op.drop_table("prompts")
