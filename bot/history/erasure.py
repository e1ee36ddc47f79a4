"""Deletes what was kept of a person or a conversation, a batch of rows at a time.

What is to go is said in `bot.storage.personal_data`; here is what has to be decided row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, exists, func, or_, select, text, update

from bot.history.mapping import SNAPSHOT
from bot.history.protocol import MODERATION_CHOICES
from bot.history.tables import (
    choices,
    materials,
    memories,
    prompts,
    quoted,
    replies,
    summaries,
    turns,
)
from bot.storage.batches import MAX_BATCH_ROWS, delete_batch, in_batches, update_batch
from bot.storage.database import Database
from bot.storage.personal_data import PERSONAL_DATA, Forgetting, PersonalData
from bot.types import ConversationKey


async def forget_person(database: Database, person: str) -> int:
    """Delete what the database holds of a person, but for their own documents; returns the number
    of turns. Calling it again goes on where an interrupted one stopped. Raises `StorageError`."""
    count = await _count_turns(database, turns.c.author == person)
    for data in PERSONAL_DATA:
        if (batch := _batch(data, person)) is not None:
            await in_batches(database, batch, changes=data.table)
    return count


async def forget_conversation(
    database: Database, conversation: str, person: str | None = None
) -> int:
    """Delete a conversation, or what one person said there and the answers; returns the number of
    turns. Raises `StorageError`."""
    here = turns.c.conversation == conversation
    if person is not None:
        here &= turns.c.author == person
    count = await _count_turns(database, here)
    told = summaries.c.conversation == conversation
    # Those of others hold what this person said.
    sent = prompts.c.turn.in_(select(turns.c.id).where(turns.c.conversation == conversation))
    await in_batches(database, lambda connection: delete_batch(connection, prompts, sent))
    await in_batches(database, lambda connection: delete_batch(connection, summaries, told))
    await in_batches(database, lambda connection: delete_batch(connection, turns, here))
    if person is None:
        for table, where in (
            (replies, replies.c.conversation == conversation),
            (choices, choices.c.scope == conversation),
        ):
            batch = partial(delete_batch, table=table, where=where)
            await in_batches(database, batch, changes=table)
    return count


async def _count_turns(database: Database, asked: ColumnElement[bool]) -> int:
    """The number of these turns and the answers to them."""
    found = select(turns.c.id).where(asked)
    gone = select(func.count()).select_from(turns).where(or_(asked, turns.c.answers.in_(found)))
    async with database.read() as connection:
        return await connection.scalar(gone) or 0


def _batch(data: PersonalData, person: str) -> Callable[[Connection], int] | None:
    """What deletes or changes some of a person's rows of a table; None where something else does,
    or nothing has to."""
    if data.forgetting is Forgetting.DECIDED:
        decide = _DECISIONS.get(data.name)
        return None if decide is None else partial(decide, person=person)
    if data.forgetting is Forgetting.DELETED:
        where: Any = text(data.of).bindparams(person=person)
        return partial(delete_batch, table=data.table, where=where)
    if data.blank:
        where = data.table.c[data.blank] == person
        return partial(update_batch, table=data.table, where=where, values={data.blank: ""})
    return None


def _forget_quoted_messages(connection: Connection, person: str) -> int:
    """Take some of a person's messages out of what others asked. Where a question was about such a
    message it holds the message itself, and so goes with its answers."""
    theirs = select(quoted.c.turn).where(quoted.c.person == person).limit(MAX_BATCH_ROWS)
    found = list(connection.scalars(theirs))
    about = []
    held = select(materials).where(materials.c.turn.in_(found)).with_for_update()
    for row in connection.execute(held).all():
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
    connection.execute(delete(turns).where(turns.c.id.in_(about)))
    done = quoted.c.turn.in_(found) & (quoted.c.person == person)
    connection.execute(delete(quoted).where(done))
    return len(found)


def _forget_choices(connection: Connection, person: str) -> int:
    """What a person chose for a conversation of theirs alone goes with it; what holds for others
    too stays, without their name."""
    chosen = select(choices.c.name, choices.c.scope).where(choices.c.by == person)
    found = connection.execute(chosen.limit(MAX_BATCH_ROWS)).all()
    for name, scope in found:
        here = (choices.c.name == name) & (choices.c.scope == scope) & (choices.c.by == person)
        theirs = _is_personal(scope) or _is_theirs_alone(connection, person, scope)
        if theirs and name not in MODERATION_CHOICES:
            connection.execute(delete(choices).where(here))
        else:
            connection.execute(update(choices).where(here).values(by=""))
    return len(found)


def _forget_memories(connection: Connection, person: str) -> int:
    """What a person kept for themselves goes; what they kept for a channel stays, as nobody's."""
    theirs = memories.c.person == person
    gone = delete_batch(connection, memories, theirs & (memories.c.place == ""))
    nobody = {"person": "", "name": ""}
    return gone + update_batch(connection, memories, theirs & (memories.c.place != ""), nobody)


_DECISIONS: Final[Mapping[str, Callable[..., int]]] = {
    "choices": _forget_choices,
    "memories": _forget_memories,
    "quoted": _forget_quoted_messages,  # and `materials` with them
}


def _is_personal(scope: str) -> bool:
    """Whether it holds for one person in a channel: the person who chose it."""
    try:
        return ConversationKey.parse(scope).user is not None
    except ValueError:
        return False


def _is_theirs_alone(connection: Connection, person: str, scope: str) -> bool:
    """Whether nobody else ever asked anything there, and they did."""
    below = turns.c.conversation.between(f"{scope}:", f"{scope};", symmetric=False)
    here = (turns.c.role == "user") & ((turns.c.conversation == scope) | below)
    theirs = exists().where(here, turns.c.author == person)
    others = exists().where(here, turns.c.author != person)
    return bool(connection.scalar(select(theirs & ~others)))
