"""Stores what a model had done for people: each call of a tool, before it is carried out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, and_, case, delete, func, insert, select, text, update

from bot.history.tables import tool_calls, turns
from bot.storage.database import Database

CallState = Literal[
    "waiting", "offered", "running", "done", "refused", "failed", "untold", "unknown", "seen"
]
"""`waiting` for a person's approval, or `offered` to them below an answer that does not wait.
Whether a call was done can be unknown, because it was stopped on its way or the process ended: it
is `untold`, then `unknown` once the person has been told, and `seen` once they say that they
know."""
CallDecision = Literal["allowed", "approved", "granted", "refused", "offered", ""]
"""Who let it happen: nobody had to be asked, a person approved this call, or approved the tool for
the conversation; empty while it waits."""


_MAX_LISTED: Final = 50
_OPEN: Final = text("tool_calls.state IN ('waiting', 'running', 'untold')")
"""As the index has it."""


@dataclass(frozen=True, slots=True)
class CallId:
    """The `number`th call of a model's `step`th answer in a turn; both count from 0."""

    turn: str
    step: int
    number: int


@dataclass(frozen=True, slots=True)
class StoredCall:
    """One call of a tool. `digest` is the start of the SHA-256 of its result, empty before."""

    id: CallId
    tool: str
    arguments: Mapping[str, Any] = field(repr=False)
    state: CallState
    decision: CallDecision = ""
    digest: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    conversation: str = ""
    """Where it was asked for."""


@dataclass(frozen=True, slots=True)
class CallCount:
    """How often a tool was called, and what became of it: carried out, failed, not allowed, or not
    known. `last` is when it was called last."""

    tool: str
    number: int
    done: int
    failed: int
    refused: int
    unknown: int
    last: datetime


_COUNTED: Final[Mapping[str, Sequence[CallState]]] = {
    "done": ("done",),
    "failed": ("failed",),
    "refused": ("refused",),
    "unknown": ("untold", "unknown", "seen"),
}


