"""Stores summaries of how long conversations began. None outlives a turn that it was made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, get_args

from sqlalchemy import Connection, func, insert, select

from bot.history.protocol import AnswerOrigin, StoredMessage, Summary
from bot.history.tables import summaries, summarised, turns
from bot.storage.database import Database

_MAX_READ: Final = 4
_ORIGINS: Final[tuple[AnswerOrigin, ...]] = get_args(AnswerOrigin)
_there = (
    select(func.count())
    .select_from(summarised)
    .where(summarised.c.summary == summaries.c.id)
    .scalar_subquery()
)
_whole = summaries.c.covers == _there
"""Nothing that it was made of is gone; what is not is about to be deleted."""


def answer_origin(answer: StoredMessage) -> AnswerOrigin:
    """Return what an answer rests on."""
    why = answer.explanation
    if why is not None and why.steps:  # whatever a tool returned may be said again in it
        return "server"
    return "documents" if why is not None and why.passages else "model"


class Summaries:
    """The summaries in a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, conversation: str) -> Sequence[Summary]:
        """Return the latest summaries of a conversation, the newest first."""
        here = summaries.c.conversation == conversation
        query = select(summaries).where(here, _whole).order_by(summaries.c.id.desc())
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(_MAX_READ))).all()
        return [_summary(row) for row in rows]

    async def text_of(self, summary: int) -> str:
        """Return the text of a summary; empty if it is gone."""
        query = select(summaries.c.text).where(summaries.c.id == summary, _whole)
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar() or ""

    async def add(
        self, previous: Summary | None, told: Sequence[StoredMessage], written: str
    ) -> bool:
        """Store the summary of these turns, which goes on from the one before. False, and nothing
        is stored, where one of them is gone or was replaced, or there is one already."""
        questions = [turn for turn in told if turn.role == "user"]
        before = previous.people if previous is not None else ()
        people = sorted({*before, *(turn.author for turn in questions)})
        origins = [answer_origin(turn) for turn in told if turn.role == "assistant"]
        if previous is not None:
            origins.append(previous.origin)
        row = {
            "conversation": questions[0].conversation,
            "previous": previous.id if previous is not None else None,
            "last": questions[-1].id,
            "covers": len(told),
            "people": json.dumps(people),
            "origin": max(origins, key=_ORIGINS.index, default="model"),
            "text": written,
        }
        there = turns.c.id.in_([turn.id for turn in told]) & turns.c.superseded.is_(False)
        # Until this is stored nobody deletes or replaces one of them, or stores another summary.
        held = select(turns.c.at).where(there).order_by(turns.c.seq)
        held = held.with_for_update(key_share=True)
        same = (summaries.c.conversation == row["conversation"]) & (summaries.c.last == row["last"])

        def job(connection: Connection) -> bool:
            begun = connection.scalars(held).all()
            if len(begun) != len(told) or connection.scalar(select(summaries.c.id).where(same)):
                return False
            oldest: datetime | None = min(begun)
            if previous is not None:
                began = select(summaries.c.at).where(summaries.c.id == previous.id)
                oldest = connection.scalar(began)
            if oldest is None:  # the one before is gone
                return False
            made = insert(summaries).values(**row, at=oldest).returning(summaries.c.id)
            id = connection.execute(made).scalar_one()
            links = [{"summary": id, "turn": turn.id} for turn in told]
            connection.execute(insert(summarised), links)
            return True

        return await self._database.write(job)


def _summary(row: Any) -> Summary:
    return Summary(row.id, row.last, row.text, tuple(json.loads(row.people)), row.origin)
