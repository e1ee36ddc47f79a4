"""Stores conversations in SQLite."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, literal_column, select, update
from sqlalchemy.dialects.sqlite import insert

from bot.history.attachments import AttachmentSnapshot
from bot.history.erasure import forget
from bot.history.mapping import SNAPSHOT, answer_columns, find_source, to_message, to_row
from bot.history.protocol import Report, StoredMessage, Verdict
from bot.history.tables import feedback, materials, processed_events, quoted, turns
from bot.storage.database import Database

EVENT_RETENTION = timedelta(days=7)
"""A platform gives up redelivering an event long before this."""
_CLAIMS_BETWEEN_PRUNES = 5000

_claim = (
    insert(processed_events)
    .values(platform=bindparam("platform"), event_id=bindparam("event_id"), at=bindparam("at"))
    .on_conflict_do_nothing()
)
_prune = delete(processed_events).where(processed_events.c.at < bindparam("before"))
_insert = insert(turns)
_insert_question = insert(turns)
_insert_question = _insert_question.on_conflict_do_update(
    index_elements=["id"], set_={"text": _insert_question.excluded.text}
)
# Written out, not bound: SQLite uses an index over part of a table only where it sees why it may.
_is_running = turns.c.status == literal_column("'running'")
_progress = (
    update(turns).where(turns.c.id == bindparam("turn"), _is_running).values(text=bindparam("text"))
)
_finish = (
    update(turns)
    .where(turns.c.id == bindparam("turn"), _is_running)
    .values(
        {
            name: bindparam(name)
            for name in ("text", "status", "model", "usage", "explanation", "remember")
        }
    )
)
_supersede = update(turns).where(turns.c.id == bindparam("turn")).values(superseded=True)
_get = select(turns).where(turns.c.id == bindparam("turn"))
_place = select(turns.c.seq).where(turns.c.id == bindparam("turn"))
_NO_END = 2**62
_running = select(turns).where(_is_running).order_by(turns.c.seq)
_interrupt = update(turns).where(_is_running).values(status="interrupted")
_by_event = (
    select(turns)
    .where(
        turns.c.event_id == bindparam("event_id"),
        turns.c.platform == bindparam("platform"),
        turns.c.role == "user",
    )
    .order_by(turns.c.seq.desc())
    .limit(1)
)
_answer_to = (
    select(turns)
    .where(turns.c.answers == bindparam("question"))
    .order_by(turns.c.seq.desc())
    .limit(1)
)

_question, _answer = turns.alias("question"), turns.alias("answer")
_recent = (
    select(_question, *(column.label(f"answer_{column.name}") for column in _answer.c))
    .join(_answer, _answer.c.answers == _question.c.id)
    .where(
        _question.c.conversation == bindparam("conversation"),
        _question.c.role == "user",
        _question.c.remember.is_(True),
        _answer.c.remember.is_(True),
        _answer.c.superseded.is_(False),
        _answer.c.status.in_(("complete", "cancelled", "interrupted")),
        _question.c.seq < bindparam("until"),
    )
    .order_by(_question.c.seq.desc())
    .limit(bindparam("pairs"))
)
_feedback = insert(feedback)
_feedback = _feedback.on_conflict_do_update(
    index_elements=["turn", "person", "passage"],
    set_={"verdict": _feedback.excluded.verdict, "at": _feedback.excluded.at},
)
_keep = insert(materials).from_select(
    ["turn", "kept"],  # of a turn that is forgotten meanwhile nothing is kept
    select(turns.c.id, bindparam("kept")).where(turns.c.id == bindparam("of")),
)
_keep = _keep.on_conflict_do_update(index_elements=["turn"], set_={"kept": _keep.excluded.kept})
_material = select(materials.c.kept).where(materials.c.turn == bindparam("of"))


class SqlHistoryStore:
    """Implements `HistoryStore` on a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._claims = itertools.count()

    async def claim(self, platform: str, event_id: str) -> bool:
        now = datetime.now(UTC)
        prune = next(self._claims) % _CLAIMS_BETWEEN_PRUNES == 0

        def job(connection: Connection) -> bool:
            if prune:
                connection.execute(_prune, {"before": now - EVENT_RETENTION})
            row = {"platform": platform, "event_id": event_id, "at": now}
            return connection.execute(_claim, row).rowcount == 1

        return await self._database.write(job)

    async def open(self, question: StoredMessage, answer: StoredMessage) -> None:
        asked, answered = to_row(question), to_row(answer)

        def job(connection: Connection) -> None:
            connection.execute(_insert_question, asked)
            connection.execute(_insert, answered)

        await self._database.write(job)

    async def progress(self, turn: str, text: str) -> None:
        await self._execute(_progress, {"turn": turn, "text": text})

    async def finish(self, answer: StoredMessage) -> None:
        row = {"turn": answer.id, "remember": answer.remember, **answer_columns(answer)}
        await self._execute(_finish, row)

    async def recent(
        self, conversation: str, *, limit: int = 200, until: str | None = None
    ) -> Sequence[StoredMessage]:
        async with self._database.read() as connection:
            end = None
            if until is not None:
                end = (await connection.execute(_place, {"turn": until})).scalar()
            values = {
                "conversation": conversation,
                "pairs": (max(limit, 0) + 1) // 2,
                "until": _NO_END if end is None else end,
            }
            rows = (await connection.execute(_recent, values)).mappings().all()
        found: list[StoredMessage] = []
        for row in sorted(rows, key=lambda row: (row["seq"], row["answer_seq"])):
            question = to_message(row)
            if not found or found[-1].answers != question.id:
                found.append(question)
            found.append(to_message({c.name: row[f"answer_{c.name}"] for c in turns.c}))
        return found[-limit:] if limit > 0 else []

    async def get(self, turn: str) -> StoredMessage | None:
        return await self._one(_get, {"turn": turn})

    async def supersede(self, turn: str) -> None:
        await self._execute(_supersede, {"turn": turn})

    async def by_event(self, platform: str, event_id: str) -> StoredMessage | None:
        return await self._one(_by_event, {"platform": platform, "event_id": event_id})

    async def answer_to(self, question: str) -> StoredMessage | None:
        return await self._one(_answer_to, {"question": question})

    async def keep(self, question: str, material: AttachmentSnapshot) -> None:
        values = {"of": question, "kept": SNAPSHOT.dump_json(material).decode()}
        people = [{"person": person, "turn": question} for person in material.people]

        def job(connection: Connection) -> None:
            connection.execute(delete(quoted).where(quoted.c.turn == question))
            if connection.execute(_keep, values).rowcount and people:
                connection.execute(insert(quoted), people)

        await self._database.write(job)

    async def material(self, question: str) -> AttachmentSnapshot | None:
        async with self._database.read() as connection:
            kept = (await connection.execute(_material, {"of": question})).scalar()
        return None if kept is None else SNAPSHOT.validate_json(kept)

    async def interrupt_running(self) -> Sequence[StoredMessage]:
        def job(connection: Connection) -> list[StoredMessage]:
            found = [to_message(row._mapping) for row in connection.execute(_running)]
            connection.execute(_interrupt)
            return [replace(turn, status="interrupted") for turn in found]

        return await self._database.write(job)

    async def feedback(self, turn: str, person: str, verdict: Verdict, passage: str = "") -> None:
        row = {"turn": turn, "person": person, "passage": passage, "verdict": verdict}
        await self._execute(_feedback, {**row, "at": datetime.now(UTC)})

    async def verdicts(self, turn: str) -> Sequence[tuple[str, str, Verdict]]:
        """What was said of an answer: (person, passage, verdict), oldest first."""
        said = select(feedback).where(feedback.c.turn == turn).order_by(feedback.c.at)
        async with self._database.read() as connection:
            rows = (await connection.execute(said)).all()
        return [(row.person, row.passage, row.verdict) for row in rows]

    async def reports(self, workspace: str, *, limit: int = 200) -> Sequence[Report]:
        here = turns.c.conversation.startswith(f"{workspace}:", autoescape=True)
        said = (
            select(feedback, turns.c.explanation)
            .join(turns, turns.c.id == feedback.c.turn)
            .where(feedback.c.verdict.in_(("wrong", "outdated")), here)
            .order_by(feedback.c.at.desc())
            .limit(limit)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(said)).all()
        return [
            Report(row.verdict, row.person, row.at, find_source(row.explanation, row.passage))
            for row in rows
        ]

    async def forget(self, *, person: str | None = None, conversation: str | None = None) -> int:
        """As the protocol says; with both, what the person said in that conversation.

        The answers to a person's turns go with them, with the buttons and verdicts under those and
        what the questions came with.
        """
        if person is None and conversation is None:
            return 0
        return await self._database.write(lambda c: forget(c, person, conversation))

    async def _execute(self, statement: Any, values: dict[str, Any]) -> None:
        def job(connection: Connection) -> None:
            connection.execute(statement, values)

        await self._database.write(job)

    async def _one(self, statement: Any, values: dict[str, Any]) -> StoredMessage | None:
        async with self._database.read() as connection:
            row = (await connection.execute(statement, values)).mappings().first()
        return None if row is None else to_message(row)
