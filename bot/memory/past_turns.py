"""Searches what was said before, as far as the person who asks may see it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from bot.commands.checks import Asker
from bot.history.mapping import to_message
from bot.history.protocol import StoredMessage
from bot.history.tables import turns
from bot.storage.database import Database

MAX_SEARCHED_TURNS: Final = 500
"""Most questions that are looked at, the newest."""
_WORD = re.compile(r"\w{2,}")
_MAX_WORDS: Final = 20

_question, _answer = turns.alias("question"), turns.alias("answer")


@dataclass(frozen=True, slots=True)
class PastExchange:
    """A question and the answer to it."""

    question: StoredMessage
    answer: StoredMessage


class PastTurns:
    """What was said before, in a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, query: str, asker: Asker, limit: int) -> Sequence[PastExchange]:
        """Return the exchanges with most words of a query, the newest first among equals; without
        words, the newest.

        In a direct message these are the person's own, wherever they were; elsewhere those of the
        channel, whoever asked: what somebody said in private is not brought before others.
        """
        texts = (_question.c.id, _question.c.text, _answer.c.id, _answer.c.text)
        looked_at = (
            select(*texts)
            .join(_answer, _answer.c.answers == _question.c.id)
            .where(_visible(asker))
            .order_by(_question.c.seq.desc())
            .limit(MAX_SEARCHED_TURNS)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(looked_at)).all()
        best = await asyncio.to_thread(_best, query, rows, limit)
        if not best:
            return []
        wanted = [id for pair in best for id in pair]
        async with self._database.read() as connection:
            found = await connection.execute(select(turns).where(turns.c.id.in_(wanted)))
            by_id = {row["id"]: to_message(row) for row in found.mappings()}
        return [
            PastExchange(by_id[question], by_id[answer])
            for question, answer in best
            if question in by_id and answer in by_id
        ]


def _visible(asker: Asker) -> Any:
    """The condition of the questions that a person may see, with answers that later prompts of
    those conversations have."""
    if asker.direct:
        place = _question.c.author == asker.author.key
    else:
        channel = asker.conversation.scope("channel")
        threads = _question.c.conversation.between(f"{channel}:", f"{channel};")
        place = (_question.c.conversation == channel) | threads
    return (
        place
        & (_question.c.role == "user")
        & _question.c.remember.is_(True)
        & _answer.c.remember.is_(True)
        & _answer.c.superseded.is_(False)
        & _answer.c.status.in_(("complete", "cancelled", "interrupted"))
    )


def _best(query: str, rows: Sequence[Any], limit: int) -> list[tuple[str, str]]:
    words = set(_WORD.findall(query.casefold())[:_MAX_WORDS])
    scored = []
    for question, asked, answer, said in rows:
        text = f"{asked}\n{said}".casefold()
        score = sum(word in text for word in words)
        if score or not words:
            scored.append((score, question, answer))
    scored.sort(key=lambda one: one[0], reverse=True)  # stable: the newest first among equals
    return [(question, answer) for _, question, answer in scored[:limit]]
