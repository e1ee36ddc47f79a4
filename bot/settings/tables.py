"""The table of words that prove who somebody is."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table

from bot.history.tables import Moment
from bot.storage.engine import Base

shown_words = Table(
    "shown_words",
    Base.metadata,
    # What the word does: it makes an admin, or allows a place. There is one at a time.
    Column("purpose", String, primary_key=True),
    # The SHA-256 of the word, which itself is shown once and kept nowhere.
    Column("digest", String, nullable=False),
    # Wrong words until it is void; 0 also where it was used.
    Column("tries_left", Integer, nullable=False),
    Column("ends_at", Moment, nullable=False),
    # Who has used it (`Author.key`), if somebody has.
    Column("person", String, nullable=False),
)
