"""Events of platforms as they came, so that one that was acknowledged is not lost with its process.

Revision: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "received_events",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("platform", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("process", sa.String, nullable=False),
        sa.Column("begun", sa.Boolean, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_received_events"),
        sa.UniqueConstraint("platform", "key", name="uq_received_events_platform_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_received_events_person", "received_events", ["person"])
    op.create_index("ix_received_events_process", "received_events", ["process"])


def downgrade() -> None:
    op.drop_table("received_events")
