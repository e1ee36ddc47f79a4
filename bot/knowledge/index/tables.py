"""The tables of the documents; migration `0002_knowledge` makes them.

Each knowledge base also has a virtual FTS5 table (title, heading, body), which SQLAlchemy cannot
describe; `bot.knowledge.index.full_text` creates it, in this database or in a file beside it. Its
rowid is the passage's number.
"""

from __future__ import annotations

import sqlalchemy as sa

from bot.storage.engine import Base, belongs_to

bases = sa.Table(
    "knowledge_bases",
    Base.metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("embedder", sa.String, nullable=False),
    sa.Column("dimension", sa.Integer, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("made_at", sa.Float, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="0"),
)
"""One row a knowledge base: which embedder its vectors came from, which generation is live.
`version` rises with each change of its passages where full text is kept beside the database; else
it is 0."""

sources = sa.Table(
    "knowledge_sources",
    Base.metadata,
    sa.Column("base", sa.String, primary_key=True),
    sa.Column("location", sa.String, primary_key=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("added_by", sa.String, nullable=False),
    sa.Column("added_at", sa.Float, nullable=False),
    sa.Column("read_at", sa.Float),
)
"""What was added, as it was named: a page, a sitemap, a file, a folder, an upload. `read_at` is
empty until a reading is complete, so that an interrupted one is known."""

documents = sa.Table(
    "knowledge_documents",
    Base.metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("base", sa.String, belongs_to("knowledge_bases.name"), nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("location", sa.String, nullable=False),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("modified_ns", sa.BigInteger, nullable=False),
    sa.Column("characters", sa.Integer, nullable=False),
    sa.Column("passages", sa.Integer, nullable=False),
    sa.Column("text", sa.LargeBinary, nullable=False),
    sa.Column("added_by", sa.String, nullable=False, index=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("left_out", sa.Text, nullable=False, server_default=""),
    sa.Column("revision", sa.String, nullable=False, server_default=""),
    sa.Column("validators", sa.String, nullable=False, server_default=""),
    sa.UniqueConstraint("base", "location"),
)
"""`digest` is of the bytes as they were read, after the loaders' version; `text` are the
blocks made of them, compressed, from which an index is rebuilt without reading the document again.
In `left_out` is what the loader did not read. `revision` is what its source calls this version (a
blob of Git, the date in a sitemap), `validators` are the web server's, as JSON."""

passages = sa.Table(
    "knowledge_passages",
    Base.metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", sa.String, nullable=False),
    sa.Column("base", sa.String, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("document", sa.String, belongs_to("knowledge_documents.id"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("heading", sa.String, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("vectors", sa.LargeBinary, nullable=False),
    sa.Column("page", sa.Integer, nullable=False, server_default="0"),
    sa.Column("slide", sa.Integer, nullable=False, server_default="0"),
    sa.Column("sheet", sa.String, nullable=False, server_default=""),
    sa.Column("sheet_row", sa.Integer, nullable=False, server_default="0"),
    sa.UniqueConstraint("id", "generation"),
    sa.Index("ix_knowledge_passages_document", "document", "generation", "position"),
    sa.Index("ix_knowledge_passages_base", "base", "generation", "number"),
)
"""`vectors` are the passage's own and its sentences', int8 (`quantise`), for the second look. Only
the rows of a base's live generation are found. Page, slide, sheet and row say where in its file a
passage begins; 0 and "" where that is not known."""

changes = sa.Table(
    "knowledge_changes",
    Base.metadata,
    sa.Column("base", sa.String, belongs_to("knowledge_bases.name"), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("removed", sa.Text, nullable=False),
)
"""The latest versions of each base, and the numbers of the passages that each removed, as JSON.
What a version added are the passages with higher numbers than all before it."""

staged = sa.Table(
    "knowledge_staged",
    Base.metadata,
    sa.Column("document", sa.String, primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("vectors", sa.LargeBinary, nullable=False),
)
"""Vectors of passages that are not stored yet: an ingestion that is interrupted goes on here."""

pending = sa.Table(
    "knowledge_pending",
    Base.metadata,
    sa.Column("base", sa.String, belongs_to("knowledge_bases.name"), primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True),
    sa.Column("document", sa.String, primary_key=True),
)
"""Documents whose vectors in Chroma may differ from their passages: written before the first
vector is, removed when both agree again."""

syncs = sa.Table(
    "knowledge_syncs",
    Base.metadata,
    sa.Column("base", sa.String, primary_key=True),
    sa.Column("location", sa.String, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failed_at", sa.Float),
    sa.Column("failure", sa.Text, nullable=False),
)
"""When a source was last synced, and since when, how often in a row and why that failed. A source
that could never be read has a row here and none in `knowledge_sources`."""

versions = sa.Table(
    "knowledge_versions",
    Base.metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("base", sa.String, belongs_to("knowledge_bases.name"), nullable=False),
    sa.Column("document", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("location", sa.String, nullable=False),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("before", sa.LargeBinary),
    sa.Index("ix_knowledge_versions_base", "base", "at"),
    sa.Index("ix_knowledge_versions_document", "document", "number"),
)
"""One row for each time that a document was added, changed or removed; `before` are the blocks that
it had until then, compressed, where they are kept."""
