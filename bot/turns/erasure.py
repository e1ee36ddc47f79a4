"""Deletes everything that is stored about a person, after their running turns were stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from bot.errors import StorageError
from bot.history.protocol import HistoryStore
from bot.processes.peers import Peers
from bot.skills.service_protocols import Knowledge
from bot.storage.database import Database
from bot.turns.open_turns import OpenTurns
from bot.types import Author

log = structlog.get_logger(__name__)

_PLUGIN_TIMEOUT_S = 30.0
"""How long a plugin may take to forget a person, in seconds; the others are asked after it."""
_FORGOTTEN: Final = "person_forgotten"


class DocumentsOfPeople(Knowledge, Protocol):
    """The documents, some of which belong to one person."""

    async def forget(self, author: Author) -> object:
        """Delete a person's own documents, and who added the others."""
        ...


@dataclass(frozen=True, slots=True)
class Erasure:
    """Implements `Services.forget`. `hooks` are pairs of a plugin's or platform's name, and what
    forgets a person there. `peers` are the other processes on the same database, which drop what
    they hold; None where this one is alone."""

    database: Database
    open_turns: OpenTurns
    history: HistoryStore
    knowledge: DocumentsOfPeople
    hooks: Sequence[tuple[str, Callable[[str], None]]]
    peers: Peers | None = None

    def __post_init__(self) -> None:
        if self.peers is not None:
            self.peers.answer(_FORGOTTEN, self._on_forgotten)

    async def __call__(self, person: str) -> int:
        """Delete what is stored about a person (`platform:id`); returns the number of turns."""
        await self.open_turns.stop_person(person)
        turns = await self.history.forget(person=person)
        platform, _, ident = person.partition(":")
        await self.knowledge.forget(Author(platform, ident, ""))
        await asyncio.gather(self._forget_here(person), self._forget_elsewhere(person))
        try:
            await self.database.scrub()
        except StorageError as error:
            log.error("person.scrub_failed", reason=str(error))
        return turns

    async def _forget_here(self, person: str) -> None:
        """Have everything forgotten that this process holds beside the database."""
        for name, forget in self.hooks:
            try:
                async with asyncio.timeout(_PLUGIN_TIMEOUT_S):
                    await asyncio.to_thread(forget, person)
            except Exception:  # a plugin that fails must not keep the others from forgetting
                log.error("person.plugin_forget_failed", plugin=name, exc_info=True)

    async def _forget_elsewhere(self, person: str) -> None:
        if self.peers is not None:
            await self.peers.ask(_FORGOTTEN, {"person": person}, within_s=_PLUGIN_TIMEOUT_S)

    async def _on_forgotten(self, told: Mapping[str, Any]) -> None:
        """What another process has forgotten, this one forgets, too."""
        await self._forget_here(told["person"])
