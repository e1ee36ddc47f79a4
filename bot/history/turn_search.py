"""Finds stored turns by what is known about them, never by what was said; for the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import aliased

from backends.base import Usage
from bot.history.protocol import TurnStatus
from bot.history.tables import turns
from bot.storage.database import Database

PAGE_TURNS: Final = 50
MESSAGE: Final = "message"
"""What `TurnFilter.skill` says for free text, which no command is."""
_USAGE: Final[TypeAdapter[Usage]] = TypeAdapter(Usage)

_answers = aliased(turns, name="answers")
_questions = aliased(turns, name="questions")


@dataclass(frozen=True, slots=True)
class TurnFilter:
    """Which turns are looked for; what is empty does not matter.

    `person` is an `Author.key`; `place` is the key of a platform, a workspace, a channel or a
    conversation, and holds for everything in it. `error` is the id that an answer named.
    """

    since: datetime | None = None
    until: datetime | None = None
    person: str = ""
    place: str = ""
    skill: str = ""
    model: str = ""
    status: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class ListedTurn:
    """A turn without its words. `seq` orders turns as they came; `asked_by` is an `Author.key`."""

    id: str
    seq: int
    conversation: str
    asked_by: str
    asked_by_name: str
    asked_at: datetime
    skill: str
    model: str
    status: TurnStatus
    error: str
    private: bool | None
    usage: Usage | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class TurnPage:
    """Some turns in order; `older` is the `seq` from which the next page goes on, 0 at the end."""

    turns: Sequence[ListedTurn]
    older: int = 0


class TurnSearch:
    """Searches in a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, wanted: TurnFilter, *, before: int = 0, limit: int = PAGE_TURNS
    ) -> TurnPage:
        """Return the newest turns that are wanted, the newest first; with `before`, a `seq`, only
        older ones."""
        a, q = _answers.c, _questions.c
        query = (
            select(
                a.id, a.seq, a.conversation, a.command, a.model, a.status, a.error, a.private,
                a.usage, q.author, q.author_name, q.at,
            )
            .join_from(_answers, _questions, a.answers == q.id)
            .where(a.role == "assistant", *_conditions(wanted))
            .order_by(a.seq.desc())
            .limit(limit + 1)
        )  # fmt: skip
        if before:
            query = query.where(a.seq < before)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        found = [_listed(row) for row in rows[:limit]]
        return TurnPage(found, found[-1].seq if len(rows) > limit else 0)


def _conditions(wanted: TurnFilter) -> list[ColumnElement[bool]]:
    a, q = _answers.c, _questions.c
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(a.at >= wanted.since)
    if wanted.until is not None:
        found.append(a.at < wanted.until)
    if wanted.person:
        found.append(q.author == wanted.person)
    if wanted.place:
        # A key is followed by a colon in the keys of what is in it, and `;` comes next after that.
        below = a.conversation.between(f"{wanted.place}:", f"{wanted.place};")
        found.append((a.conversation == wanted.place) | below)
    if wanted.skill:
        found.append(a.command == ("" if wanted.skill == MESSAGE else wanted.skill))
    if wanted.model:
        found.append(a.model == wanted.model)
    if wanted.status:
        found.append(a.status == wanted.status)
    if wanted.error:
        found.append(a.error == wanted.error)
    return found


def _listed(row: Mapping[Any, Any]) -> ListedTurn:
    return ListedTurn(
        id=row["id"],
        seq=row["seq"],
        conversation=row["conversation"],
        asked_by=row["author"],
        asked_by_name=row["author_name"],
        asked_at=row["at"],
        skill=row["command"] or MESSAGE,
        model=row["model"],
        status=row["status"],
        error=row["error"] or "",
        private=row["private"],
        usage=None if row["usage"] is None else _USAGE.validate_json(row["usage"]),
    )
