"""How much people and places had done with tools on a day; calls that nobody was told of.

Revision: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_OPEN_BEFORE = sa.text("state IN ('waiting', 'running')")
_OPEN = sa.text("state IN ('waiting', 'running', 'untold')")


def upgrade() -> None:
    op.create_table(
        "daily_use",
        sa.Column("day", sa.BigInteger, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("day", "who", name="pk_daily_use"),
        sqlite_with_rowid=False,
    )
    _index(_OPEN)


def downgrade() -> None:
    _index(_OPEN_BEFORE)
    op.drop_table("daily_use")


def _index(which: sa.TextClause) -> None:
    op.drop_index("ix_tool_calls_open", "tool_calls")
    op.create_index(
        "ix_tool_calls_open",
        "tool_calls",
        ["state"],
        sqlite_where=which,
        postgresql_where=which,
    )
