"""Conversations, processed events, choices, replies, feedback and what replicas can do.

Revision: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "turns",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("platform", sa.String, nullable=False),
        sa.Column("conversation", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("author_name", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("command", sa.String, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("event_id", sa.String, nullable=False),
        sa.Column("answers", sa.String),
        sa.Column("remember", sa.Boolean, nullable=False),
        sa.Column("superseded", sa.Boolean, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("usage", sa.Text),
        sa.Column("explanation", sa.Text),
        sa.PrimaryKeyConstraint("seq", name="pk_turns"),
        sa.UniqueConstraint("id", name="uq_turns_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_turns_recent", "turns", ["conversation", "role", "remember", "seq"])
    op.create_index("ix_turns_answers", "turns", ["answers"])
    op.create_index("ix_turns_event", "turns", ["event_id", "platform"])
    op.create_index("ix_turns_author", "turns", ["author"])
    running = sa.text("status = 'running'")
    op.create_index(
        "ix_turns_running", "turns", ["status"], sqlite_where=running, postgresql_where=running
    )
    op.create_table(
        "processed_events",
        sa.Column("platform", sa.String, nullable=False),
        sa.Column("event_id", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("platform", "event_id", name="pk_processed_events"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_processed_events_at", "processed_events", ["at"])
    op.create_table(
        "choices",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", "scope", name="pk_choices"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "replies",
        sa.Column("turn", sa.String, nullable=False),
        sa.Column("platform", sa.String, nullable=False),
        sa.Column("conversation", sa.String, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("finished", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("turn", name="pk_replies"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_replies_conversation", "replies", ["conversation"])
    op.create_index(
        "ix_replies_unfinished",
        "replies",
        ["platform", "at"],
        sqlite_where=sa.text("finished IS 0"),
        postgresql_where=sa.text("finished IS FALSE"),
    )
    op.create_table(
        "feedback",
        sa.Column("turn", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("passage", sa.String, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("turn", "person", "passage", name="pk_feedback"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "capabilities",
        sa.Column("replica", sa.String, nullable=False),
        sa.Column("found", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("replica", name="pk_capabilities"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("capabilities", "feedback", "replies", "choices", "processed_events", "turns"):
        op.drop_table(table)
