"""Processes tell each other what they want of the model servers that they share, so that these are
divided fairly among people and not among processes (`backends.pool.sharing`).

What changes is told at once, by a notice; with each beat it is told again, for those who have come
meanwhile or missed it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import structlog
from sqlalchemy import Connection

from backends.pool.sharing import Sharing
from bot.errors import StorageError
from bot.processes.membership import Membership
from bot.storage.database import Database
from bot.storage.database_engine import MAX_TOLD_BYTES

log = structlog.get_logger(__name__)

_TOPIC: Final = "demand"
_SHORTEST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0


class DemandExchange:
    """Has a pool's `Sharing` tell and hear, over a database that several processes use."""

    def __init__(self, database: Database, membership: Membership, sharing: Sharing) -> None:
        self._database = database
        self._membership = membership
        self._sharing = sharing
        self._told: dict[str, Any] = {}
        self._number = 0
        """Of what this process told last."""
        self._heard: dict[str, tuple[int, Mapping[str, Any]]] = {}
        """What each other process told last, with its number."""
        membership.tell(_TOPIC, lambda: [self._number, self._told])
        membership.watch(self._take_beats)
        database.on_told(_TOPIC, self._take_notice)

    async def run(self) -> None:
        """Tell what this process wants, until cancelled."""
        while True:
            told = self._sharing.tell()
            if told != self._told:
                self._told = told
                self._number += 1
                if self._membership.others:
                    await self._tell()
            await asyncio.sleep(_SHORTEST_PAUSE_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_PAUSE_S):
                    await self._sharing.changed.wait()

    async def _tell(self) -> None:
        text = json.dumps([self._membership.id, self._number, self._told])
        if len(text) > MAX_TOLD_BYTES:  # it is told with the next beat alone
            self._membership.hurry()
            return

        def job(connection: Connection) -> None:
            self._database.tell(connection, _TOPIC, text)

        try:
            await self._database.write(job)
        except StorageError as error:
            log.warning("demand.not_told", reason=str(error))

    def _take_notice(self, text: str | None) -> None:
        if text is not None:
            process, number, demand = json.loads(text)
            if process in self._membership.others:
                self._take(process, number, demand)
                self._hear()

    def _take_beats(self) -> None:
        others = self._membership.others
        self._heard = {name: one for name, one in self._heard.items() if name in others}
        for process, told in others.items():
            if (said := told.get(_TOPIC)) is not None:
                self._take(process, *said)
        self._hear()

    def _take(self, process: str, number: int, demand: Mapping[str, Any]) -> None:
        if process not in self._heard or self._heard[process][0] < number:
            self._heard[process] = number, demand

    def _hear(self) -> None:
        told = {process: demand for process, (_, demand) in self._heard.items()}
        self._sharing.hear(told, self._membership.id)
