"""Collects the questions that documents did not answer well, from what was asked and said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

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
class AskedQuestion:
    """A question, why it is here, how often it was asked, and the documents that were shown."""

    text: str
    reason: Reason
    times: int = 1
    documents: tuple[str, ...] = ()


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
    disliked = select(feedback.c.turn).where(feedback.c.verdict.in_(("bad", "wrong", "outdated")))
    unanswered = [_answer.c.explanation.contains(f'"outcome":"{kind}"') for kind in _REASONS]
    query = (
        select(_answer, _question.c.text.label("asked"), _answer.c.id.in_(disliked).label("down"))
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
    async with database.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    found: dict[str, AskedQuestion] = {}
    for row in rows:
        text = " ".join(redact(row["asked"]).split())
        answer = to_message({column.name: row[column.name] for column in turns.c})
        if not text or leave_out(answer.conversation):
            continue
        key = text.casefold()
        if key in found:
            found[key] = replace(found[key], times=found[key].times + 1)
        elif (asked := _to_question(text, answer, down=bool(row["down"]))) is not None:
            found[key] = asked
    return list(found.values())


def _to_question(text: str, answer: StoredMessage, *, down: bool) -> AskedQuestion | None:
    why = answer.explanation
    if why is None or not (why.passages or why.outcome):  # plain conversation
        return None
    reason = _REASONS.get(why.outcome, "disliked")
    names = dict.fromkeys(one.title for one in why.passages)
    return AskedQuestion(
        text, "disliked" if down else reason, documents=tuple(names)[:_SHOWN_DOCUMENTS]
    )
