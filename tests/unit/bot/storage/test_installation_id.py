"""The id of an installation: made once, and never another installation's."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.storage.backups import back_up
from bot.storage.database import Database
from bot.storage.installation_id import installation_id, read_id
from bot.storage.restore import restore


async def find(path: Path, times: int = 1) -> set[str]:
    databases = [await Database.open(path) for _ in range(times)]
    try:
        return set(await asyncio.gather(*map(installation_id, databases)))
    finally:
        for database in databases:
            await database.close()


def test_all_processes_have_the_same_one(tmp_path: Path) -> None:
    path = tmp_path / "parlance.db"
    (first,) = asyncio.run(find(path, 3))
    assert len(first) == 16
    assert asyncio.run(find(path)) == {first}
    assert read_id(path) == first
    assert asyncio.run(find(tmp_path / "other" / "parlance.db")) != {first}


def test_a_backup_gives_no_other_installation_its_id(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "here" / "parlance.db", tmp_path / "there" / "parlance.db"
    asyncio.run(find(path))
    copy = back_up(path, tmp_path / "copy.db")
    restore(copy, elsewhere, tmp_path / "there" / "chroma")
    assert read_id(elsewhere) is None
    (new,) = asyncio.run(find(elsewhere))
    assert new != read_id(copy)

    restore(copy, elsewhere, tmp_path / "there" / "chroma")
    assert read_id(elsewhere) == new
    assert asyncio.run(find(elsewhere)) == {new}


def test_an_installation_whose_database_was_damaged_keeps_its_id(tmp_path: Path) -> None:
    path = tmp_path / "parlance.db"
    (ident,) = asyncio.run(find(path))
    copy = back_up(path, tmp_path / "copy.db")
    path.write_bytes(b"no database" * 1000)
    restore(copy, path, tmp_path / "chroma")
    assert asyncio.run(find(path)) == {ident}
