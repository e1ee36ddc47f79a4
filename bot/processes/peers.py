"""Asks the other processes on a database something, and answers what they ask.

A request is told to all of them at once, and each answers by itself, in pieces where its answer is
long. Whoever asks waits until all have answered, but not for long: one may have died.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import structlog
from sqlalchemy import Connection, select

from bot.processes.tables import processes
from bot.storage.database import Database
from bot.storage.database_engine import MAX_TOLD_BYTES

log = structlog.get_logger(__name__)

ASK_S: Final = 3.0
"""How long the answers of the other processes are waited for, in seconds."""
MAX_ANSWER_CHARACTERS: Final = 300_000
"""Longest answer of one process, as JSON."""
_PIECE_CHARACTERS: Final = 3_000
"""Of an answer in ASCII that is told at once: each may become two within another text."""
_ASKED: Final = "asked"
_ANSWERED: Final = "answered"

Answering: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Takes what a request says, and returns what JSON can hold; None where there is nothing to say."""


class TooLongToTell(Exception):
    """What is to be told to other processes is longer than `MAX_TOLD_BYTES`, or an answer than
    `MAX_ANSWER_CHARACTERS`."""


@dataclass(eq=False, slots=True)
class _Request:
    """A request of this process, and what was answered so far."""

    missing: set[str] | None = None
    """The processes that have not answered yet; None before it is known who is there."""
    heard: set[str] = field(default_factory=set)
    answers: list[Any] = field(default_factory=list)
    pieces: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """What has come of a long answer of each process."""
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def look(self) -> None:
        if self.missing is not None and self.missing <= self.heard:
            self.done.set()


class Peers:
    """The other processes, as one to whom something can be told; owns the tasks that answer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._answering: dict[str, Answering] = {}
        self._requests: dict[str, _Request] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        database.on_told(_ASKED, self._on_asked)
        database.on_told(_ANSWERED, self._on_answered)

    def answer(self, what: str, answering: Answering) -> None:
        """Have requests of a kind answered by a function; others are answered with nothing."""
        self._answering[what] = answering

    async def ask(
        self, what: str, values: Mapping[str, Any], *, within_s: float = ASK_S
    ) -> Sequence[Any]:
        """Ask all other processes; returns what those said that had something to say, within so
        many seconds. Raises `StorageError` and `TooLongToTell`."""
        number = uuid.uuid4().hex
        request = self._requests[number] = _Request()
        said = self._written({"id": number, "what": what, "values": values})
        others = select(processes.c.id).where(processes.c.id != self._database.process)

        def job(connection: Connection) -> set[str]:
            self._database.tell(connection, _ASKED, said)
            return set(connection.scalars(others))

        try:
            request.missing = await self._database.write(job)
            request.look()
            async with asyncio.timeout(within_s):
                await request.done.wait()
        except TimeoutError:
            silent = len((request.missing or set()) - request.heard)
            log.warning("process.not_answered", what=what, processes=silent)
        finally:
            del self._requests[number]
        return request.answers

    async def tell(self, what: str, values: Mapping[str, Any]) -> None:
        """Tell all other processes something, and wait for no answer. Raises `StorageError` and
        `TooLongToTell`."""
        said = self._written({"id": "", "what": what, "values": values})
        await self._database.write(lambda connection: self._database.tell(connection, _ASKED, said))

    async def close(self) -> None:
        """Answer nothing more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # --- what the others say --------------------------------------------------------------------

    def _on_asked(self, said: str | None) -> None:
        if said is None:
            return
        asked = json.loads(said)
        task = asyncio.create_task(self._answer(asked), name=f"process asks {asked['what']}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, asked: Mapping[str, Any]) -> None:
        answering = self._answering.get(asked["what"])
        answer = None
        try:
            if answering is not None:
                answer = await answering(asked["values"])
        except Exception:  # whoever asked hears that there is nothing
            log.exception("process.not_answering", what=asked["what"])
        if not asked["id"]:
            return
        try:
            texts = self._written_answer(asked["id"], answer)
            await self._database.write(lambda connection: self._tell_each(connection, texts))
        except Exception:  # they do not wait for long
            log.exception("process.not_answering", what=asked["what"])

    def _on_answered(self, said: str | None) -> None:
        answered = json.loads(said) if said is not None else {"id": ""}
        request = self._requests.get(answered["id"])
        if request is None:
            return
        sender = answered["from"]
        if "piece" in answered:
            request.pieces[sender].append(answered["piece"])
            if answered["left"]:
                return
            answered["answer"] = json.loads("".join(request.pieces.pop(sender)))
        request.heard.add(sender)
        if answered["answer"] is not None:
            request.answers.append(answered["answer"])
        request.look()

    def _tell_each(self, connection: Connection, texts: Sequence[str]) -> None:
        for text in texts:
            self._database.tell(connection, _ANSWERED, text)

    def _written_answer(self, number: str, answer: Any) -> Sequence[str]:
        """What is told as an answer, in the order in which it is told and comes."""
        with suppress(TooLongToTell):
            return [self._written({"id": number, "answer": answer})]
        text = json.dumps(answer)
        if len(text) > MAX_ANSWER_CHARACTERS:
            raise TooLongToTell
        pieces = [
            text[at : at + _PIECE_CHARACTERS] for at in range(0, len(text), _PIECE_CHARACTERS)
        ]
        return [
            self._written({"id": number, "piece": piece, "left": len(pieces) - place})
            for place, piece in enumerate(pieces, 1)
        ]

    def _written(self, said: Mapping[str, Any]) -> str:
        text = json.dumps({**said, "from": self._database.process}, ensure_ascii=False)
        if len(text.encode()) > MAX_TOLD_BYTES:
            raise TooLongToTell
        return text
