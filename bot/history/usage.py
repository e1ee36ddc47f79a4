"""How much is asked and what it takes, by day, place, model, skill and person; for the console."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import aliased

from bot.history.days import Days, date_of
from bot.history.tables import turn_counts, turns
from bot.history.turn_counts import SUMS
from bot.storage.database import Database

MAX_LISTED_NAMES: Final = 50
"""How many places, skills, models or people are listed; those with the most turns."""
Dimension = Literal["place", "model", "skill"]

_c = turn_counts.c
_SUMS: Final = [func.sum(_c[name]).label(name) for name in SUMS]
_turns = func.sum(_c.turns).desc()


@dataclass(frozen=True, slots=True)
class Use:
    """How much was asked, and what it took.

    `failed` turns ended with an error. `read` and `written` are tokens. The times, in seconds, are
    sums: waited for a free model, waited until the first word, and worked by the machine, over the
    `measured` turns, which asked a model.
    """

    turns: int = 0
    failed: int = 0
    measured: int = 0
    read: int = 0
    written: int = 0
    queue_s: float = 0.0
    wait_s: float = 0.0
    machine_s: float = 0.0

    @property
    def mean_queue_s(self) -> float | None:
        """How long a turn waited for a free model; None where none was measured."""
        return self.queue_s / self.measured if self.measured else None

    @property
    def mean_wait_s(self) -> float | None:
        """How long a turn waited for its first word; None where none was measured."""
        return self.wait_s / self.measured if self.measured else None

    def __add__(self, other: Use) -> Use:
        return Use(*(getattr(self, f) + getattr(other, f) for f in self.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class UseReport:
    """What was used in some days. `by` has the names with the most turns, the most first."""

    days: Sequence[tuple[date, Use]]
    by: Mapping[Dimension, Sequence[tuple[str, Use]]]

    @property
    def total(self) -> Use:
        """All of it."""
        return sum((use for _, use in self.days), Use())


@dataclass(frozen=True, slots=True)
class PersonUse:
    """What a person (`Author.key`) used; `name` is the one that they had last."""

    person: str
    name: str
    use: Use


class UsageCounts:
    """Reads what was counted in a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def report(self, days: Days, person: str | None = None) -> UseReport:
        """Return what everybody used, or with an `Author.key` what one person did."""
        kinds: tuple[Dimension, ...] = ("place", "model", "skill")
        by_day, *found = await asyncio.gather(
            self._rows(_by_day(days, person)), *(self._rows(_by(k, days, person)) for k in kinds)
        )
        used = {date_of(row["day"]): _use(row) for row in by_day}
        return UseReport(
            days=[(day, used.get(day, Use())) for day in days.all()],
            by={
                kind: [(row["name"], _use(row)) for row in rows]
                for kind, rows in zip(kinds, found, strict=True)
            },
        )

    async def people(self, days: Days) -> Sequence[PersonUse]:
        """Return what each person used, the most turns first; at most `MAX_LISTED_NAMES`."""
        return [
            PersonUse(row["name"], row["author_name"] or "", _use(row))
            for row in await self._rows(_by_person(days))
        ]

    async def _rows(self, query: Select[Any]) -> Sequence[Mapping[Any, Any]]:
        async with self._database.read() as connection:
            rows: Sequence[Mapping[Any, Any]] = (await connection.execute(query)).mappings().all()
        return rows


def _within(days: Days) -> ColumnElement[bool]:
    return (_c.at >= days.start) & (_c.at < days.end)


def _by_day(days: Days, person: str | None) -> Select[Any]:
    # Every turn has a model, if only one without a name, and there are few.
    kind = _c.kind == "model" if person is None else (_c.kind == "person") & (_c.name == person)
    columns: list[ColumnElement[Any]] = [days.day_of(_c.at).label("day"), *_SUMS]
    return select(*columns).where(kind, _within(days)).group_by("day")


def _by(dimension: Dimension, days: Days, person: str | None) -> Select[Any]:
    if person is None:
        name, kind = _c.name, _c.kind == dimension
    else:
        name, kind = _c[dimension], (_c.kind == "person") & (_c.name == person)
    query = select(name.label("name"), *_SUMS).where(kind, _within(days))
    return query.group_by(name).order_by(_turns, name).limit(MAX_LISTED_NAMES)


def _by_person(days: Days) -> Select[Any]:
    query = select(_c.name, *_SUMS).where(_c.kind == "person", _within(days))
    most = query.group_by(_c.name).order_by(_turns, _c.name).limit(MAX_LISTED_NAMES).subquery()
    said = aliased(turns)
    last_name = (
        select(said.c.author_name)
        .where(said.c.author == most.c.name)
        .order_by(said.c.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    shown = select(most, last_name.label("author_name"))
    return shown.order_by(most.c.turns.desc(), most.c.name)


def _use(row: Mapping[Any, Any]) -> Use:
    """The sums of a row; some databases sum whole numbers as decimals."""
    turned = {name: int(row[name]) for name in SUMS}
    times = {f"{n}_s": turned.pop(f"{n}_ms") / 1000 for n in ("queue", "wait", "machine")}
    return Use(**turned, **times)  # type: ignore[arg-type]  # by its fields
