"""The tables of who may connect to what over MCP."""

from __future__ import annotations

from sqlalchemy import Column, String, Table, Text

from bot.history.tables import Moment
from bot.storage.engine import Base

access_tokens = Table(
    "access_tokens",
    Base.metadata,
    # The SHA-256 of a token; the token itself is nowhere.
    Column("digest", String, primary_key=True),
    Column("person", String, nullable=False, index=True),
    # The direct message in which it was made.
    Column("place", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("ends_at", Moment, nullable=False, index=True),
    sqlite_with_rowid=False,
)

server_logins = Table(
    "server_logins",
    Base.metadata,
    # What a person's login at a server gave; encrypted, whole.
    Column("server", String, primary_key=True),
    Column("person", String, primary_key=True, index=True),
    Column("sealed", Text, nullable=False),
    Column("at", Moment, nullable=False),
    sqlite_with_rowid=False,
)
