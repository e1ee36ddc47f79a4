"""Reads a conversation as the people in it see it: each question with the answer that stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from bot.history.mapping import to_message
from bot.history.protocol import StoredMessage
from bot.history.tables import turns
from bot.storage.database import Database

_question, _answer = turns.alias("question"), turns.alias("answer")


@dataclass(frozen=True, slots=True)
class BegunConversation:
    """A conversation in which something was asked: its key, when last, and what first."""

    key: str
    last_at: datetime
    text: str


class ConversationTurns:
    """Reads from a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(
        self, conversation: str, *, limit: int
    ) -> Sequence[tuple[StoredMessage, StoredMessage]]:
        """Return the newest questions of a conversation with their answers, oldest first, also
        those that failed or that later prompts leave out. What was replaced is left out."""
        query = (
            select(_question, *(column.label(f"answer_{column.name}") for column in _answer.c))
            .join(_answer, _answer.c.answers == _question.c.id)
            .where(
                _question.c.conversation == conversation,
                _question.c.role == "user",
                _answer.c.superseded.is_(False),
            )
            .order_by(_answer.c.seq.desc())
            .limit(limit)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        names = [column.name for column in turns.c]
        return [
            (
                to_message({name: row[name] for name in names}),
                to_message({name: row[f"answer_{name}"] for name in names}),
            )
            for row in reversed(rows)
        ]

    async def begun(self, channel: str, person: str, *, limit: int) -> Sequence[BegunConversation]:
        """Return the conversations beneath a channel's key that a person (`Author.key`) began, the
        one in which something was asked last first."""
        first, last = func.min(turns.c.seq).label("first"), func.max(turns.c.seq).label("last")
        asked = (
            select(turns.c.conversation, first, last)
            # A key is followed by a colon in those of what is in it, and `;` comes next after that.
            .where(
                turns.c.role == "user",
                turns.c.conversation.between(f"{channel}:", f"{channel};"),
            )
            .group_by(turns.c.conversation)
            .order_by(last.desc())
            .limit(limit)
            .subquery()
        )
        at_first, at_last = turns.alias("at_first"), turns.alias("at_last")
        query = (
            select(asked.c.conversation, at_last.c.at, at_first.c.text)
            .join(at_first, at_first.c.seq == asked.c.first)
            .join(at_last, at_last.c.seq == asked.c.last)
            .where(at_first.c.author == person)
            .order_by(asked.c.last.desc())
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [BegunConversation(row.conversation, row.at, row.text) for row in rows]
