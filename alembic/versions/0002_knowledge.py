"""Documents, their passages and the full text index.

Revision: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "knowledge_bases",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("embedder", sa.String, nullable=False),
        sa.Column("dimension", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("made_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_knowledge_bases"),
    )
    op.create_table(
        "knowledge_sources",
        sa.Column("base", sa.String, nullable=False),
        sa.Column("location", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("added_by", sa.String, nullable=False),
        sa.Column("added_at", sa.Float, nullable=False),
        sa.Column("read_at", sa.Float),
        sa.PrimaryKeyConstraint("base", "location", name="pk_knowledge_sources"),
    )
    op.create_table(
        "knowledge_documents",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("base", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("location", sa.String, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("modified_ns", sa.BigInteger, nullable=False),
        sa.Column("characters", sa.Integer, nullable=False),
        sa.Column("passages", sa.Integer, nullable=False),
        sa.Column("text", sa.LargeBinary, nullable=False),
        sa.Column("added_by", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_knowledge_documents"),
        sa.UniqueConstraint("base", "location", name="uq_knowledge_documents_base_location"),
    )
    op.create_table(
        "knowledge_passages",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("base", sa.String, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("document", sa.String, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("heading", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("vectors", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_knowledge_passages"),
        sa.UniqueConstraint("id", "generation", name="uq_knowledge_passages_id_generation"),
    )
    op.create_index(
        "ix_knowledge_passages_document",
        "knowledge_passages",
        ["document", "generation", "position"],
    )
    op.create_index("ix_knowledge_passages_base", "knowledge_passages", ["base", "generation"])
    op.create_table(
        "knowledge_staged",
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("document", sa.String, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("vectors", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("document", "generation", "id", name="pk_knowledge_staged"),
    )
    op.create_table(
        "knowledge_pending",
        sa.Column("base", sa.String, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("document", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("base", "generation", "document", name="pk_knowledge_pending"),
    )
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE knowledge_fts USING fts5("
            "title, heading, body, tokenize = 'porter unicode61 remove_diacritics 2')"
        )


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP TABLE knowledge_fts")
    for table in ("pending", "staged", "passages", "documents", "sources", "bases"):
        op.drop_table(f"knowledge_{table}")
