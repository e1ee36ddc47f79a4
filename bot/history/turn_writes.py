"""What is stored while turns run: their events, questions, answers and ends, those of many turns
together (`bot.storage.last_work.do_together`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, literal_column, select, update

from backends.base import Usage
from bot.errors import StorageError
from bot.history.protocol import StoredMessage
from bot.history.tables import processed_events, turns
from bot.history.turn_counts import count_end
from bot.storage.insert import InsertInto, InsertStatement, Returning

# Written out, not bound: SQLite uses an index over part of a table only where it sees why it may.
IS_RUNNING = turns.c.status == literal_column("'running'")
_progress = (
    update(turns).where(turns.c.id == bindparam("turn"), IS_RUNNING).values(text=bindparam("text"))
)
_asked = turns.alias("asked")
_ending = (
    select(
        turns.c.id, select(_asked.c.author).where(_asked.c.id == turns.c.answers).scalar_subquery()
    )
    .where(turns.c.id.in_(bindparam("ids", expanding=True)), IS_RUNNING)
    .with_for_update(of=turns)
)
_finish = (
    update(turns)
    .where(turns.c.id == bindparam("turn"), IS_RUNNING)
    .values(
        {
            name: bindparam(name)
            for name in ("text", "status", "model", "usage", "explanation", "cut", "remember")
        }
    )
)


@InsertStatement
def _claim(insert_into: InsertInto) -> Returning:
    events = processed_events.c
    claiming = insert_into(processed_events).on_conflict_do_nothing()
    return claiming.returning(events.platform, events.event_id)


@InsertStatement
def _open(insert_into: InsertInto) -> Returning:
    insert = insert_into(turns)
    edited = ("text", "command", "options", "remember")
    opening = insert.on_conflict_do_update(
        index_elements=["id"],
        set_={name: insert.excluded[name] for name in edited},
        where=turns.c.role == literal_column("'user'"),
    )
    return opening.returning(turns.c.id)


def progress_all(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store what has been written of answers (`turn`, `text`), as long as they are running."""
    connection.execute(_progress, rows)


@dataclass(slots=True)
class Opening:
    """An event that is claimed, a question and its answer that are stored: any of them may be
    missing. `done` is False where the event was claimed before."""

    event: Mapping[str, Any] | None
    rows: Sequence[Mapping[str, Any]] = ()
    done: bool = True


def open_all(connection: Connection, openings: Sequence[Opening]) -> None:
    """Claim all events in one statement, in the same order in each process, so that two do not wait
    for each other; and store all questions and answers in another."""
    events = {_event_key(one.event): one.event for one in openings if one.event is not None}
    claimed: set[Any] = set()
    if events:
        ordered = [events[key] for key in sorted(events)]
        claimed.update(map(tuple, connection.execute(_claim(connection), ordered)))
    rows: list[Mapping[str, Any]] = []
    for one in openings:
        one.done = True
        if one.event is not None:
            key = _event_key(one.event)
            one.done = key in claimed
            claimed.discard(key)  # the others with the same event are too late
        if one.done:
            rows += one.rows
    if rows and len(connection.execute(_open(connection), rows).all()) != len(rows):
        raise StorageError("There is an answer with this id already.")


@dataclass(frozen=True, slots=True)
class Ending:
    """The columns of an answer that has ended, and what is counted of it."""

    row: Mapping[str, Any]
    counted: StoredMessage
    usage: Usage | None


def end_all(connection: Connection, endings: Sequence[Ending]) -> None:
    """Store the ends of all answers that are running, and count them."""
    waiting = {one.counted.id: one for one in reversed(endings)}
    found = connection.execute(_ending, {"ids": sorted(waiting)}).all()
    if found:
        connection.execute(_finish, [waiting[turn].row for turn, _ in found])
    for turn, author in found:
        if author is not None:
            count_end(connection, waiting[turn].counted, author, waiting[turn].usage)


def _event_key(event: Mapping[str, Any]) -> tuple[str, str]:
    return event["platform"], event["event_id"]
