"""What people wanted to be remembered, and summaries of what long conversations began with.

Revision: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "memories",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_memories"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_memories_place", "memories", ["place", "person"])
    op.create_index("ix_memories_person", "memories", ["person"])
    op.create_table(
        "summaries",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("conversation", sa.String, nullable=False),
        sa.Column("previous", sa.Integer),
        sa.Column("last", sa.String, nullable=False),
        sa.Column("covers", sa.Integer, nullable=False),
        sa.Column("people", sa.Text, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_summaries"),
        sa.ForeignKeyConstraint(
            ["previous"],
            ["summaries.id"],
            name="fk_summaries_previous_summaries",
            ondelete="CASCADE",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_summaries_conversation", "summaries", ["conversation"])
    op.create_index("ix_summaries_previous", "summaries", ["previous"])
    op.create_index("ix_summaries_at", "summaries", ["at"])
    op.create_table(
        "summarised",
        sa.Column("summary", sa.Integer, nullable=False),
        sa.Column("turn", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("summary", "turn", name="pk_summarised"),
        sa.ForeignKeyConstraint(
            ["summary"],
            ["summaries.id"],
            name="fk_summarised_summary_summaries",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["turn"], ["turns.id"], name="fk_summarised_turn_turns", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_summarised_turn", "summarised", ["turn"])


def downgrade() -> None:
    op.drop_table("summarised")
    op.drop_table("summaries")
    op.drop_table("memories")
