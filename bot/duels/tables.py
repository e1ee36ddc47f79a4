"""The tables of duels and of the votes on them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, String, Table

from bot.history.tables import Moment
from bot.storage.engine import Base, belongs_to

duels = Table(
    "duels",
    Base.metadata,
    # The answer that shows both sides.
    Column("turn", String, belongs_to("turns.id"), primary_key=True),
    Column("kind", String, nullable=False),
    # The models that wrote what is shown as A and as B.
    Column("model_a", String, nullable=False),
    Column("model_b", String, nullable=False),
    Column("at", Moment, nullable=False),
    sqlite_with_rowid=False,
)

duel_votes = Table(
    "duel_votes",
    Base.metadata,
    Column("duel", String, belongs_to("duels.turn"), primary_key=True),
    Column("person", String, primary_key=True),
    # "a", "b", "tie" or "bad"; empty for somebody who was shown the names and did not vote.
    Column("choice", String, nullable=False),
    # Whether the person was shown which model is which, after which they vote no more.
    Column("informed", Boolean, nullable=False),
    Column("at", Moment, nullable=False, index=True),
    sqlite_with_rowid=False,
)
Index("ix_duel_votes_person", duel_votes.c.person)
