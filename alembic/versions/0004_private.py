"""A full text table for each knowledge base, and who said what questions came with.

Revision: 0004
"""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COLUMNS = "title, heading, body"
_FTS = f"USING fts5({_COLUMNS}, tokenize = 'porter unicode61 remove_diacritics 2')"


def _tables() -> dict[str, str]:
    """The full text table of each knowledge base."""
    names = op.get_bind().scalars(sa.text("SELECT name FROM knowledge_bases")).all()
    digests = {n: hashlib.blake2b(n.encode(), digest_size=16).hexdigest() for n in names}
    return {name: f"knowledge_fts_{digest}" for name, digest in digests.items()}


def upgrade() -> None:
    sqlite = op.get_context().dialect.name == "sqlite"
    if sqlite:
        _divide_full_text()
    op.create_table(
        "quoted",
        sa.Column("person", sa.String, nullable=False),
        sa.Column("turn", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("person", "turn", name="pk_quoted"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_quoted_turn", "quoted", ["turn"])
    if sqlite:  # no other database is older than this
        _forget_whose_is_not_known()


def _divide_full_text() -> None:
    """A table for each knowledge base in place of the one of all."""
    for base, table in _tables().items():
        op.execute(f"CREATE VIRTUAL TABLE {table} {_FTS}")
        op.execute(
            sa.text(
                f"INSERT INTO {table} (rowid, {_COLUMNS}) SELECT f.rowid, f.title, f.heading, "
                "f.body FROM knowledge_fts AS f JOIN knowledge_passages AS p ON p.number = f.rowid "
                "WHERE p.base = :base"
            ).bindparams(base=base)
        )
    op.execute("DROP TABLE knowledge_fts")


def _forget_whose_is_not_known() -> None:
    """Of messages that were kept until now it is not known who wrote them, so that they could not
    be deleted with that person; our own words stay."""
    connection = op.get_bind()
    update = sa.text("UPDATE materials SET kept = :kept WHERE turn = :turn")
    for turn, kept in connection.execute(sa.text("SELECT turn, kept FROM materials")).all():
        material = json.loads(kept)
        target = material.get("target")
        material["quotes"] = [q for q in material.get("quotes", ()) if q.get("from_us")]
        material["target"] = target if target and target.get("from_us") else None
        connection.execute(update, {"turn": turn, "kept": json.dumps(material, ensure_ascii=False)})


def downgrade() -> None:
    op.drop_table("quoted")
    if op.get_context().dialect.name != "sqlite":
        return
    op.execute(f"CREATE VIRTUAL TABLE knowledge_fts {_FTS}")
    for table in _tables().values():
        op.execute(
            f"INSERT INTO knowledge_fts (rowid, {_COLUMNS}) SELECT rowid, {_COLUMNS} FROM {table}"
        )
        op.execute(f"DROP TABLE {table}")
