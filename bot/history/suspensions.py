"""Stores suspended turns, so that they can be resumed by another process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, cast

from sqlalchemy import Connection, Row, Select, delete, exists, func, insert, select, update

from bot.history.protocol import HistoryStore, StoredMessage
from bot.history.reply_addresses import note_above
from bot.history.tables import IS_ABANDONED, suspended, turns
from bot.history.turn_counts import count_reopened
from bot.storage.database import Database

CARD: Final = "card"
"""Key of a suspension's state under which stands what was shown to the person who is asked."""
_SHOWN: Final = "shown"
"""Key of the stored state under which stands what the reply showed."""
_OCCASION: Final = "occasion"
"""Key of the stored state under which stands why it was asked; see `CommandCall.occasion`."""
_WAITS: Final = exists().where(turns.c.id == suspended.c.turn, turns.c.status == "waiting")
"""The condition of a suspension whose turn waits; each is looked up by its id."""


@dataclass(frozen=True, slots=True)
class Suspension:
    """A suspended turn.

    `turn` is the id of its answer, `person` the `Author.key` of who asked, `direct` whether in a
    direct message. `state` is the skill's own, `who` says who may press a button. It is resumed at
    `resume_at` with `choice`, which `by` made: the value of a button, or empty if nobody chose.
    `shown` is what its reply shows meanwhile, as `bot.turns.waiting_cards` writes it. `occasion`
    is that of its event.
    """

    turn: str
    person: str
    conversation: str
    direct: bool
    state: Mapping[str, Any] = field(repr=False)
    resume_at: datetime
    who: Literal["asker", "admins"] = "asker"
    choice: str = ""
    by: str = ""
    shown: Mapping[str, Any] = field(default_factory=dict, repr=False)
    occasion: str = ""

    @property
    def card(self) -> str:
        """What the person who is asked was shown; empty where nothing was kept of it."""
        return str(self.state.get(CARD, ""))

    @property
    def open(self) -> bool:
        """Whether a choice can still be made."""
        return not self.choice and self.resume_at > datetime.now(UTC)


_CHANGED = "suspensions"
"""The topic by which processes tell each other that a turn waits, or was decided."""


class Suspensions:
    """The suspended turns in a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.now = database.now
        self.changed = asyncio.Event()
        """Set when a turn has begun to wait, or somebody has chosen."""
        database.on_told(_CHANGED, lambda _: self.changed.set())

    async def save(self, suspension: Suspension) -> None:
        """Store a turn that is being suspended; its answer must be stored already."""
        row = {
            "turn": suspension.turn,
            "person": suspension.person,
            "conversation": suspension.conversation,
            "direct": suspension.direct,
            "state": json.dumps(_stored_state(suspension), ensure_ascii=False),
            "resume_at": suspension.resume_at,
            "who": suspension.who,
            "choice": suspension.choice,
            "by": suspension.by,
        }

        def job(connection: Connection) -> None:
            connection.execute(delete(suspended).where(suspended.c.turn == suspension.turn))
            connection.execute(insert(suspended), row)
            self._database.tell(connection, _CHANGED)

        await self._database.write(job)

    async def get(self, turn: str) -> Suspension | None:
        """Return the suspension of a turn that waits; None if it does not."""
        return next(iter(await self._waiting(suspended.c.turn == turn)), None)

    async def of_person(self, person: str) -> Sequence[Suspension]:
        """Return the turns of a person (`Author.key`) that wait."""
        return await self._waiting(suspended.c.person == person)

    async def of_others(self, person: str, limit: int = 50) -> Sequence[Suspension]:
        """Return turns that wait and are not a person's (`Author.key`), those that wait the longest
        first."""
        query = self._query(suspended.c.person != person, suspended.c.choice == "").limit(limit)
        return await self._read(query)

    async def left(self) -> Sequence[Suspension]:
        """Return the turns that wait and can still be answered, and that no process that lives is
        at."""
        abandoned = select(turns.c.id).where(IS_ABANDONED)
        found = await self._waiting(suspended.c.turn.in_(abandoned))
        return [one for one in found if one.open]

    async def due(self, now: datetime) -> Sequence[Suspension]:
        """Return the turns whose time has come, the oldest first."""
        return await self._waiting(suspended.c.resume_at <= now)

    async def next_time(self) -> datetime | None:
        """When the next turn is due; None if none is suspended."""
        async with self._database.read() as connection:
            query = select(func.min(suspended.c.resume_at)).where(_WAITS)
            found: datetime | None = (await connection.execute(query)).scalar()
        return found

    async def choose(self, turn: str, choice: str, by: str) -> bool:
        """Have a turn resumed with this choice by the process that runs the bot; False if it does
        not wait, its time is over, or somebody has chosen."""
        now = self.now()

        def job(connection: Connection) -> bool:
            query = update(suspended).where(
                suspended.c.turn == turn,
                _WAITS,
                suspended.c.choice == "",
                suspended.c.resume_at > now,
            )
            chosen = query.values(choice=choice, by=by, resume_at=now)
            if connection.execute(chosen).rowcount != 1:
                return False
            self._database.tell(connection, _CHANGED)
            return True

        made = await self._database.write(job)
        if made:
            self.changed.set()
        return made

    async def postpone(self, turn: str, until: datetime) -> None:
        """Resume a turn later."""

        def job(connection: Connection) -> None:
            query = update(suspended).where(suspended.c.turn == turn)
            connection.execute(query.values(resume_at=until))

        await self._database.write(job)

    async def take(self, turn: str) -> bool:
        """Mark a turn as resumed, exactly once; False if somebody else has done it."""

        def job(connection: Connection) -> bool:
            waits = (turns.c.id == turn, turns.c.status == "waiting")
            if connection.execute(
                update(turns).where(*waits).values(status="running", process=self._database.process)
            ).rowcount:
                connection.execute(delete(suspended).where(suspended.c.turn == turn))
                note_above(connection, turn)
                count_reopened(connection, turn)
                return True
            return False

        return await self._database.write(job)

    async def _waiting(self, condition: Any) -> Sequence[Suspension]:
        return await self._read(self._query(condition))

    @staticmethod
    def _query(*conditions: Any) -> Select[Any]:
        waiting = select(suspended).where(*conditions, _WAITS)
        return waiting.order_by(suspended.c.resume_at)

    async def _read(self, query: Select[Any]) -> Sequence[Suspension]:
        async with self._database.read() as connection:
            return [_suspension(row) for row in (await connection.execute(query)).all()]


def _suspension(row: Row[Any]) -> Suspension:
    values = dict(row._mapping)
    state = json.loads(values.pop("state"))
    shown, occasion = state.pop(_SHOWN, {}), state.pop(_OCCASION, "")
    return Suspension(**values, state=state, shown=shown, occasion=occasion)


def _stored_state(one: Suspension) -> Mapping[str, Any]:
    return {**one.state, _SHOWN: dict(one.shown), _OCCASION: one.occasion}


def history_until(history: HistoryStore, turn: str) -> HistoryStore:
    """Return a history as it was when a turn began: later turns of a conversation are not in it."""
    return cast(HistoryStore, _HistoryUntil(history, turn))


class _HistoryUntil:
    def __init__(self, history: HistoryStore, turn: str) -> None:
        self._history = history
        self._turn = turn

    async def recent(
        self, conversation: str, *, limit: int = 200, until: str | None = None
    ) -> Sequence[StoredMessage]:
        return await self._history.recent(conversation, limit=limit, until=until or self._turn)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._history, name)
