"""Sessions of the console and what was changed there; what a turn says of its answer.

Revision: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "console_sessions",
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("operator", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_console_sessions"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_console_sessions_person", "console_sessions", ["person"])
    op.create_index("ix_console_sessions_ends_at", "console_sessions", ["ends_at"])
    op.create_table(
        "console_changes",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_console_changes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_console_changes_at", "console_changes", ["at"])
    op.create_index("ix_console_changes_person", "console_changes", ["person"])
    op.add_column("turns", sa.Column("private", sa.Boolean))
    op.add_column("turns", sa.Column("error", sa.String))
    op.create_index(
        "ix_turns_error",
        "turns",
        ["error"],
        sqlite_where=sa.text("error IS NOT NULL"),
        postgresql_where=sa.text("error IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_turns_error", "turns")
    op.drop_column("turns", "error")
    op.drop_column("turns", "private")
    op.drop_table("console_changes")
    op.drop_table("console_sessions")
