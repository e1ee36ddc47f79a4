"""Deleting what was kept of a person or a conversation, inside one of the writer's transactions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from bot.history.mapping import SNAPSHOT
from bot.history.tables import choices, feedback, materials, quoted, replies, turns


def forget(connection: Connection, person: str | None, conversation: str | None) -> int:
    """Delete turns with all that hangs on them; returns how many. See `SqlHistoryStore.forget`."""
    asked = select(turns.c.id)
    if person is not None:
        asked = asked.where(turns.c.author == person)
    if conversation is not None:
        asked = asked.where(turns.c.conversation == conversation)
    alone = person if conversation is None else None
    if alone is not None:
        _forget_choices(connection, alone)
        _remove_quoted_messages(connection, alone)
    # In this order: the rows that `asked` finds are the last to go.
    gone = select(turns.c.id).where(or_(turns.c.id.in_(asked), turns.c.answers.in_(asked)))
    deleted = _delete_turns(connection, [*connection.scalars(gone)])
    if alone is not None:
        connection.execute(delete(feedback).where(feedback.c.person == alone))
    if conversation is not None and person is None:
        connection.execute(delete(replies).where(replies.c.conversation == conversation))
        connection.execute(delete(choices).where(choices.c.scope == conversation))
    return deleted


def _delete_turns(connection: Connection, idents: list[str]) -> int:
    rows = [{"turn_id": ident} for ident in idents]
    columns = (feedback.c.turn, replies.c.turn, materials.c.turn, quoted.c.turn, turns.c.id)
    for column in columns if rows else ():
        connection.execute(delete(column.table).where(column == bindparam("turn_id")), rows)
    return len(rows)


def _remove_quoted_messages(connection: Connection, person: str) -> None:
    """Take a person's messages out of what others asked. Where a question was about such a message
    it holds the message itself, and so goes with its answers."""
    theirs = select(quoted.c.turn).where(quoted.c.person == person)
    kept = select(materials).where(materials.c.turn.in_(theirs))
    about: list[str] = []
    for row in connection.execute(kept).all():
        material = SNAPSHOT.validate_json(row.kept)
        if material.target is not None and material.target.by == person:
            about.append(row.turn)
            continue
        left = material.without(person)
        here = materials.c.turn == row.turn
        change: Any = delete(materials).where(here)
        if left:
            change = update(materials).where(here).values(kept=SNAPSHOT.dump_json(left).decode())
        connection.execute(change)
    connection.execute(delete(quoted).where(quoted.c.person == person))
    answers = connection.scalars(select(turns.c.id).where(turns.c.answers.in_(about)))
    _delete_turns(connection, [*answers, *about])


def _forget_choices(connection: Connection, person: str) -> None:
    """What a person chose for a conversation of theirs alone goes with it; what holds for others
    too stays, without their name."""
    chosen = select(choices.c.name, choices.c.scope).where(choices.c.by == person)
    for name, scope in connection.execute(chosen).all():
        here = (choices.c.name == name) & (choices.c.scope == scope)
        if _is_theirs_alone(connection, person, scope):
            connection.execute(delete(choices).where(here))
        else:
            connection.execute(update(choices).where(here).values(by=""))


def _is_theirs_alone(connection: Connection, person: str, scope: str) -> bool:
    """Whether nobody else ever asked anything there, and they did."""
    below = turns.c.conversation.between(f"{scope}:", f"{scope};", symmetric=False)
    here = (turns.c.conversation == scope) | below
    people = select(turns.c.author).where(turns.c.role == "user", here).distinct().limit(2)
    return list(connection.scalars(people)) == [person]
