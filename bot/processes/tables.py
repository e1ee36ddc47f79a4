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

received_events = sa.Table(
    "received_events",
    Base.metadata,
    # Events of platforms as they came, until they are surely handled.
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("platform", sa.String, nullable=False),
    # The platform's id of this delivery.
    sa.Column("key", sa.String, nullable=False),
    # The id by which it is claimed in `processed_events`.
    sa.Column("event", sa.String, nullable=False),
    # That within which events keep their order.
    sa.Column("place", sa.String, nullable=False),
    sa.Column("person", sa.String, nullable=False, index=True),
    # The process that handles it, which may have died.
    sa.Column("process", sa.String, nullable=False, index=True),
    # Whether that process has begun to.
    sa.Column("begun", sa.Boolean, nullable=False),
    # How many processes it was given to.
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.UniqueConstraint("platform", "key"),
    sqlite_autoincrement=True,
)

first_revision = sa.Table(
    "first_revision",
    Base.metadata,
    # The oldest migration that a program must know to work with the tables as they are.
    sa.Column("revision", sa.String, primary_key=True),
)
