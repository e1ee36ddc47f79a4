"""The table of the files that people were sent."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from bot.history.tables import Moment
from bot.storage.engine import Base

sent_files = Table(
    "sent_files",
    Base.metadata,
    # When somebody (`Author.key`) was last sent what is kept of them.
    Column("person", String, primary_key=True),
    Column("at", Moment, nullable=False),
)
