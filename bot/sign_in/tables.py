"""The tables of the console."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, String, Table

from bot.history.tables import Moment
from bot.storage.engine import Base

console_links = Table(
    "console_links",
    Base.metadata,
    # The SHA-256 of a link's secret part, which itself is nowhere; a row goes when it is used.
    Column("digest", String, primary_key=True),
    Column("person", String, nullable=False),
    # The direct message in which the link was asked for.
    Column("place", String, nullable=False),
    # Whether `parlance console` made it, which only the operator can run.
    Column("operator", Boolean, nullable=False),
    Column("ends_at", Moment, nullable=False),
)

console_sessions = Table(
    "console_sessions",
    Base.metadata,
    # The SHA-256 of the cookie; the cookie itself is nowhere.
    Column("digest", String, primary_key=True),
    Column("person", String, nullable=False, index=True),
    # The direct message in which the link was asked for.
    Column("place", String, nullable=False),
    # Whether it began with a link of `parlance console`, which only the operator can run.
    Column("operator", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False, index=True),
    sqlite_with_rowid=False,
)

console_changes = Table(
    "console_changes",
    Base.metadata,
    # Who did what in the console, and to what; the person is emptied when they are forgotten.
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False, index=True),
    Column("person", String, nullable=False, index=True),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    sqlite_autoincrement=True,
)
