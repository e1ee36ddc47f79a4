"""The tables of conversations and of what people chose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

from bot.storage.engine import Base, belongs_to

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, kept as whole microseconds: exact, and sorted as a number."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


turns = Table(
    "turns",
    Base.metadata,
    # The order in which turns came, whatever the clock did.
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False),
    Column("platform", String, nullable=False),
    Column("conversation", String, nullable=False),
    Column("role", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("author", String, nullable=False),
    Column("author_name", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("command", String, nullable=False),
    Column("options", Text, nullable=False),
    Column("event_id", String, nullable=False),
    Column("answers", String, belongs_to("turns.id")),
    Column("remember", Boolean, nullable=False),
    Column("superseded", Boolean, nullable=False),
    Column("model", String, nullable=False),
    Column("status", String, nullable=False),
    Column("usage", Text),
    Column("explanation", Text),
    Column("cut", Text),
    # Whether only the person who asked could read the answer; NULL: nobody noted it.
    Column("private", Boolean),
    # The id that the answer names, where it is an error.
    Column("error", String),
    # Of an answer, from its usage: until its first word, until its end, and tokens written.
    Column("wait_ms", BigInteger, nullable=False, server_default="0"),
    Column("total_ms", BigInteger, nullable=False, server_default="0"),
    Column("written", BigInteger, nullable=False, server_default="0"),
    # The process that is at it, where several share the database.
    Column("process", String),
    UniqueConstraint("id"),
    sqlite_autoincrement=True,
)
Index("ix_turns_recent", turns.c.conversation, turns.c.role, turns.c.remember, turns.c.seq)
Index("ix_turns_answers", turns.c.answers)
Index("ix_turns_event", turns.c.event_id, turns.c.platform)
Index("ix_turns_author", turns.c.author)
Index("ix_turns_at", turns.c.at)
# For PostgreSQL the migrations say which rows; here it would be imported for it at each start.
Index(
    "ix_turns_running",
    turns.c.status,
    sqlite_where=turns.c.status == "running",
)

Index("ix_turns_error", turns.c.error, sqlite_where=turns.c.error.is_not(None))
# All that turns are looked for and sorted by, the condition included: this is read through in place
# of the table, whose rows hold texts. It begins with what only grows, so that it is written to at
# its end alone.
_LISTED = (
    "seq", "at", "conversation", "command", "model", "status", "wait_ms", "total_ms", "written",
    "answers", "role",
)  # fmt: skip
Index(
    "ix_turns_listed",
    *(turns.c[_name] for _name in _LISTED),
    sqlite_where=text("role = 'assistant'"),
)

IS_ABANDONED = text(
    "(turns.process IS NULL OR turns.process NOT IN (SELECT processes.id FROM processes))"
)
"""The condition of turns that no process that lives is at. Where one process alone uses the
database, it is at none when it starts."""

turn_counts = Table(
    "turn_counts",
    Base.metadata,
    # How much was asked in each quarter of an hour (`at` is its beginning), which is what the days
    # of all time zones are made of. It is counted by `kind`: for each place, model, skill, and for
    # each person, of whom a row says place, model and skill, too.
    Column("kind", String, primary_key=True),
    Column("at", Moment, primary_key=True),
    Column("name", String, primary_key=True),
    Column("place", String, primary_key=True),
    Column("model", String, primary_key=True),
    Column("skill", String, primary_key=True),
    Column("turns", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    # Turns that a model was asked in; what follows is the sum of these.
    Column("measured", BigInteger, nullable=False),
    Column("read", BigInteger, nullable=False),
    Column("written", BigInteger, nullable=False),
    Column("queue_ms", BigInteger, nullable=False),
    Column("wait_ms", BigInteger, nullable=False),
    Column("machine_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

processed_events = Table(
    "processed_events",
    Base.metadata,
    Column("platform", String, primary_key=True),
    Column("event_id", String, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    sqlite_with_rowid=False,
)

choices = Table(
    "choices",
    Base.metadata,
    Column("name", String, primary_key=True),
    Column("scope", String, primary_key=True),
    Column("value", Text, nullable=False),
    Column("by", String, nullable=False),
    Column("at", Moment, nullable=False),
    sqlite_with_rowid=False,
)

replies = Table(
    "replies",
    Base.metadata,
    Column("turn", String, primary_key=True),
    Column("platform", String, nullable=False),
    Column("conversation", String, nullable=False, index=True),
    Column("address", Text, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
    # The same turn where it is stored; that of a quick command is not.
    Column("answer", String, belongs_to("turns.id"), index=True),
    # The process that shows it, where several share the database.
    Column("process", String),
    sqlite_with_rowid=False,
)
Index(
    "ix_replies_unfinished",
    replies.c.platform,
    replies.c.at,
    sqlite_where=replies.c.finished.is_(False),
)

feedback = Table(
    "feedback",
    Base.metadata,
    Column("turn", String, belongs_to("turns.id"), primary_key=True),
    Column("person", String, primary_key=True, index=True),
    Column("passage", String, primary_key=True),
    Column("verdict", String, nullable=False),
    Column("at", Moment, nullable=False, index=True),
    sqlite_with_rowid=False,
)

materials = Table(
    "materials",
    Base.metadata,
    # What a person's turn came with: apart from the turns, which are read by the hundred.
    Column("turn", String, belongs_to("turns.id"), primary_key=True),
    # With a rowid: SQLite would read every row whole that it passes on the way to one.
    Column("kept", Text, nullable=False),
)

quoted = Table(
    "quoted",
    Base.metadata,
    # Whose messages stand in the material of which turns.
    Column("person", String, primary_key=True),
    Column("turn", String, belongs_to("materials.turn"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

suspended = Table(
    "suspended",
    Base.metadata,
    Column("turn", String, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("person", String, nullable=False),
    Column("conversation", String, nullable=False),
    Column("direct", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("resume_at", Moment, nullable=False, index=True),
    Column("who", String, nullable=False),
    Column("choice", String, nullable=False),
    Column("by", String, nullable=False),
)

tool_calls = Table(
    "tool_calls",
    Base.metadata,
    # What a model had done for a person: a row is there before anything is done.
    Column("turn", String, belongs_to("turns.id"), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("tool", String, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("decision", String, nullable=False),
    Column("state", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("ended_at", Moment),
    sqlite_with_rowid=False,
)
_OPEN_CALLS = text("state IN ('waiting', 'running', 'untold')")
Index(
    "ix_tool_calls_open",
    tool_calls.c.state,
    sqlite_where=_OPEN_CALLS,
)

prompts = Table(
    "prompts",
    Base.metadata,
    # What a model was sent for an answer, call by call, where it is kept.
    Column("turn", String, belongs_to("turns.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("model", String, nullable=False),
    # JSON: the messages, and the names of the tools that were offered.
    Column("prompt", Text, nullable=False),
    Column("at", Moment, nullable=False, index=True),
)

daily_use = Table(
    "daily_use",
    Base.metadata,
    # What a person (`Author.key`) or a channel had done with tools on a day, its beginning in UTC.
    Column("day", Moment, primary_key=True),
    Column("who", String, primary_key=True),
    Column("steps", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    sqlite_with_rowid=False,
)

quotas = Table(
    "quotas",
    Base.metadata,
    # When somebody (`Author.key`) has all of their questions an hour again, by the database's
    # clock; kept where several processes share the database.
    Column("person", String, primary_key=True),
    Column("full_at", Moment, nullable=False),
)

memories = Table(
    "memories",
    Base.metadata,
    # What somebody wanted to be remembered: for themselves, or for everybody in a channel.
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("person", String, nullable=False, index=True),
    Column("name", String, nullable=False),
    # The channel's key; empty for what is the person's own.
    Column("place", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("origin", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Moment, nullable=False),
    sqlite_autoincrement=True,
)
Index("ix_memories_place", memories.c.place, memories.c.person)

summaries = Table(
    "summaries",
    Base.metadata,
    # What stands in a prompt for the turns that no longer fit into it.
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("conversation", String, nullable=False, index=True),
    # The summary that this one goes on from, and is deleted with.
    Column("previous", Integer, belongs_to("summaries.id"), index=True),
    Column("last", String, nullable=False),
    # So many turns it was made of; where there are fewer in `summarised`, one is gone.
    Column("covers", Integer, nullable=False),
    Column("people", Text, nullable=False),
    Column("origin", String, nullable=False),
    Column("text", Text, nullable=False),
    # When the oldest of the turns was.
    Column("at", Moment, nullable=False, index=True),
    sqlite_autoincrement=True,
)

summarised = Table(
    "summarised",
    Base.metadata,
    Column("summary", Integer, belongs_to("summaries.id"), primary_key=True),
    Column("turn", String, belongs_to("turns.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

capabilities = Table(
    "capabilities",
    Base.metadata,
    # What a replica is (model, engine, address), and what it was found to be able to do.
    Column("replica", String, primary_key=True),
    Column("found", Text, nullable=False),
    Column("at", Moment, nullable=False),
    sqlite_with_rowid=False,
)
