"""Links into the console, words that prove who somebody is, and who was sent their data when: what
any of several processes may be shown or asked next.

Revision: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "console_links",
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("operator", sa.Boolean, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_console_links"),
    )
    op.create_table(
        "shown_words",
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("tries_left", sa.Integer, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("purpose", name="pk_shown_words"),
    )
    op.create_table(
        "sent_files",
        sa.Column("person", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("person", name="pk_sent_files"),
    )


def downgrade() -> None:
    op.drop_table("sent_files")
    op.drop_table("shown_words")
    op.drop_table("console_links")
