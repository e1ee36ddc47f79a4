"""What changed of the passages of a knowledge base, for full text that is kept beside the database.

Revision: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_INDEX, _TABLE = "ix_knowledge_passages_base", "knowledge_passages"


def upgrade() -> None:
    op.add_column(
        "knowledge_bases",
        sa.Column("version", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_table(
        "knowledge_changes",
        sa.Column("base", sa.String, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("removed", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("base", "version", name="pk_knowledge_changes"),
        sa.ForeignKeyConstraint(
            ["base"],
            ["knowledge_bases.name"],
            name="fk_knowledge_changes_base_knowledge_bases",
            ondelete="CASCADE",
        ),
    )
    op.drop_index(_INDEX, _TABLE)
    op.create_index(_INDEX, _TABLE, ["base", "generation", "number"])


def downgrade() -> None:
    op.drop_index(_INDEX, _TABLE)
    op.create_index(_INDEX, _TABLE, ["base", "generation"])
    op.drop_table("knowledge_changes")
    op.drop_column("knowledge_bases", "version")
