"""Full text in a file of this process, brought up to date from the database before it is searched.

A search has read the versions of its bases already, so that it costs no statement more where
nothing has changed. What another process changes is also taken in when it tells so; what was
forgotten is then gone from this file, too.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StorageError
from bot.knowledge.index.full_text_entries import Entry, select_entries
from bot.knowledge.index.full_text_file import DamagedFile, FollowedBase, FullTextFile
from bot.knowledge.index.full_text_log import raise_version
from bot.knowledge.index.rows import BaseRow
from bot.knowledge.index.tables import bases, changes, passages
from bot.storage.database import CHANGED_TABLE, Database

log = structlog.get_logger(__name__)

T = TypeVar("T")
_READ_PASSAGES: Final = 500
"""Passages that are read from the database, and written to the file, at a time."""
_FOLLOW_PAUSE_S: Final = 0.5
"""What is changed within this time is taken in together."""
_FAILED_PAUSE_S: Final = 30.0


class FullTextBeside:
    """Implements `FullText` with a file that is made when it is first needed."""

    def __init__(self, database: Database, path: Path) -> None:
        self._db = database
        self._file = FullTextFile(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parlance-full-text")
        self._opening = asyncio.Lock()
        self._is_open = False
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._told = asyncio.Event()
        database.on_told(CHANGED_TABLE, self._note)

    async def ask(
        self,
        bases: Collection[BaseRow],
        question: Callable[[AsyncConnection], Awaitable[T]],
        *,
        again: bool = False,
    ) -> T:
        async def put() -> T:
            for base in bases:
                if again or not self._is_current(base):
                    await self._take_in(base.name)
            async with self._file.read() as connection:
                return await question(connection)

        return await self._mended(put)

    async def start(self) -> None:
        """Also takes in what people removed of their own documents."""
        await self._mended(lambda: self._let_go(shared=False))

    async def bring_up_to_date(self) -> None:
        """The documents of a person come in when they are first searched here."""
        await self._mended(lambda: self._let_go(shared=True))

    async def follow(self) -> None:
        while True:
            self._told.clear()
            try:
                await self.bring_up_to_date()
            except StorageError as exc:
                log.warning("knowledge.full_text_failed", reason=str(exc))
                self._told.set()
                await asyncio.sleep(_FAILED_PAUSE_S)
            await self._told.wait()
            await asyncio.sleep(_FOLLOW_PAUSE_S)

    async def repair(self) -> tuple[int, int]:
        await self.bring_up_to_date()
        return await self._mended(self._repair_all)

    async def aclose(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        await self._file.close_readers()
        await self._run(self._file.close)
        self._thread.shutdown(wait=False)

    def _note(self, table: str | None) -> None:
        if table is None or table == bases.name:
            self._told.set()

    # --- the file --------------------------------------------------------------------------------

    async def _mended(self, work: Callable[[], Awaitable[T]]) -> T:
        """Work with the open file; where it is damaged it is made anew, and the work is done once
        more. Raises `StorageError`."""
        try:
            await self._open()
            return await work()
        except DamagedFile:
            log.warning("knowledge.full_text_damaged")
        async with self._opening:
            await self._file.close_readers()
            await self._run(self._file.remove)
            self._is_open = False
        try:
            await self._open()
            return await work()
        except DamagedFile as exc:
            raise StorageError("The file of full text is damaged again and again.") from exc

    async def _open(self) -> None:
        if not self._is_open:
            async with self._opening:
                if not self._is_open:
                    await self._run(self._file.open)
                    self._is_open = True

    async def _run(self, job: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Do something with the file, in its thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: job(*arguments, **options))

    # --- the database ----------------------------------------------------------------------------

    def _is_current(self, base: BaseRow) -> bool:
        known = self._file.followed.get(base.name)
        return (
            known is not None
            and known.complete
            and (known.generation, known.version) == (base.generation, base.version)
            and base.version > 0
        )

    async def _take_in(self, base: str) -> None:
        """Bring one base up to date, or let go of it if it is gone."""
        async with self._locks[base]:
            known = self._file.followed.get(base)
            found = await self._changes(base, known)
            if found and not found[0].version:  # it was written before it was followed
                await self._db.write(lambda connection: raise_version(connection, base))
                found = await self._changes(base, known)
            if not found:
                if known is not None:
                    await self._run(self._file.drop, base)
                    self._told.set()  # something may be left of it
                return
            generation, version = found[0].generation, found[0].version
            if known is not None and known == FollowedBase(
                generation, version, known.highest, complete=True
            ):
                return
            removed: list[int] = []
            if known is None or (known.generation, known.version) != (generation, found[0].at):
                known = FollowedBase(generation, version)
                await self._run(self._file.begin, base, known)
            else:
                removed = [number for row in found[1:] for number in json.loads(row.removed)]
            await self._read_passages(base, known, version, removed)

    async def _changes(self, base: str, known: FollowedBase | None) -> Sequence[Any]:
        """A base's generation and version, with its changes since the version that the file has,
        that one included if it is listed. Nothing where there is no such base."""
        listed = (changes.c.base == bases.c.name) & (changes.c.version <= bases.c.version)
        listed &= changes.c.version >= known.version if known is not None else sa.false()
        query = (
            sa.select(
                bases.c.generation,
                bases.c.version,
                changes.c.version.label("at"),
                changes.c.removed,
            )
            .join_from(bases, changes, listed, isouter=True)
            .where(bases.c.name == base)
            .order_by(changes.c.version)
        )
        async with self._db.read() as connection:
            return (await connection.execute(query)).all()

    async def _read_passages(
        self, base: str, known: FollowedBase, version: int, removed: Sequence[int]
    ) -> None:
        """Take in the passages that were added since, and out the removed ones.

        A passage that is added while these are read is in, too, or comes with the next version; one
        that is removed meanwhile goes with that.
        """
        purge = _is_private(base)
        while True:
            query = (
                select_entries(base, known.generation)
                .where(passages.c.number > known.highest)
                .order_by(passages.c.number)
                .limit(_READ_PASSAGES)
            )
            async with self._db.read() as connection:
                added = [Entry(*row) for row in await connection.execute(query)]
            highest = added[-1].number if added else known.highest
            done = len(added) < _READ_PASSAGES
            known = FollowedBase(
                known.generation, version if done else known.version, highest, complete=done
            )
            await self._run(self._file.change, base, known, removed, added, purge=purge)
            if removed and purge:
                self._told.set()
            if done:
                return
            removed = ()

    async def _let_go(self, *, shared: bool) -> None:
        """Take in what changed of people's own documents that are here, and with `shared` all that
        are for others, too; let go of what is gone, and of all traces."""
        async with self._db.read() as connection:
            columns = [bases.c[name] for name in BaseRow.__dataclass_fields__]
            rows = [BaseRow(*row) for row in await connection.execute(sa.select(*columns))]
        here = self._file.followed.keys()
        gone = here - {row.name for row in rows}
        behind = {row.name for row in rows if not self._is_current(row)}
        wanted = {name for name in behind if (name in here if _is_private(name) else shared)}
        for base in sorted(gone | wanted):
            await self._take_in(base)
        if not await self._run(self._file.scrub):
            self._told.set()

    async def _repair_all(self) -> tuple[int, int]:
        await self._run(self._file.drop_unknown_tables)
        added = removed = 0
        for base in [*self._file.followed]:
            async with self._locks[base]:
                came, went = await self._repair(base)
                added += came
                removed += went
        return added, removed

    async def _repair(self, base: str) -> tuple[int, int]:
        """Make the file hold the passages of a base, up to the number that it has come to."""
        known = self._file.followed.get(base)
        if known is None:
            return 0, 0
        query = select_entries(base, known.generation).where(passages.c.number <= known.highest)
        async with self._db.read() as connection:
            numbers = query.with_only_columns(passages.c.number)
            wanted = set(await connection.scalars(numbers))
        missing, wrong = await self._run(self._file.repair, base, wanted)
        some = sorted(missing)
        for at in range(0, len(some), _READ_PASSAGES):
            part = query.where(passages.c.number.in_(some[at : at + _READ_PASSAGES]))
            async with self._db.read() as connection:
                entries = [Entry(*row) for row in await connection.execute(part)]
            await self._run(self._file.change, base, known, (), entries, purge=False)
        return len(missing), wrong


def _is_private(base: str) -> bool:
    """Whether a base belongs to one person (`bot.knowledge.access`)."""
    return base.startswith("@")
