"""Who may connect to what over MCP: the tokens of people, and their logins at servers.

Revision: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_tokens",
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_access_tokens"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_access_tokens_person", "access_tokens", ["person"])
    op.create_index("ix_access_tokens_ends_at", "access_tokens", ["ends_at"])
    op.create_table(
        "server_logins",
        sa.Column("server", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("server", "person", name="pk_server_logins"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_server_logins_person", "server_logins", ["person"])


def downgrade() -> None:
    op.drop_table("server_logins")
    op.drop_table("access_tokens")
