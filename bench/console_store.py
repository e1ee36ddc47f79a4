"""A store with as many turns as a busy year leaves, made up: for what looks through all of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert

from backends.base import Usage
from bot.history.mapping import to_row
from bot.history.protocol import StoredMessage, TurnStatus
from bot.history.tables import turns
from bot.history.turn_counts import count_end
from bot.storage.database import Database
from bot.types import Explanation, Source

DAYS: Final = 90
PEOPLE: Final = 60
PLACES: Final = 25
_BATCH_TURNS: Final = 2000
_SENTENCE: Final = (
    "the logs rotate at midnight and seven of them are kept in a folder of their own which the"
    " service may write to while others read what is in there"
)


async def fill_store(path: Path, count: int) -> None:
    """Write a database with so many questions and answers of the last three months."""
    database = await Database.open(path)
    try:
        made = _exchanges(count)
        while batch := list(islice(made, _BATCH_TURNS)):

            def write(
                connection: Connection, batch: list[tuple[StoredMessage, StoredMessage]] = batch
            ) -> None:
                connection.execute(insert(turns), [to_row(one) for pair in batch for one in pair])
                for question, answer in batch:
                    count_end(connection, answer, question.author, answer.usage)

            await database.write(write)
    finally:
        await database.close()


def _exchanges(count: int) -> Iterator[tuple[StoredMessage, StoredMessage]]:
    """People ask several things one after the other, more by day than by night."""
    chance = random.Random(19)
    start = datetime.now(UTC) - timedelta(days=DAYS)
    moments = sorted(start + _moment(chance) for _ in range(count))
    for number, at in enumerate(moments):
        person = f"discord:{300_000_000_000_000_000 + min(int(chance.expovariate(0.08)), PEOPLE)}"
        private = chance.random() < 0.2
        place = f"discord:100000000000000001:{200_000_000_000_000_000 + chance.randrange(PLACES)}"
        if private:
            place = f"discord:@dm:{person[-6:]}"
        skill = chance.choice(("", "", "", "ask", "ask", "summarise", "translate", "agent"))
        wait = chance.expovariate(1)
        usage = Usage(
            chance.randrange(200, 3000), 100, chance.randrange(20, 400),
            wait if chance.random() < 0.3 else 0.0, 0.0, wait / 3, chance.expovariate(0.2),
        )  # fmt: skip
        status: TurnStatus = "failed" if chance.random() < 0.01 else "complete"
        question = StoredMessage(
            f"q{number:08}", place, "user", _text(chance, 12), person, at,
            author_name=f"Person {person[-2:]}", command=skill, event_id=f"e{number}",
            private=private,
        )  # fmt: skip
        why = None
        if skill == "ask":
            passages = tuple(
                Source(n, "Logs", "docs/logs.md", passage=_text(chance, 60), base="default")
                for n in (1, 2, 3)
            )
            why = Explanation(passages=passages)
        answer = StoredMessage(
            f"a{number:08}", place, "assistant", _text(chance, 90), "", at + timedelta(seconds=1),
            command=skill, answers=question.id, status=status, private=private,
            model="default" if chance.random() < 0.8 else "large", usage=usage, explanation=why,
            error=f"{number:08x}" if status == "failed" else "",
        )  # fmt: skip
        yield question, answer


def _moment(chance: random.Random) -> timedelta:
    hour = min(23.9, max(0.0, chance.gauss(14, 4)))
    return timedelta(days=chance.randrange(DAYS), hours=hour)


def _text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(_SENTENCE.split(), k=words))
