"""Counts what is asked, so that nobody who wants to know how much has to look at each turn.

A turn is counted when its answer ends, in the transaction that stores it. Where an answer goes on
later, what it takes then is added, and the turn stays one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from backends.base import Usage
from bot.history.mapping import to_message
from bot.history.protocol import StoredMessage
from bot.history.tables import turn_counts, turns
from bot.storage.counters import Counters
from bot.storage.last_work import do_last

MESSAGE: Final = "message"
"""The name of the skill that answers free text, which no command is."""
PRIVATE_PLACE: Final = ""
"""The place of all answers that only the person who asked could read."""
FAILED_STATUSES: Final = frozenset({"failed", "interrupted"})
COUNT_EVERY: Final = timedelta(minutes=15)
SUMS: Final = (
    "turns", "failed", "measured", "read", "written", "queue_ms", "wait_ms", "machine_ms",
)  # fmt: skip
"""The columns that are counted."""
_counters: Final = Counters(turn_counts, SUMS)
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

_answer, _question = turns.alias("answer"), turns.alias("question")
_counted = (
    select(_answer, _question.c.author.label("asked_by"))
    .join(_question, _answer.c.answers == _question.c.id)
    .where(_answer.c.id == bindparam("turn"))
)


def find_counted(connection: Connection, turn: str) -> tuple[StoredMessage, str] | None:
    """A stored answer, and who asked; None where it is forgotten."""
    row = connection.execute(_counted, {"turn": turn}).mappings().first()
    return None if row is None else (to_message(row), row["asked_by"])


def count_end(
    connection: Connection, answer: StoredMessage, author: str, usage: Usage | None = None
) -> None:
    """Count an answer that has ended; `author` asked for it. `usage` is what it took since it began
    or went on, None where no model was asked since."""
    sums = {"turns": 1, "failed": int(answer.status in FAILED_STATUSES)}
    if usage is not None:
        wait_s = usage.queue_s + usage.load_s + usage.prefill_s
        sums |= {
            "measured": 1,
            "read": usage.prompt_tokens,
            "written": usage.completion_tokens,
            "queue_ms": round(usage.queue_s * 1000),
            "wait_ms": round(wait_s * 1000),
            "machine_ms": round((wait_s - usage.queue_s + usage.decode_s) * 1000),
        }
    _count(connection, answer, author, sums)


def count_reopened(connection: Connection, turn: str) -> None:
    """An answer goes on: it is counted again when it ends, but as the same turn."""
    if (stored := find_counted(connection, turn)) is not None:
        _count(connection, *stored, {"turns": -1})


def _count(
    connection: Connection, answer: StoredMessage, author: str, sums: Mapping[str, int]
) -> None:
    at = answer.at
    place = place_of(answer.conversation) if answer.private is False else PRIVATE_PLACE
    model, skill = answer.model, answer.command or MESSAGE
    row = {
        **dict.fromkeys(SUMS, 0),
        **sums,
        "at": at - (at - _EPOCH) % COUNT_EVERY,
        "place": "",
        "model": "",
        "skill": "",
    }
    rows = [
        {**row, "kind": "place", "name": place},
        {**row, "kind": "model", "name": model},
        {**row, "kind": "skill", "name": skill},
        {
            **row,
            "kind": "person",
            "name": author,
            "place": place,
            "model": model,
            "skill": skill,
        },
    ]
    do_last(connection, _add_all, rows)


def _add_all(connection: Connection, counted: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    _counters.add(connection, chain.from_iterable(counted))


def place_of(conversation: str) -> str:
    """The key of the channel that a conversation is in."""
    return ":".join(conversation.split(":", 3)[:3])
