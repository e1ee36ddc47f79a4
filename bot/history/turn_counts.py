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
from bot.history.protocol import TurnStatus
from bot.history.tables import turn_counts, turns
from bot.storage.insert import Insert, InsertInto, InsertStatement
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
_KEY: Final = [column.name for column in turn_counts.primary_key]
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

_answer, _question = turns.alias("answer"), turns.alias("question")
_counted = (
    select(
        _answer.c.at, _answer.c.conversation, _answer.c.private, _answer.c.command,
        _answer.c.model, _answer.c.usage, _question.c.author,
    )
    .join(_question, _answer.c.answers == _question.c.id)
    .where(_answer.c.id == bindparam("turn"))
)  # fmt: skip


@InsertStatement
def _add(insert_into: InsertInto) -> Insert:
    insert = insert_into(turn_counts)
    return insert.on_conflict_do_update(
        index_elements=_KEY,
        set_={name: turn_counts.c[name] + insert.excluded[name] for name in SUMS},
    )


def find_counted(connection: Connection, turn: str) -> Mapping[Any, Any] | None:
    """What is stored of an answer as far as it is counted; None where it is forgotten."""
    return connection.execute(_counted, {"turn": turn}).mappings().first()


def count_end(
    connection: Connection,
    stored: Mapping[Any, Any],
    status: TurnStatus,
    model: str = "",
    usage: Usage | None = None,
) -> None:
    """Count an answer that has ended; `stored` is what `find_counted` told before. `usage` is what
    it took since it began or went on, None where no model was asked since."""
    sums = {"turns": 1, "failed": int(status in FAILED_STATUSES)}
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
    _count(connection, stored, model or stored["model"], sums)


def count_reopened(connection: Connection, turn: str) -> None:
    """An answer goes on: it is counted again when it ends, but as the same turn."""
    if (stored := find_counted(connection, turn)) is not None:
        _count(connection, stored, stored["model"], {"turns": -1})


def _count(
    connection: Connection, stored: Mapping[Any, Any], model: str, sums: Mapping[str, int]
) -> None:
    at = stored["at"]
    place = place_of(stored["conversation"]) if stored["private"] is False else PRIVATE_PLACE
    skill = stored["command"] or MESSAGE
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
            "name": stored["author"],
            "place": place,
            "model": model,
            "skill": skill,
        },
    ]
    do_last(connection, _add_all, rows)


def _add_all(connection: Connection, counted: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    """Add what was counted: each row once, and by their keys, so that two processes do not wait for
    each other."""
    added: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in chain.from_iterable(counted):
        known = added.setdefault(
            tuple(row[name] for name in _KEY), {**row, **dict.fromkeys(SUMS, 0)}
        )
        for name in SUMS:
            known[name] += row[name]
    connection.execute(_add(connection), [added[key] for key in sorted(added)])


def place_of(conversation: str) -> str:
    """The key of the channel that a conversation is in."""
    return ":".join(conversation.split(":", 3)[:3])
