"""Reminders and schedules, and each time that they were due.

Revision: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_NEXT = sa.text("next_at IS NOT NULL")
_OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("private", sa.Boolean, nullable=False),
        sa.Column("direct", sa.Boolean, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("cron", sa.String, nullable=False),
        sa.Column("zone", sa.String, nullable=False),
        sa.Column("locale", sa.String, nullable=False),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sqlite_with_rowid=False,
    )
    for column in ("person", "place", "made_at"):
        op.create_index(f"ix_jobs_{column}", "jobs", [column])
    op.create_index(
        "ix_jobs_next_at", "jobs", ["next_at"], sqlite_where=_NEXT, postgresql_where=_NEXT
    )
    op.create_table(
        "occurrences",
        sa.Column("job", sa.String, nullable=False),
        sa.Column("instant", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("try_at", sa.BigInteger, nullable=False),
        sa.Column("posted_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("job", "instant", name="pk_occurrences"),
        sa.ForeignKeyConstraint(
            ["job"], ["jobs.id"], name="fk_occurrences_job_jobs", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_occurrences_ended_at", "occurrences", ["ended_at"])
    op.create_index(
        "ix_occurrences_open",
        "occurrences",
        ["try_at"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def downgrade() -> None:
    op.drop_table("occurrences")
    op.drop_table("jobs")
