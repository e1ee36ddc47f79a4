"""The tables of jobs; migration `0011_jobs` makes them."""

from __future__ import annotations

import sqlalchemy as sa

from bot.history.tables import Moment
from bot.storage.engine import Base, belongs_to

jobs = sa.Table(
    "jobs",
    Base.metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("person", sa.String, nullable=False, index=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("place", sa.String, nullable=False, index=True),
    sa.Column("private", sa.Boolean, nullable=False),
    sa.Column("direct", sa.Boolean, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("cron", sa.String, nullable=False),
    sa.Column("zone", sa.String, nullable=False),
    sa.Column("locale", sa.String, nullable=False),
    # When it is due next; empty when it has ended.
    sa.Column("next_at", Moment),
    sa.Column("made_at", Moment, nullable=False, index=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index(
    "ix_jobs_next_at",
    jobs.c.next_at,
    sqlite_where=jobs.c.next_at.is_not(None),
)

occurrences = sa.Table(
    "occurrences",
    Base.metadata,
    # One time that a job was due: the row is there before anything is done.
    sa.Column("job", sa.String, belongs_to("jobs.id"), primary_key=True),
    sa.Column("instant", Moment, primary_key=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("try_at", Moment, nullable=False),
    # When it may have been posted first; empty before.
    sa.Column("posted_at", Moment),
    sa.Column("ended_at", Moment, index=True),
    sqlite_with_rowid=False,
)
sa.Index(
    "ix_occurrences_open",
    occurrences.c.try_at,
    sqlite_where=occurrences.c.ended_at.is_(None),
)
