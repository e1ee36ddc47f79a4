"""The tables of processes; migration `0019_processes` makes them."""

from __future__ import annotations

import sqlalchemy as sa

from bot.history.tables import Moment
from bot.storage.engine import Base, belongs_to

processes = sa.Table(
    "processes",
    Base.metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("host", sa.String, nullable=False),
    # The newest migration that the process knows.
    sa.Column("schema", sa.String, nullable=False),
    sa.Column("started_at", Moment, nullable=False),
    # When it was last heard of, by the database's clock.
    sa.Column("beat_at", Moment, nullable=False),
    # What it tells the others of itself, as JSON.
    sa.Column("told", sa.Text, nullable=False),
)

leases = sa.Table(
    "leases",
    Base.metadata,
    # What one process at a time does; it ends with the process.
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("process", sa.String, belongs_to("processes.id"), nullable=False),
)

lanes = sa.Table(
    "lanes",
    Base.metadata,
    # Conversations that have turns in `lane_tickets`, with the last number that was given.
    sa.Column("conversation", sa.String, primary_key=True),
    sa.Column("last", sa.Integer, nullable=False),
)

lane_tickets = sa.Table(
    "lane_tickets",
    Base.metadata,
    # Turns that run or wait in a conversation, in their order.
    sa.Column("conversation", sa.String, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("process", sa.String, belongs_to("processes.id"), nullable=False, index=True),
    sa.Column("alone", sa.Boolean, nullable=False),
    # Whether the question is stored, so that those behind it may be.
    sa.Column("stored", sa.Boolean, nullable=False),
)

first_revision = sa.Table(
    "first_revision",
    Base.metadata,
    # The oldest migration that a program must know to work with the tables as they are.
    sa.Column("revision", sa.String, primary_key=True),
)
