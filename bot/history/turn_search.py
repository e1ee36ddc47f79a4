"""Finds stored turns by what is known about them, never by what was said; for the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Select, literal_column, select
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import KeyedColumnElement

from bot.history.protocol import TurnStatus
from bot.history.tables import turns
from bot.history.turn_counts import MESSAGE
from bot.storage.database import Database

PAGE_TURNS: Final = 50

_answers = aliased(turns, name="answers")
_listed_answers = aliased(turns, name="listed")
_questions = aliased(turns, name="questions")
SortColumn = Literal["time", "wait", "total", "written"]
"""By what turns are sorted: when they came, how long until the first word, how long until the end,
how many tokens were written."""
_COLUMNS: Final[Mapping[SortColumn, KeyedColumnElement[Any]]] = {
    "time": _answers.c.seq,
    "wait": _answers.c.wait_ms,
    "total": _answers.c.total_ms,
    "written": _answers.c.written,
}
# Written out, not bound: an index over part of a table is used only where that is seen.
_IS_ANSWER: Final = _answers.c.role == literal_column("'assistant'")


@dataclass(frozen=True, slots=True)
class TurnFilter:
    """Which turns are looked for; what is empty does not matter.

    `person` is an `Author.key`; `place` is the key of a platform, a workspace, a channel or a
    conversation, and holds for everything in it. `skill` is `MESSAGE` for free text. `error` is the
    id that an answer named.
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
class TurnOrder:
    """How turns are sorted, the largest first unless `rising`; turns that are alike, as they came.

    With `after`, the value and the `seq` of a turn, only those that come after it.
    """

    by: SortColumn = "time"
    rising: bool = False
    after: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ListedTurn:
    """A turn without its words. `seq` orders turns as they came; `asked_by` is an `Author.key`.

    It took `wait_ms` until the first word and `total_ms` until the end, in milliseconds, and
    `written` tokens; 0 where no model was asked.
    """

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
    wait_ms: int
    total_ms: int
    written: int


@dataclass(frozen=True, slots=True)
class TurnPage:
    """Some turns in order; `more` is the `TurnOrder.after` of the next page, None at the end."""

    turns: Sequence[ListedTurn]
    more: tuple[int, int] | None = None


class TurnSearch:
    """Searches in a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, wanted: TurnFilter, order: TurnOrder = TurnOrder(), *, limit: int = PAGE_TURNS
    ) -> TurnPage:
        """Return the first turns that are wanted, in an order."""
        column = _COLUMNS[order.by]
        async with self._database.read() as connection:
            rows = (await connection.execute(search_query(wanted, order, limit + 1))).mappings()
            found = rows.all()
        more = None
        if len(found) > limit:
            more = (found[limit - 1][column.key], found[limit - 1]["seq"])
        return TurnPage([_listed(row) for row in found[:limit]], more)


def search_query(wanted: TurnFilter, order: TurnOrder, limit: int) -> Select[Any]:
    """The first turns that are wanted, in an order.

    Which they are is found out by what `ix_turns_listed` has; the rows of these are read alone.
    """
    by = _COLUMNS[order.by]
    sorting = list(dict.fromkeys([by, _answers.c.seq]))
    which = select(_answers.c.seq).where(_IS_ANSWER, *_conditions(wanted))
    if order.after is not None:
        value, seq = order.after
        if order.rising:
            which = which.where((by > value) | ((by == value) & (_answers.c.seq > seq)))
        else:
            which = which.where((by < value) | ((by == value) & (_answers.c.seq < seq)))
    which = which.order_by(*_directed(sorting, order)).limit(limit)
    a, q = _listed_answers.c, _questions.c
    shown = [_listed_answers.c[str(column.key)] for column in sorting]
    return (
        select(
            a.id, a.seq, a.conversation, a.command, a.model, a.status, a.error, a.private,
            a.wait_ms, a.total_ms, a.written, q.author, q.author_name, q.at,
        )
        .join_from(_listed_answers, _questions, a.answers == q.id)
        .where(a.seq.in_(which))
        .order_by(*_directed(shown, order))
    )  # fmt: skip


def _directed(
    columns: Sequence[KeyedColumnElement[Any]], order: TurnOrder
) -> list[ColumnElement[Any]]:
    return [column.asc() if order.rising else column.desc() for column in columns]


def _conditions(wanted: TurnFilter) -> list[ColumnElement[bool]]:
    a = _answers.c
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(a.at >= wanted.since)
    if wanted.until is not None:
        found.append(a.at < wanted.until)
    if wanted.person:
        found.append(a.answers.in_(select(turns.c.id).where(turns.c.author == wanted.person)))
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
        wait_ms=row["wait_ms"],
        total_ms=row["total_ms"],
        written=row["written"],
    )
