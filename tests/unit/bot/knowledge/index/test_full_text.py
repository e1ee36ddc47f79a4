"""Full text: a table for each base, so that no base's words change what another's are worth."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from bot.knowledge.index.full_text import (
    Frequencies,
    WantedWords,
    combine_frequencies,
    count_frequencies,
    find_passages,
    table_name,
)
from bot.knowledge.service import KnowledgeService
from bot.storage.database import Database
from bot.storage.engine import sync_engine
from bot.storage.migrations import alembic_config
from bot.types import Author
from bot.values import SearchResult
from tests.unit.bot.knowledge.conftest import Drain, Room, on_both_engines

LAMPS = "".join(
    f"# Lamp {n}\n\nThe lamp number {n} burns {oil} oil in the {place} every night.\n\n"
    for n, (oil, place) in enumerate([("colza", "tower"), ("whale", "cellar"), ("olive", "hall")])
)
ODD_NAMES = ("@discord:1", "a'; DROP TABLE turns; --", 'x"y', "ü" * 60, "", "knowledge_fts")
QUESTIONS = ("which oil burns in the tower?", "what does whale oil do", "zanzibar", "hello")


async def search_all(service: KnowledgeService) -> list[SearchResult]:
    return [await service.search(one, bases=["default"]) for one in QUESTIONS]


@on_both_engines
async def test_a_private_base_full_of_a_word_changes_nothing_for_others(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    await drain(service.add_bytes("lamps.md", LAMPS.encode()))
    before = await search_all(service)
    assert before[0].passages
    stuffed = "\n\n".join(f"# Oil {n}\n\nTower oil burns, zanzibar tower." for n in range(120))
    await drain(service.add_bytes("mine.md", stuffed.encode(), base="@discord:2"))
    assert await search_all(service) == before
    await service.forget(Author("discord", "2", "Eve"))
    assert await search_all(service) == before


@on_both_engines
async def test_several_bases_are_ranked_as_one(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    """A word that every passage of a small base has is worth what it is worth in all of them."""
    many = "\n\n".join(f"# Bread {n}\n\nLoaf {n} bakes in an oven." for n in range(60))
    await drain(service.add_bytes("bread.md", many.encode(), base="default"))
    await drain(service.add_bytes("lamp.md", b"# Lamp\n\nThe lamp burns.", base="@slack:U1"))
    found = await service.search("does the lamp burn?", bases=["@slack:U1", "default"])
    assert found.evidence
    best = found.passages[0]
    assert best.base == "@slack:U1"
    alone = await service.search("does the lamp burn?", bases=["@slack:U1"])
    assert best.lexical > alone.passages[0].lexical


async def test_a_base_that_is_taken_out_while_it_is_searched(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    await drain(service.add_bytes("lamps.md", LAMPS.encode()))
    table = table_name("default")
    await room.database.write(
        lambda connection: connection.execute(sa.text(f"DROP TABLE {table}")) and None
    )
    found = await service.search("which oil burns in the tower?")
    assert found.passages  # by meaning alone
    assert found.passages[0].lexical == 0.0
    verified = await service.verify()
    assert (verified.full_text_added, verified.full_text_removed) == (3, 0)
    assert (await service.search("which oil burns in the tower?")).passages[0].lexical > 0
    assert (await service.verify()).clean


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_a_name_of_a_base_never_stands_in_a_statement(room: Room, name: str) -> None:
    assert table_name(name).removeprefix("knowledge_fts_").isalnum()
    assert len({table_name(one) for one in ODD_NAMES}) == len(ODD_NAMES)


async def test_a_base_that_is_gone_leaves_no_table(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    await drain(service.add_bytes("lamps.md", LAMPS.encode(), base="@discord:2"))
    assert len(await tables(room.database)) == 1
    await service.forget(Author("discord", "2", "Eve"))
    assert await tables(room.database) == []
    await drain(service.add_bytes("lamps.md", LAMPS.encode(), base="@discord:2"))
    await room.database.write(
        lambda connection: connection.execute(sa.text("DELETE FROM knowledge_bases")) and None
    )
    await service.verify()
    assert await tables(room.database) == []


async def tables(database: Database) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%'"
    async with database.read() as connection:
        return list(await connection.scalars(sa.text(query)))


def test_what_words_weigh() -> None:
    one = Frequencies(10, {"rare": 1, "common": 9, "none": 0})
    assert one.idf(["rare"]) == pytest.approx(1.8458, abs=1e-4)
    assert one.idf(["common"]) == 1e-6
    assert one.idf(["none"]) > one.idf(["rare"])


class TestMigration:
    def test_what_was_indexed_is_parted_by_base_and_put_together_again(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "parlance.db"
        engine = sync_engine(path)
        with engine.begin() as connection:
            command.upgrade(alembic_config(connection), "0003")
        names = ["default", "@discord:1", "it's"]
        with engine.begin() as connection:
            for n, name in enumerate(names, 1):
                connection.execute(
                    sa.text("INSERT INTO knowledge_bases VALUES (:name, 'e', 4, 1, 0)"),
                    {"name": name},
                )
                connection.execute(
                    sa.text(
                        "INSERT INTO knowledge_passages "
                        "VALUES (:n, :id, :name, 1, 'd', 0, '', '', '')"
                    ),
                    {"n": n, "id": f"p{n}", "name": name},
                )
                connection.execute(
                    sa.text(
                        "INSERT INTO knowledge_fts (rowid, title, heading, body) "
                        "VALUES (:n, 'lamps', '', :body)"
                    ),
                    {"n": n, "body": f"word{n} burning"},
                )
        for _ in range(2):
            with engine.begin() as connection:
                command.upgrade(alembic_config(connection), "0004")
            for n, name in enumerate(names, 1):
                found = "SELECT rowid FROM {0} WHERE {0} MATCH 'burn'".format(table_name(name))
                with engine.begin() as connection:
                    assert list(connection.scalars(sa.text(found))) == [n]
            with engine.begin() as connection:
                command.downgrade(alembic_config(connection), "0003")
                every = "SELECT rowid FROM knowledge_fts WHERE knowledge_fts MATCH 'burn'"
                assert list(connection.scalars(sa.text(every))) == [1, 2, 3]
        engine.dispose()

    def test_messages_of_whom_nobody_knows_are_not_kept_on(self, tmp_path: Path) -> None:
        path = tmp_path / "parlance.db"
        engine = sync_engine(path)
        kept = (
            '{"files": [{"name": "a.md", "title": "A", "text": "mine", "cut": false}], "quotes": '
            '[{"author": "Eve", "text": "hers", "from_us": false, "id": "1", "files": [], '
            '"thread": false}, {"author": "bot", "text": "ours", "from_us": true, "id": "2", '
            '"files": [], "thread": false}], "target": null}'
        )
        with engine.begin() as connection:
            command.upgrade(alembic_config(connection), "0003")
            connection.execute(sa.text("INSERT INTO materials VALUES ('q', :kept)"), {"kept": kept})
        with engine.begin() as connection:
            command.upgrade(alembic_config(connection), "0004")
        engine.dispose()
        with closing(sqlite3.connect(path)) as file:
            (now,) = file.execute("SELECT kept FROM materials").fetchone()
        assert "hers" not in now
        assert "mine" in now
        assert "ours" in now


async def test_the_bases_of_a_database_of_before_are_found(tmp_path: Path, room: Room) -> None:
    """Opened as any other, after the copy that every migration makes."""
    path = tmp_path / "old" / "parlance.db"
    path.parent.mkdir()

    def make() -> None:
        engine = sync_engine(path)
        with engine.begin() as connection:
            command.upgrade(alembic_config(connection), "0003")
            connection.execute(sa.text("INSERT INTO knowledge_bases VALUES ('b', 'e', 4, 1, 0)"))
        engine.dispose()

    await asyncio.to_thread(make)
    database = await Database.open(path)
    assert await tables(database) == [table_name("b")]
    await database.close()


async def test_words_that_are_never_together_still_find_passages(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    await drain(service.add_bytes("lamps.md", LAMPS.encode()))
    words = ("whale", "olive")
    async with room.database.read() as connection:
        known = await count_frequencies(connection, words, ["default"], 2_000)
        overall = combine_frequencies(known, words, 2_000)
        for wanted in (WantedWords(words), WantedWords((), words)):
            assert len(await find_passages(connection, wanted, known, overall, 40)) == 2