class ToolCalls:
    """The calls in a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, call: StoredCall) -> None:
        """Store a call, in place of what was stored of it before."""
        row = {
            **_key(call.id),
            "tool": call.tool,
            "arguments": json.dumps(dict(call.arguments), ensure_ascii=False),
            "decision": call.decision,
            "state": call.state,
            "digest": call.digest,
            "at": call.at,
            "ended_at": call.ended_at,
        }

        def job(connection: Connection) -> None:
            connection.execute(delete(tool_calls).where(_is(call.id)))
            connection.execute(insert(tool_calls), row)

        await self._database.write(job)

    async def end(self, call: CallId, state: CallState, result: str) -> None:
        """Say how a call ended."""
        digest = hashlib.sha256(result.encode()).hexdigest()[:16]
        await self._change(_is(call), state=state, digest=digest, ended_at=datetime.now(UTC))

    async def accept(self, call: CallId) -> StoredCall | None:
        """Begin a call that was offered, exactly once; None where it is not offered any more."""
        where = _is(call) & (tool_calls.c.state == "offered")
        begun = update(tool_calls).where(where).values(state="running", decision="approved")

        def job(connection: Connection) -> bool:
            return connection.execute(begun).rowcount == 1

        if not await self._database.write(job):
            return None
        return next(iter(await self._list(_is(call))), None)

    async def drop(self, turn: str) -> None:
        """Say of the calls of a turn that still wait for an approval that they were not done."""
        await self._change(_in(turn, "waiting"), state="failed", ended_at=datetime.now(UTC))

    async def told(self, turn: str) -> None:
        """Say that the person knows which calls of a turn may have been done."""
        await self._change(_in(turn, "untold"), state="unknown")

    async def saw(self, turn: str) -> None:
        """Say that the person has taken note of these calls: they are not listed any more."""
        await self._change(_in(turn, "untold", "unknown"), state="seen")

    async def of_turn(self, turn: str) -> Sequence[StoredCall]:
        """The calls of one turn, in their order."""
        return await self._list(tool_calls.c.turn == turn)

    async def of_person(self, person: str, states: Sequence[CallState]) -> Sequence[StoredCall]:
        """Return a person's latest calls in these states; `person` is their `Author.key`."""
        question = turns.alias("question")
        theirs = (
            select(turns.c.id)
            .join(question, question.c.id == turns.c.answers)
            .where(question.c.author == person)
        )
        return await self._list(tool_calls.c.turn.in_(theirs) & tool_calls.c.state.in_(states))

    async def counts(self, since: datetime, person: str = "") -> Sequence[CallCount]:
        """Count the calls since a moment, of all people or of one (`Author.key`), by tool, those
        that were called most first."""
        calls = tool_calls.c
        ended = {
            name: func.sum(case((calls.state.in_(states), 1), else_=0)).label(name)
            for name, states in _COUNTED.items()
        }
        number = func.count().label("number")
        query = (
            select(calls.tool, number, *ended.values(), func.max(calls.at).label("last"))
            .where(calls.at >= since)
            .group_by(calls.tool)
            .order_by(number.desc(), calls.tool)
            .limit(_MAX_LISTED)
        )
        if person:
            question = turns.alias("question")
            query = (
                query.join_from(tool_calls, turns, turns.c.id == calls.turn)
                .join(question, question.c.id == turns.c.answers)
                .where(question.c.author == person)
            )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [CallCount(**row) for row in rows]

    async def granted(self, tool: str, conversation: str, person: str) -> bool:
        """Whether a person approved a tool for a whole conversation."""
        question = turns.alias("question")
        query = (
            select(tool_calls.c.turn)
            .join(turns, turns.c.id == tool_calls.c.turn)
            .join(question, question.c.id == turns.c.answers)
            .where(
                tool_calls.c.tool == tool,
                tool_calls.c.decision == "granted",
                question.c.author == person,
                question.c.conversation == conversation,
            )
            .limit(1)
        )
        async with self._database.read() as connection:
            return (await connection.execute(query)).first() is not None

    async def interrupt(self, harmless: Collection[str] = ()) -> None:
        """Find out what became of the calls that a dead process left, once its turns are known to
        have ended. What it carried out may have been done, unless its tool is `harmless`, and its
        person has to be told."""
        ended = {"ended_at": datetime.now(UTC)}
        alive = select(turns.c.id).where(turns.c.status.in_(("waiting", "running")))
        here = update(tool_calls).where(_OPEN)
        at_it = select(turns.c.id).where(turns.c.status == "running")
        failed = (tool_calls.c.state == "running") & tool_calls.c.tool.in_(harmless)
        failed &= tool_calls.c.turn.not_in(at_it)
        failed |= (tool_calls.c.state == "waiting") & tool_calls.c.turn.not_in(alive)

        def job(connection: Connection) -> None:
            connection.execute(here.where(failed).values(state="failed", **ended))
            running = here.where(tool_calls.c.state == "running", tool_calls.c.turn.not_in(at_it))
            connection.execute(running.values(state="untold", **ended))

        await self._database.write(job)

    async def untold(self) -> Sequence[StoredCall]:
        """Return the calls that may have been done, whose person does not know of it yet."""
        return await self._list(and_(_OPEN, tool_calls.c.state == "untold"))

    async def _change(self, where: Any, **values: Any) -> None:
        change = update(tool_calls).where(where).values(**values)

        def job(connection: Connection) -> None:
            connection.execute(change)

        await self._database.write(job)

    async def _list(self, condition: Any) -> Sequence[StoredCall]:
        query = (
            select(tool_calls, turns.c.conversation)
            .join(turns, turns.c.id == tool_calls.c.turn)
            .where(condition)
            .order_by(turns.c.seq.desc(), tool_calls.c.step, tool_calls.c.number)
            .limit(_MAX_LISTED)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [
            StoredCall(
                CallId(row["turn"], row["step"], row["number"]),
                row["tool"],
                json.loads(row["arguments"]),
                row["state"],
                row["decision"],
                row["digest"],
                row["at"],
                row["ended_at"],
                row["conversation"],
            )
            for row in rows
        ]


def _key(call: CallId) -> dict[str, Any]:
    return {"turn": call.turn, "step": call.step, "number": call.number}


def _in(turn: str, *states: CallState) -> Any:
    return and_(tool_calls.c.turn == turn, tool_calls.c.state.in_(states))


def _is(call: CallId) -> Any:
    return and_(*(tool_calls.c[name] == value for name, value in _key(call).items()))
