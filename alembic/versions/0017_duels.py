"""Duels between two models, and the votes on them.

Revision: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "duels",
        sa.Column("turn", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("model_a", sa.String, nullable=False),
        sa.Column("model_b", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("turn", name="pk_duels"),
        sa.ForeignKeyConstraint(
            ["turn"], ["turns.id"], name="fk_duels_turn_turns", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "duel_votes",
        sa.Column("duel", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("choice", sa.String, nullable=False),
        sa.Column("informed", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("duel", "person", name="pk_duel_votes"),
        sa.ForeignKeyConstraint(
            ["duel"], ["duels.turn"], name="fk_duel_votes_duel_duels", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_duel_votes_person", "duel_votes", ["person"])
    op.create_index("ix_duel_votes_at", "duel_votes", ["at"])


def downgrade() -> None:
    op.drop_table("duel_votes")
    op.drop_table("duels")
