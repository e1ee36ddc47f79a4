"""What people said of answers, with the passages that these were made from; for the console."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from bot.history.mapping import find_source, to_message
from bot.history.protocol import Verdict
from bot.history.tables import feedback, turns
from bot.storage.database import Database
from bot.types import Source

MAX_LISTED_VERDICTS: Final = 500
_BAD: Final = ("bad", "wrong", "outdated")


@dataclass(frozen=True, slots=True)
class PassageVerdict:
    """A bad word on an answer: on one of its passages, or on all of it (`bad`), and then with all
    passages that it was made from. Who said it is not told."""

    verdict: Verdict
    at: datetime
    sources: tuple[Source, ...] = field(repr=False)


async def find_bad_verdicts(
    database: Database, *, limit: int = MAX_LISTED_VERDICTS
) -> Sequence[PassageVerdict]:
    """The newest bad verdicts on answers that had passages, the newest first."""
    query = (
        select(feedback.c.verdict, feedback.c.passage, feedback.c.at.label("said_at"), turns)
        .join(turns, turns.c.id == feedback.c.turn)
        .where(feedback.c.verdict.in_(_BAD), turns.c.explanation.is_not(None))
        .order_by(feedback.c.at.desc())
        .limit(limit)
    )
    async with database.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    found = await asyncio.to_thread(lambda: [_to_verdict(row) for row in rows])
    return [one for one in found if one.sources]


def _to_verdict(row: Mapping[Any, Any]) -> PassageVerdict:
    sources: tuple[Source, ...]
    if row["passage"]:
        one = find_source(row["explanation"], row["passage"])
        sources = (one,) if one is not None else ()
    else:
        answer = to_message({column.name: row[column.name] for column in turns.c})
        sources = answer.explanation.passages if answer.explanation is not None else ()
    return PassageVerdict(row["verdict"], row["said_at"], sources)
