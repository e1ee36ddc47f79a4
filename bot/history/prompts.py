"""Keeps the prompts that models were sent, where `console.keep_prompts_days` says so.

A prompt holds words of everybody in the conversation, of documents and of memories. So it goes when
one of these people is forgotten, and after its days whatever becomes of the turn.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select

from backends.base import ChatMessage
from bot.history.tables import prompts
from bot.storage.database import Database

MAX_KEPT_PROMPTS: Final = 20
"""Prompts that are kept of one turn; a model with tools is asked again and again."""


@dataclass(frozen=True, slots=True)
class SentPrompt:
    """What a model was sent in one call; `tools` are the names of those it was offered."""

    model: str
    messages: Sequence[ChatMessage] = field(repr=False)
    tools: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """One message of a kept prompt: its text, with the calls of tools that it holds, and how many
    pictures came with it."""

    role: str
    text: str = field(repr=False)
    pictures: int = 0


@dataclass(frozen=True, slots=True)
class KeptPrompt:
    """A prompt as it was kept."""

    model: str
    at: datetime
    messages: tuple[KeptMessage, ...] = field(repr=False)
    tools: tuple[str, ...] = ()


class KeptPrompts:
    """The prompts in a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, turn: str, sent: Sequence[SentPrompt], redact: Callable[[str], str]
    ) -> None:
        """Keep what was sent for a turn, which must be stored, after what was kept of it before.
        `redact` takes secrets out of a text. Raises `StorageError`."""
        written = await asyncio.to_thread(lambda: [redact(_write(one)) for one in sent])
        now = datetime.now(UTC)

        def job(connection: Connection) -> None:
            of_turn = select(func.count()).where(prompts.c.turn == turn)
            first = connection.execute(of_turn).scalar_one()
            rows = [
                {"turn": turn, "number": number, "model": one.model, "prompt": text, "at": now}
                for number, (one, text) in enumerate(zip(sent, written, strict=True), first)
            ]
            if rows := rows[: max(0, MAX_KEPT_PROMPTS - first)]:
                connection.execute(insert(prompts), rows)

        await self._database.write(job)

    async def of_turn(self, turn: str) -> Sequence[KeptPrompt]:
        """Return what is kept of a turn, in the order in which it was sent."""
        query = select(prompts).where(prompts.c.turn == turn).order_by(prompts.c.number)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return await asyncio.to_thread(lambda: [_read(row) for row in rows])


def _write(sent: SentPrompt) -> str:
    messages = []
    for one in sent.messages:
        calls = [{"name": call.name, "arguments": call.arguments} for call in one.tool_calls]
        text = "\n\n".join(
            part
            for part in (
                one.content,
                *(json.dumps(call, ensure_ascii=False, default=str) for call in calls),
            )
            if part
        )
        messages.append({"role": one.role, "text": text, "pictures": len(one.pictures)})
    return json.dumps({"messages": messages, "tools": list(sent.tools)}, ensure_ascii=False)


def _read(row: Any) -> KeptPrompt:
    told = json.loads(row.prompt)
    messages = tuple(KeptMessage(**one) for one in told["messages"])
    return KeptPrompt(row.model, row.at, messages, tuple(told["tools"]))
