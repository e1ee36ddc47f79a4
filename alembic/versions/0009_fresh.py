"""What a source says of the version of a document, when sources were read, and older versions.

Revision: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_DOCUMENTS = "knowledge_documents"


def upgrade() -> None:
    for name in ("revision", "validators"):
        op.add_column(_DOCUMENTS, sa.Column(name, sa.String, nullable=False, server_default=""))
    op.create_table(
        "knowledge_syncs",
        sa.Column("base", sa.String, nullable=False),
        sa.Column("location", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failed_at", sa.Float),
        sa.Column("failure", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("base", "location", name="pk_knowledge_syncs"),
    )
    op.create_table(
        "knowledge_versions",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("base", sa.String, nullable=False),
        sa.Column("document", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("location", sa.String, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("before", sa.LargeBinary),
        sa.PrimaryKeyConstraint("number", name="pk_knowledge_versions"),
        sa.ForeignKeyConstraint(
            ["base"],
            ["knowledge_bases.name"],
            name="fk_knowledge_versions_base_knowledge_bases",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_knowledge_versions_base", "knowledge_versions", ["base", "at"])
    op.create_index("ix_knowledge_versions_document", "knowledge_versions", ["document", "number"])


def downgrade() -> None:
    op.drop_table("knowledge_versions")
    op.drop_table("knowledge_syncs")
    for name in ("validators", "revision"):
        op.drop_column(_DOCUMENTS, name)
