"""Makes the file that a person gets of what is kept of them."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import Counter, OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog

from bot.catalogue.sentence import say
from bot.errors import Busy, Refused
from bot.portability.export import export
from bot.storage.address import DatabaseAddress
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
    """Implements `OwnData` on the database at `address`.

    One file is made at a time, in a thread, and not more of it is held than is sent.
    """

    def __init__(
        self,
        address: DatabaseAddress,
        redact: Callable[[str], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address, self._redact, self._clock = address, redact or nothing_secret, clock
        self._made: OrderedDict[str, float] = OrderedDict()
        self._making = asyncio.Lock()

    async def file(self, person: str) -> File:
        """As the protocol says."""
        now = self._clock()
        while self._made and next(iter(self._made.values())) + WAIT_S <= now:
            self._made.popitem(last=False)
        if person in self._made:
            wait = self._made[person] + WAIT_S - now
            minutes = max(1, round(wait / 60))
            raise Busy(
                wait,
                say("I send this once an hour; ask again in {n} minutes.", n=minutes),
            )
        self._made[person] = now  # before it is made: two at once would be one too many
        try:
            async with self._making:
                file, counts = await asyncio.to_thread(self._make, person)
        except BaseException:
            self._made.pop(person, None)
            raise
        log.info("person.data_sent", person=person, records=counts.total(), bytes=len(file.data))
        return file

    def _make(self, person: str) -> tuple[File, Counter[str]]:
        """In a thread."""
        packed = _Packed()

        def write(piece: str) -> None:
            packed.write(self._redact(piece))

        counts = export(self._address, write, person=person)
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
