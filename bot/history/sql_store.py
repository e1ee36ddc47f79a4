"""Stores conversations in SQLite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from bot.history.attachments import AttachmentSnapshot
from bot.history.erasure import forget_conversation, forget_person
from bot.history.mapping import (
    SNAPSHOT,
    answer_columns,
    find_source,
    platform_of,
    to_message,
    to_row,
)
from bot.history.protocol import Report, StoredMessage, Verdict
from bot.history.tables import (
    IS_ABANDONED,
    Moment,
    feedback,
    materials,
    quoted,
    summaries,
    summarised,
    suspended,
    turns,
)
from bot.history.turn_counts import count_end, count_reopened, find_counted
from bot.history.turn_writes import IS_RUNNING, Ending, Opening, end_all, open_all, progress_all
from bot.storage.database import Database
from bot.storage.insert import Insert, InsertInto, InsertStatement
from bot.storage.last_work import do_together
from bot.storage.one_at_a_time import one_at_a_time

_reopen = (
    update(turns)
    .where(
        turns.c.id == bindparam("turn"),
        turns.c.status == "complete",
        turns.c.cut.is_not(None),
        turns.c.superseded.is_(False),
    )
    .values(status="running", process=bindparam("by_process"))
)
_untell = delete(summaries).where(
    summaries.c.id.in_(select(summarised.c.summary).where(summarised.c.turn == bindparam("turn")))
)
_supersede = update(turns).where(turns.c.id == bindparam("turn")).values(superseded=True)
_get = select(turns).where(turns.c.id == bindparam("turn"))
_place = select(turns.c.seq).where(turns.c.id == bindparam("turn"))
_NO_END = 2**31 - 1
_running = select(turns).where(IS_RUNNING, IS_ABANDONED).order_by(turns.c.seq)
_running_ids = select(turns.c.id).where(IS_RUNNING, IS_ABANDONED)
_wait = (
    update(turns)
    .where(IS_RUNNING, IS_ABANDONED, turns.c.id.in_(select(suspended.c.turn)))
    .values(status="waiting")
)
_interrupt = update(turns).where(IS_RUNNING, IS_ABANDONED).values(status="interrupted")
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
_material = select(materials.c.kept).where(materials.c.turn == bindparam("of"))


@InsertStatement
def _feedback(insert_into: InsertInto) -> Insert:
    # Of an answer that is forgotten meanwhile nothing is kept.
    of = select(
        turns.c.id,
        *(bindparam(name) for name in ("by", "about", "said")),
        bindparam("now", type_=Moment),
    ).where(turns.c.id == bindparam("of"))
    columns = ["turn", "person", "passage", "verdict", "at"]
    insert = insert_into(feedback).from_select(columns, of)
    return insert.on_conflict_do_update(
        index_elements=["turn", "person", "passage"],
        set_={"verdict": insert.excluded.verdict, "at": insert.excluded.at},
    )


@InsertStatement
def _keep(insert_into: InsertInto) -> Insert:
    of = select(turns.c.id, bindparam("kept")).where(turns.c.id == bindparam("of"))
    # Of a turn that is forgotten meanwhile nothing is kept.
    insert = insert_into(materials).from_select(["turn", "kept"], of)
    return insert.on_conflict_do_update(
        index_elements=["turn"], set_={"kept": insert.excluded.kept}
    )


class SqlHistoryStore:
    """Implements `HistoryStore` on a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, platform: str, event_id: str) -> bool:
        event = {"platform": platform, "event_id": event_id, "at": datetime.now(UTC)}
        return await self._open(Opening(event))

    async def open(
        self, question: StoredMessage, answer: StoredMessage, *, claim: bool = False
    ) -> bool:
        platform = platform_of(question.conversation)
        asked = {**to_row(question), "process": None}
        answered = {**to_row(answer), "process": self._database.process}
        event = {"platform": platform, "event_id": question.event_id, "at": datetime.now(UTC)}
        return await self._open(Opening(event if claim else None, [asked, answered]))

    async def _open(self, opening: Opening) -> bool:
        await self._database.write(lambda connection: do_together(connection, open_all, opening))
        return opening.done

    async def progress(self, turn: str, text: str) -> None:
        row = {"turn": turn, "text": text}
        await self._database.write(lambda connection: do_together(connection, progress_all, row))

    async def finish(self, answer: StoredMessage, *, before: StoredMessage | None = None) -> None:
        row = {"turn": answer.id, "remember": answer.remember, **answer_columns(answer)}
        counted, usage = answer, answer.usage
        if before is not None:
            counted = replace(answer, model=answer.model or before.model)
            usage = answer.usage if answer.usage != before.usage else None
        ending = Ending(row, counted, usage)
        await self._database.write(lambda connection: do_together(connection, end_all, ending))

    async def reopen(self, turn: str) -> bool:
        def job(connection: Connection) -> bool:
            values = {"turn": turn, "by_process": self._database.process}
            if connection.execute(_reopen, values).rowcount != 1:
                return False
            count_reopened(connection, turn)
            return True

        return await self._database.write(job)

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
        def job(connection: Connection) -> None:
            connection.execute(_supersede, {"turn": turn})
            connection.execute(_untell, {"turn": turn})

        await self._database.write(job)

    async def by_event(self, platform: str, event_id: str) -> StoredMessage | None:
        return await self._one(_by_event, {"platform": platform, "event_id": event_id})

    async def answer_to(self, question: str) -> StoredMessage | None:
        return await self._one(_answer_to, {"question": question})

    async def keep(self, question: str, material: AttachmentSnapshot) -> None:
        values = {"of": question, "kept": SNAPSHOT.dump_json(material).decode()}
        people = [{"person": person, "turn": question} for person in material.people]

        def job(connection: Connection) -> None:
            connection.execute(delete(quoted).where(quoted.c.turn == question))
            if connection.execute(_keep(connection), values).rowcount and people:
                connection.execute(insert(quoted), people)

        await self._database.write(job)

    async def material(self, question: str) -> AttachmentSnapshot | None:
        async with self._database.read() as connection:
            kept = (await connection.execute(_material, {"of": question})).scalar()
        return None if kept is None else SNAPSHOT.validate_json(kept)

    async def interrupt_running(
        self, note: Callable[[Connection, Sequence[StoredMessage]], None] | None = None
    ) -> Sequence[StoredMessage]:
        """As the protocol says; `note` writes down what is to be done for them, in the same
        transaction."""

        def job(connection: Connection) -> list[StoredMessage]:
            one_at_a_time(connection, "interrupt_running")
            open_turns = list(connection.scalars(_running_ids))
            connection.execute(_wait)  # it ended just after a turn was suspended
            found = [to_message(row._mapping) for row in connection.execute(_running)]
            connection.execute(_interrupt)
            for turn in open_turns:
                if (stored := find_counted(connection, turn)) is not None:
                    count_end(connection, *stored)
            interrupted = [replace(turn, status="interrupted") for turn in found]
            if note is not None:
                note(connection, interrupted)
            return interrupted

        return await self._database.write(job)

    async def feedback(self, turn: str, person: str, verdict: Verdict, passage: str = "") -> None:
        now = datetime.now(UTC)
        values = {"of": turn, "by": person, "about": passage, "said": verdict, "now": now}

        def job(connection: Connection) -> None:
            connection.execute(_feedback(connection), values)

        await self._database.write(job)

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
        if person == "":  # an answer's author
            return 0
        if conversation is not None:
            return await forget_conversation(self._database, conversation, person)
        if person is None:
            return 0
        return await forget_person(self._database, person)

    async def _one(self, statement: Any, values: dict[str, Any]) -> StoredMessage | None:
        async with self._database.read() as connection:
            row = (await connection.execute(statement, values)).mappings().first()
        return None if row is None else to_message(row)
