"""This process among those that share a database: it says that it lives, and looks who does not.

One that has not been heard of for `LIFETIME_S` is taken for dead by another, which removes it: its
leases and places in lanes go with it, and nothing that it writes from then on is taken. Time is the
database's; what a process measures of its own is only how long ago it was heard.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from sqlalchemy import (
    BigInteger,
    Connection,
    Row,
    cast,
    delete,
    extract,
    func,
    insert,
    select,
    text,
    update,
)

from bot.processes.tables import processes
from bot.storage.database import Database
from bot.storage.database_engine import UnusableError
from bot.storage.schema_version import newest_revision

log = structlog.get_logger(__name__)

BEAT_S: Final = 2.0
"""How often a process says that it lives, in seconds."""
LIFETIME_S: Final = 8.0
"""How long a process that is not heard of is taken for alive, in seconds."""
WRITING_S: Final = 6.0
"""How long after it was heard a process may still change what stands on platforms, in seconds: it
stops before another one begins."""
_MICROSECONDS: Final = 1_000_000
_NOW: Final = cast(extract("epoch", func.clock_timestamp()) * _MICROSECONDS, BigInteger)
_REMOVED: Final = "process_removed"


class Membership:
    """Keeps this process in the table `processes` of a PostgreSQL database.

    With each beat it tells the others what its parts have to tell (`tell`), and hears what those of
    the others do (`told`). `lost` is set when others have taken it for dead: then it must end, and
    begin again as a new one.
    """

    def __init__(
        self,
        database: Database,
        *,
        beat_s: float = BEAT_S,
        lifetime_s: float = LIFETIME_S,
    ) -> None:
        self.id = uuid.uuid4().hex
        self.lost = asyncio.Event()
        self.others: Mapping[str, Mapping[str, Any]] = {}
        """What the other living processes tell of themselves, by their ids."""
        self._database = database
        self._telling: dict[str, Callable[[], Any]] = {}
        self._beat_s = beat_s
        self._lifetime_s = lifetime_s
        self._heard = 0.0
        self._steady_since = 0.0
        self._hurry = asyncio.Event()
        self._watchers: list[Callable[[], None]] = []
        self._mourners: list[Callable[[], None]] = []
        database.on_told(_REMOVED, lambda _: self._mourn())

    @property
    def may_write(self) -> bool:
        """Whether it may change what stands on platforms: the others hold it for alive."""
        part = WRITING_S / LIFETIME_S
        return time.monotonic() - self._heard < part * self._lifetime_s

    def tell(self, what: str, telling: Callable[[], Any]) -> None:
        """Have something told to the others with each beat, as `telling` returns it and JSON can
        hold it; nobody's name or words, as it stands in the database meanwhile."""
        self._telling[what] = telling

    def told(self, what: str) -> Sequence[Any]:
        """What each of the others has told of that, a beat ago at the most."""
        return [told[what] for told in self.others.values() if what in told]

    def watch(self, changed: Callable[[], None]) -> None:
        """Have something called after each beat, when `others` may be new."""
        self._watchers.append(changed)

    def mourn(self, died: Callable[[], None]) -> None:
        """Have something called when a process was removed, by this one or another."""
        self._mourners.append(died)

    def hurry(self) -> None:
        """Beat at once: what is told has changed much."""
        self._hurry.set()

    async def join(self) -> None:
        """Become one of the processes. Raises `StorageError`."""
        schema = await asyncio.to_thread(newest_revision)
        row = {"id": self.id, "host": name_of_process(), "schema": schema}
        joining = insert(processes).values(**row, started_at=_NOW, beat_at=_NOW, told=self._tells())
        await self._database.write(
            lambda connection: self._compare_clocks(
                connection.scalar(joining.returning(processes.c.beat_at))
            )
        )
        self._heard = self._steady_since = time.monotonic()
        self._database.process = self.id
        self._database.guard = self._guard
        self._database.may_write = lambda: self.may_write

    async def leave(self) -> None:
        """Be one no longer; what this process had is free at once."""
        self._database.guard = None
        leaving = delete(processes).where(processes.c.id == self.id)

        def job(connection: Connection) -> None:
            connection.execute(leaving)
            self._database.tell(connection, _REMOVED)

        await self._database.write(job)

    async def run(self) -> None:
        """Beat, and remove those who do not, until cancelled or lost."""
        while True:
            try:
                await self._beat()
            except UnusableError as error:
                if self.lost.is_set():
                    return
                log.warning("process.beat_failed", reason=str(error))
            except Exception:  # the next one may succeed
                log.warning("process.beat_failed", exc_info=True)
            self._hurry.clear()
            try:
                async with asyncio.timeout(self._beat_s):
                    await self._hurry.wait()
            except TimeoutError:
                pass

    async def _beat(self) -> None:
        began = time.monotonic()
        if began - self._heard > self._lifetime_s / 2:
            # The database was away, or this process was: others may be as late as it is.
            self._steady_since = began + self._lifetime_s
        may_remove = began >= self._steady_since
        told = self._tells()

        def job(connection: Connection) -> tuple[int, Mapping[str, Mapping[str, Any]]]:
            return self._say(connection, told, may_remove)

        dead, self.others = await self._database.write(job)
        self._heard = began
        if dead:
            log.warning("process.removed", processes=dead)
            self._mourn()
        for watcher in self._watchers:
            watcher()

    def _tells(self) -> str:
        return json.dumps({what: telling() for what, telling in self._telling.items()})

    def _say(
        self, connection: Connection, told: str, may_remove: bool
    ) -> tuple[int, Mapping[str, Mapping[str, Any]]]:
        """Beat, and remove those who do not; returns how many, and what the others tell."""
        beating = update(processes).where(processes.c.id == self.id)
        beating = beating.values(beat_at=_NOW, told=told).returning(processes.c.beat_at)
        self._compare_clocks(connection.scalar(beating))
        oldest = _NOW - int(self._lifetime_s * _MICROSECONDS)
        late = processes.c.beat_at < oldest
        rows = connection.execute(
            select(processes.c.id, processes.c.told, late.label("late")).where(
                processes.c.id != self.id
            )
        ).all()
        others = {row.id: _read(row) for row in rows if not row.late}
        dead = 0
        if may_remove and any(row.late for row in rows):
            dead = connection.execute(delete(processes).where(late)).rowcount
        if dead:
            self._database.tell(connection, _REMOVED)
        return dead, others

    def _compare_clocks(self, beat_at: datetime | None) -> None:
        """Take over the database's time, which was this a moment ago."""
        if beat_at is not None:
            self._database.clock_ahead = beat_at - datetime.now(UTC)

    def _guard(self, connection: Connection) -> str:
        """Refuse to write where this process was removed; called first in each transaction, whose
        id it returns."""
        transaction: str | None = connection.scalar(_LIVES, {"id": self.id})
        if transaction is None:
            self._database.call_in_loop(self.lost.set)
            raise UnusableError(
                "The other processes have not heard of this one for too long and go on without it."
            )
        return transaction

    def _mourn(self) -> None:
        for mourner in self._mourners:
            mourner()


def name_of_process() -> str:
    """The machine and the number of this process, for an operator who looks for it."""
    return f"{socket.gethostname()[:100]}:{os.getpid()}"


_LIVES: Final = text(
    "SELECT cast(pg_current_xact_id() AS text) FROM processes WHERE id = :id FOR KEY SHARE"
)


def _read(row: Row[Any]) -> Mapping[str, Any]:
    try:
        told = json.loads(row.told)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
