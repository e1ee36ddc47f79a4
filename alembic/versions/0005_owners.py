"""Rows that belong to another row go with it; rows whose owner is gone are removed first.

Revision: 0005
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OWNERS = (
    ("turns", "answers", "turns", "id"),
    ("replies", "answer", "turns", "id"),
    ("feedback", "turn", "turns", "id"),
    ("materials", "turn", "turns", "id"),
    ("quoted", "turn", "materials", "turn"),
    ("knowledge_documents", "base", "knowledge_bases", "name"),
    ("knowledge_passages", "document", "knowledge_documents", "id"),
    ("knowledge_pending", "base", "knowledge_bases", "name"),
)
"""A table and its column, the owner's table and its column; owners come first."""
_OPTIONS = {"turns": {"sqlite_autoincrement": True}, "materials": {"sqlite_with_rowid": True}}
"""What SQLite is told of a table that is written anew. Without a rowid it would read whole every
row that it passes on the way to one; those of `materials` are too large for that."""


def upgrade() -> None:
    op.add_column("replies", sa.Column("answer", sa.String))
    op.execute("UPDATE replies SET answer = turn WHERE turn IN (SELECT id FROM turns)")
    for table, column, owner, key in _OWNERS:
        gone = f"{column} IS NOT NULL AND {column} NOT IN (SELECT {key} FROM {owner})"
        if table == "knowledge_passages" and op.get_context().dialect.name == "sqlite":
            _remove_from_full_text(gone)
        op.execute(f"DELETE FROM {table} WHERE {gone}")
    for table, column, owner, key in _OWNERS:
        with op.batch_alter_table(table, table_kwargs=_OPTIONS.get(table, {})) as batch:
            name = f"fk_{table}_{column}_{owner}"
            batch.create_foreign_key(name, owner, [column], [key], ondelete="CASCADE")
    op.create_index("ix_turns_at", "turns", ["at"])
    op.create_index("ix_replies_answer", "replies", ["answer"])
    op.create_index("ix_feedback_at", "feedback", ["at"])
    op.create_index("ix_feedback_person", "feedback", ["person"])
    op.create_index("ix_knowledge_documents_added_by", "knowledge_documents", ["added_by"])


def _remove_from_full_text(gone: str) -> None:
    """Take passages out of the full text table of their knowledge base."""
    for base in op.get_bind().scalars(sa.text("SELECT name FROM knowledge_bases")).all():
        digest = hashlib.blake2b(base.encode(), digest_size=16).hexdigest()
        numbers = f"SELECT number FROM knowledge_passages WHERE base = :base AND {gone}"
        op.execute(
            sa.text(f"DELETE FROM knowledge_fts_{digest} WHERE rowid IN ({numbers})").bindparams(
                base=base
            )
        )


def downgrade() -> None:
    op.drop_index("ix_knowledge_documents_added_by", "knowledge_documents")
    op.drop_index("ix_feedback_person", "feedback")
    op.drop_index("ix_feedback_at", "feedback")
    op.drop_index("ix_replies_answer", "replies")
    op.drop_index("ix_turns_at", "turns")
    for table, column, owner, _ in reversed(_OWNERS):
        options = {"sqlite_with_rowid": False} if table == "materials" else _OPTIONS.get(table, {})
        with op.batch_alter_table(table, table_kwargs=options) as batch:
            batch.drop_constraint(f"fk_{table}_{column}_{owner}", type_="foreignkey")
            if table == "replies":
                batch.drop_column("answer")
