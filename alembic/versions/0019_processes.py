"""The processes that share a database, what each of them has taken, and the order of questions.

Revision: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "processes",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("schema", sa.String, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("beat_at", sa.BigInteger, nullable=False),
        sa.Column("told", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_processes"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("process", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
        sa.ForeignKeyConstraint(
            ["process"], ["processes.id"], name="fk_leases_process_processes", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "lanes",
        sa.Column("conversation", sa.String, nullable=False),
        sa.Column("last", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("conversation", name="pk_lanes"),
    )
    op.create_table(
        "lane_tickets",
        sa.Column("conversation", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("process", sa.String, nullable=False),
        sa.Column("alone", sa.Boolean, nullable=False),
        sa.Column("stored", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("conversation", "number", name="pk_lane_tickets"),
        sa.ForeignKeyConstraint(
            ["process"],
            ["processes.id"],
            name="fk_lane_tickets_process_processes",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_lane_tickets_process", "lane_tickets", ["process"])
    op.create_table(
        "first_revision",
        sa.Column("revision", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("revision", name="pk_first_revision"),
    )
    op.execute("INSERT INTO first_revision (revision) VALUES ('0019')")
    for table in ("turns", "replies"):
        op.add_column(table, sa.Column("process", sa.String))


def downgrade() -> None:
    for table in ("replies", "turns"):
        op.drop_column(table, "process")
    for table in ("first_revision", "lane_tickets", "lanes", "leases", "processes"):
        op.drop_table(table)
