"""The table of what is true of an installation as a whole (migration `0020_installation`)."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from bot.storage.engine import Base

installation = Table(
    "installation",
    Base.metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)
"""Facts by their names; see `bot.storage.installation_id`."""
