"""Stores in SQLite where answers stand on the platforms, so that they can be edited later."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, literal, select, text, update

from bot.history.protocol import StoredMessage
from bot.history.tables import replies, suspended, turns
from bot.replies.left_messages import ABOVE
from bot.replies.protocol import Reply
from bot.storage.database import Database
from bot.storage.insert import Insert, InsertInto, InsertStatement, Returning
from bot.storage.last_work import do_together
from bot.types import ConversationKey

_LOOK_S = 0.1
"""How often a process looks whether it may write again, in seconds."""
_stored_answer = select(turns.c.id).where(turns.c.id == bindparam("of")).scalar_subquery()


@InsertStatement
def _save(insert_into: InsertInto) -> Returning:
    insert = insert_into(replies).values(answer=_stored_answer)
    saving = insert.on_conflict_do_update(
        index_elements=["turn"],
        set_={
            column: insert.excluded[column]
            for column in (
                "platform",
                "conversation",
                "address",
                "finished",
                "at",
                "answer",
                "process",
            )
        },
    )
    return saving.returning(replies.c.turn)


def _save_all(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store each reply as it was given last, in the same order in each process."""
    newest = {row["turn"]: row for row in rows}
    connection.execute(_save(connection), [newest[turn] for turn in sorted(newest)])


@InsertStatement
def _note(insert_into: InsertInto) -> Insert:
    return (
        insert_into(replies)
        .values(answer=_stored_answer)
        .on_conflict_do_nothing(index_elements=["turn"])
    )


_get = select(replies).where(replies.c.turn == bindparam("turn"))
_broken_off = (
    replies.c.finished.is_(False),
    replies.c.turn.not_in(select(suspended.c.turn)),  # it waits; nothing broke off
)
_unfinished = (
    select(replies)
    .where(replies.c.platform == bindparam("platform"), *_broken_off)
    .order_by(replies.c.at)
)
_take_unfinished = (
    update(replies)
    .where(
        replies.c.platform == bindparam("of_platform"),
        *_broken_off,
        text("(replies.process IS NULL OR replies.process NOT IN (SELECT id FROM processes))"),
    )
    .values(process=bindparam("taken_by"))
    .returning(*replies.c)
)
_elsewhere = select(replies).where(
    replies.c.platform == bindparam("platform"),
    replies.c.finished.is_(False),
    replies.c.process != bindparam("but_process"),
)
_known = select(literal(1)).where(replies.c.conversation == bindparam("conversation")).limit(1)
_answering = (
    select(literal(1))
    .where(
        turns.c.conversation == bindparam("conversation"),
        turns.c.role == "assistant",
        turns.c.status == "running",
    )
    .limit(1)
)


class SqlReplies:
    """Implements `Replies` on a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def may_write(self) -> bool:
        return self._database.may_write()

    async def until_it_may_write(self) -> None:
        while not self._database.may_write():  # noqa: ASYNC110 - it depends on the time
            await asyncio.sleep(_LOOK_S)

    async def save(self, reply: Reply) -> None:
        row = {
            "turn": reply.turn,
            "of": reply.turn,
            "platform": reply.platform,
            "conversation": reply.conversation,
            "address": json.dumps(dict(reply.address)),
            "finished": reply.finished,
            "at": datetime.now(UTC),
            "process": self._database.process,
        }
        await self._database.write(lambda connection: do_together(connection, _save_all, row))

    async def get(self, turn: str) -> Reply | None:
        async with self._database.read() as connection:
            row = (await connection.execute(_get, {"turn": turn})).first()
        return None if row is None else _reply(row)

    async def unfinished(self, platform: str) -> Sequence[Reply]:
        process = self._database.process
        if process is not None:
            return await self._take_unfinished(platform, process)
        async with self._database.read() as connection:
            rows = (await connection.execute(_unfinished, {"platform": platform})).all()
        return [_reply(row) for row in rows]

    async def _take_unfinished(self, platform: str, process: str) -> Sequence[Reply]:
        """Those that no process that lives is at: they are this one's from now on."""
        values = {"of_platform": platform, "taken_by": process}

        def job(connection: Connection) -> list[Reply]:
            rows = connection.execute(_take_unfinished, values).all()
            return [_reply(row) for row in sorted(rows, key=lambda row: row.at)]

        return await self._database.write(job)

    async def written_elsewhere(self, platform: str) -> Sequence[Reply]:
        if self._database.process is None:
            return ()
        values = {"platform": platform, "but_process": self._database.process}
        async with self._database.read() as connection:
            rows = (await connection.execute(_elsewhere, values)).all()
        return [_reply(row) for row in rows]

    async def known_thread(self, conversation: ConversationKey) -> bool:
        if conversation.thread is None:
            return False
        values = {"conversation": str(conversation)}
        async with self._database.read() as connection:
            return (await connection.execute(_known, values)).first() is not None

    async def takes_part(self, conversation: ConversationKey) -> bool:
        if await self.known_thread(conversation):
            return True
        if conversation.thread is None:
            return False
        # A turn is stored before its answer shows, and the answer's address after that.
        values = {"conversation": str(conversation)}
        async with self._database.read() as connection:
            return (await connection.execute(_answering, values)).first() is not None


def note_interrupted(connection: Connection, left: Iterable[StoredMessage]) -> None:
    """Store answers that a dead process left as unfinished replies. Those of which nothing was
    shown yet get no address; the asker is then told in a new message."""
    now = datetime.now(UTC)
    rows = [
        {
            "turn": turn.id,
            "of": turn.id,
            "platform": ConversationKey.parse(turn.conversation).platform,
            "conversation": turn.conversation,
            "address": "{}",
            "finished": False,
            "at": now,
        }
        for turn in left
    ]
    if rows:
        connection.execute(_note(connection), rows)


def note_above(connection: Connection, turn: str) -> None:
    """Note that all messages of an answer stay as they are, since it goes on below them."""
    where = replies.c.turn == turn
    stored = connection.execute(select(replies.c.address).where(where)).scalar()
    address = json.loads(stored) if stored else {}
    if messages := address.get("messages"):
        address[ABOVE] = messages
        connection.execute(update(replies).where(where).values(address=json.dumps(address)))


def _reply(row: Row[Any]) -> Reply:
    return Reply(
        turn=row.turn,
        platform=row.platform,
        conversation=row.conversation,
        address=json.loads(row.address),
        finished=row.finished,
    )
