"""Makes the file that a person gets of what is kept of them."""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog
from sqlalchemy import Connection, delete, select

from bot.catalogue.sentence import say
from bot.errors import Busy, Refused
from bot.portability.export import export
from bot.portability.tables import sent_files
from bot.storage.database import Database
from bot.storage.insert import insert_into
from bot.storage.one_at_a_time import one_at_a_time
from bot.types import File

log = structlog.get_logger(__name__)

MAX_FILE_BYTES: Final = 8_000_000
"""The largest file, compressed: what every platform takes."""
MAX_PLAIN_BYTES: Final = 1_000_000
"""The largest file that is not compressed."""
WAIT_S: Final = 3600.0
"""How long a person waits for the next file."""


def nothing_secret(text: str) -> str:
    """The redactor of a process that knows no secrets."""
    return text


class PersonalFiles:
    """Implements `OwnData` on a `Database`, which it does not own.

    A process makes one file at a time, in a thread, and not more of it is held than is sent.
    """

    def __init__(
        self,
        database: Database,
        redact: Callable[[str], str] | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._database, self._redact = database, redact or nothing_secret
        self._clock = clock or database.now
        self._making = asyncio.Lock()

    async def file(self, person: str) -> File:
        """As the protocol says. Raises `StorageError`."""
        now = self._clock()
        if (wait := await self._begin(person, now)) > 0:
            minutes = max(1, round(wait / 60))
            raise Busy(
                wait,
                say("I send this once an hour; ask again in {n} minutes.", n=minutes),
            )
        try:
            async with self._making:
                file, counts = await asyncio.to_thread(self._make, person)
        except BaseException:
            mine = delete(sent_files).where(sent_files.c.person == person, sent_files.c.at == now)
            await self._database.write(lambda connection: connection.execute(mine).rowcount)
            raise
        log.info("person.data_sent", person=person, records=counts.total(), bytes=len(file.data))
        return file

    async def _begin(self, person: str, now: datetime) -> float:
        """Note that somebody is sent a file, before it is made: two at once would be one too many.
        Returns 0, or how long they have to wait, in seconds."""
        sent = select(sent_files.c.at).where(sent_files.c.person == person)

        def job(connection: Connection) -> float:
            one_at_a_time(connection, f"sent_files:{person}")
            at: datetime | None = connection.scalar(sent)
            if at is not None and (wait := WAIT_S - (now - at).total_seconds()) > 0:
                return wait
            putting = insert_into(connection, sent_files)
            again = putting.on_conflict_do_update(index_elements=["person"], set_={"at": now})
            connection.execute(again, {"person": person, "at": now})
            return 0

        return await self._database.write(job)

    def _make(self, person: str) -> tuple[File, Counter[str]]:
        """In a thread."""
        packed = _Packed()

        def write(piece: str) -> None:
            packed.write(self._redact(piece))

        counts = export(self._database.address, write, person=person)
        name = f"mydata-{datetime.now(UTC):%Y-%m-%d}.jsonl"
        data = packed.finish()
        if packed.plain_bytes <= MAX_PLAIN_BYTES:
            return File(name, zlib.decompress(data, 31), "application/jsonl"), counts
        return File(f"{name}.gz", data, "application/gzip"), counts


class _Packed:
    """Compresses what is written, as gzip does. Raises `Refused` where it becomes too large."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(wbits=31)
        self._data = bytearray()
        self.plain_bytes = 0

    def write(self, text: str) -> None:
        data = text.encode()
        self.plain_bytes += len(data)
        self._data += self._packer.compress(data)
        if len(self._data) > MAX_FILE_BYTES:
            raise Refused(
                say(
                    "What I keep of you is more than I can send here; please ask whoever runs me "
                    "for it."
                )
            )

    def finish(self) -> bytes:
        self._data += self._packer.flush()
        return bytes(self._data)
