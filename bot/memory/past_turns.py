"""Searches what was said before, as far as the person who asks may see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from bot.commands.checks import Asker
from bot.history.mapping import to_message
from bot.history.protocol import StoredMessage
from bot.history.tables import turns
from bot.memory.placement import Relevance
from bot.storage.database import Database

MAX_SEARCHED_TURNS: Final = 500
"""Most questions that are looked at, the newest."""

_question, _answer = turns.alias("question"), turns.alias("answer")


@dataclass(frozen=True, slots=True)
class PastExchange:
    """A question and the answer to it."""

    question: StoredMessage
    answer: StoredMessage


class PastTurns:
    """What was said before, in a `Database`, which it does not own. `relevance` tells how
    well each of several texts fits a query; 0: not at all."""

    def __init__(self, database: Database, relevance: Relevance) -> None:
        self._database = database
        self._relevance = relevance

    async def find(self, query: str, asker: Asker, limit: int) -> Sequence[PastExchange]:
        """Return the exchanges that fit a query best, the newest first among equals; without words,
        the newest.

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
        best = await self._best(query, rows, limit)
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

    async def _best(self, query: str, rows: Sequence[Any], limit: int) -> list[tuple[str, str]]:
        """The questions and answers that fit best, of rows with the newest first."""
        pairs = [(question, answer) for question, _, answer, _ in rows]
        if not query.strip():
            return pairs[:limit]
        texts = [f"{asked}\n{said}" for _, asked, _, said in rows]
        scored = zip(await self._relevance(query, texts), pairs, strict=True)
        found = [one for one in scored if one[0] > 0]
        found.sort(key=lambda one: -one[0])  # stable: the newest first among equals
        return [pair for _, pair in found[:limit]]


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
