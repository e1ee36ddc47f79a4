"""Collects the questions that documents did not answer well, from what was asked and said of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import or_, select

from bot.history.mapping import to_message
from bot.history.protocol import StoredMessage
from bot.history.tables import feedback, turns
from bot.storage.database import Database

Reason = Literal["unanswered", "unsure", "disliked"]

_MAX_ANSWERS = 5_000
"""The most answers that are looked at, the newest."""
_ASKING = ("", "ask", "chat")
"""The commands that answer questions; free text has none."""
_REASONS: dict[str, Reason] = {"absent": "unanswered", "unsure": "unsure"}
_SHOWN_DOCUMENTS = 3

_question, _answer = turns.alias("question"), turns.alias("answer")


@dataclass(frozen=True, slots=True)
class PoorAnswer:
    """A question with an answer that the documents did not give well, and why it is here."""

    question: StoredMessage
    answer: StoredMessage
    reason: Reason

    @property
    def documents(self) -> tuple[str, ...]:
        """The titles of the documents that were shown for it."""
        shown = self.answer.explanation.passages if self.answer.explanation is not None else ()
        return tuple(dict.fromkeys(one.title for one in shown))[:_SHOWN_DOCUMENTS]


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question, why it is here, how often it was asked, and the documents that were shown."""

    text: str
    reason: Reason
    times: int = 1
    documents: tuple[str, ...] = ()


async def find_poor_answers(
    database: Database, since: datetime, *, looked_at: int | None = None
) -> list[PoorAnswer]:
    """The answers since a time that gave nothing, were not sure, or were not to somebody's liking,
    the newest first; with `looked_at` of so many newest answers of every kind alone."""
    disliked = select(feedback.c.turn).where(feedback.c.verdict.in_(("bad", "wrong", "outdated")))
    unanswered = [_answer.c.explanation.contains(f'"outcome":"{kind}"') for kind in _REASONS]
    query = (
        select(
            *(column.label(f"answer_{column.name}") for column in _answer.c),
            *(column.label(f"question_{column.name}") for column in _question.c),
            _answer.c.id.in_(disliked).label("down"),
        )
        .join(_question, _question.c.id == _answer.c.answers)
        .where(
            _answer.c.role == "assistant",
            _answer.c.at > since,
            _answer.c.superseded.is_(False),
            _answer.c.explanation.is_not(None),
            _question.c.command.in_(_ASKING),
            or_(_answer.c.id.in_(disliked), *unanswered),
        )
        .order_by(_answer.c.seq.desc())
        .limit(_MAX_ANSWERS)
    )
    if looked_at is not None:
        newest = (
            select(turns.c.seq)
            .where(turns.c.role == "assistant")
            .order_by(turns.c.seq.desc())
            .limit(looked_at)
        )
        query = query.where(_answer.c.seq.in_(newest))
    async with database.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    found = await asyncio.to_thread(lambda: [_to_poor_answer(row) for row in rows])
    return [one for one in found if one is not None]


async def collect_questions(
    database: Database,
    since: datetime,
    *,
    redact: Callable[[str], str],
    leave_out: Callable[[str], bool],
) -> list[AskedQuestion]:
    """The questions since a time that were not answered, not for sure, or not to somebody's liking.

    The newest come first, each once. `leave_out` says of a conversation's key that nothing of it
    is collected. Nobody's name is in what is returned, nor where and when it was asked.
    """
    found: dict[str, AskedQuestion] = {}
    for poor in await find_poor_answers(database, since):
        text = " ".join(redact(poor.question.text).split())
        if not text or leave_out(poor.answer.conversation):
            continue
        key = text.casefold()
        if key in found:
            found[key] = replace(found[key], times=found[key].times + 1)
        else:
            found[key] = AskedQuestion(text, poor.reason, documents=poor.documents)
    return list(found.values())


def _to_poor_answer(row: Mapping[Any, Any]) -> PoorAnswer | None:
    question, answer = (
        to_message({column.name: row[f"{name}_{column.name}"] for column in turns.c})
        for name in ("question", "answer")
    )
    why = answer.explanation
    if why is None or not (why.passages or why.outcome):  # plain conversation
        return None
    reason = "disliked" if row["down"] else _REASONS.get(why.outcome, "disliked")
    return PoorAnswer(question, answer, reason)
