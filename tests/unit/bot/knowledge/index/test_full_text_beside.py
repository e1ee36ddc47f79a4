"""Full text beside a PostgreSQL server: each process has a file of it, and ranks as SQLite does."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from bot.errors import StorageError
from bot.knowledge.index.full_text import table_name
from bot.knowledge.index.full_text_home import FILE_NAME
from bot.knowledge.index.full_text_log import raise_version
from bot.knowledge.index.store import KnowledgeStore
from bot.knowledge.index.tables import bases, changes, documents, passages, versions
from bot.knowledge.retrieval.golden import load_golden
from bot.knowledge.service import KnowledgeService
from bot.storage.address import DatabaseAddress, ServerAddress
from bot.storage.database import Database
from bot.types import Author
from bot.values import SearchResult
from tests.fakes.postgresql import PostgresqlServer
from tests.unit.bot.knowledge.conftest import Drain, Room
from tests.until import until

ROOT = Path(__file__).parents[5]
GOLDEN = load_golden(ROOT / "tests" / "golden" / "parlance.yaml", half="test")
EVE = Author("discord", "2", "Eve")
WORD = "quixotical"
LAMPS = "# Lamps\n\nThe lamp burns colza oil in the tower.\n"
TOPICS = ("apples", "bridges", "castles", "dragons")


class Process(Room):
    """One of several processes on one database, with a folder of its own."""

    def file(self, name: str = FILE_NAME, text: str | bytes = b"") -> Path:
        return super().file(name, text) if text else self.path / name

    def left(self, word: str = WORD) -> list[str]:
        """The files of full text that have a word somewhere."""
        found = sorted(self.path.glob(f"{FILE_NAME}*"))
        return [path.name for path in found if word.encode() in path.read_bytes()]

    def numbers(self, base: str = "default") -> set[int]:
        """The passages that the file has."""
        with closing(sqlite3.connect(self.file())) as file:
            return {row[0] for row in file.execute(f"SELECT id FROM {table_name(base)}_docsize")}

    async def has_all(self, base: str = "default") -> bool:
        """Whether the file has the passages that the database has."""
        query = sa.select(passages.c.number).join(
            bases,
            (bases.c.name == passages.c.base) & (bases.c.generation == passages.c.generation),
        )
        async with self.database.read() as connection:
            wanted = set(await connection.scalars(query.where(bases.c.name == base)))
        return bool(wanted) and self.numbers(base) == wanted


@pytest.fixture
def server_address(postgresql: PostgresqlServer) -> Iterator[ServerAddress]:
    address = postgresql.create()
    yield address
    postgresql.drop(address)


@asynccontextmanager
async def process(folder: Path, address: DatabaseAddress, room: Room) -> AsyncIterator[Process]:
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    async with AsyncExitStack() as stack:
        database = await Database.open(address)
        stack.push_async_callback(database.close)
        yield Process(folder, database, room.backend, room.web, stack)


@pytest.fixture
async def one(tmp_path: Path, server_address: ServerAddress, room: Room) -> AsyncIterator[Process]:
    async with process(tmp_path / "one", server_address, room) as made:
        yield made


@pytest.fixture
async def two(tmp_path: Path, server_address: ServerAddress, room: Room) -> AsyncIterator[Process]:
    async with process(tmp_path / "two", server_address, room) as made:
        yield made


def write_topics(room: Room, topics: Sequence[str] = TOPICS) -> str:
    for topic in topics:
        room.file(f"{topic}.md", f"# About {topic}\n\nEverything about {topic} is written here.\n")
    return str(room.path / "docs")


async def lexical(service: KnowledgeService, question: str) -> list[str]:
    """The titles that full text finds, best first."""
    found = await service.search(question)
    return [one.title for one in found.passages if one.lexical > 0]


def what_matters(found: SearchResult) -> list[object]:
    """A result without the times at which documents were read."""
    shown = (*found.passages, *found.further)
    ranked = [(one.id, one.score, one.dense, one.lexical) for one in shown]
    return [found.evidence, found.confidence, found.relatedness, *ranked]


async def test_both_engines_find_the_same_passages_in_the_same_order(
    room: Room, one: Process, drain: Drain
) -> None:
    """And score them the same, and judge them the same, for some of our own questions."""
    places: list[Room] = [room, one]
    found = []
    for place in places:
        service = place.service()
        for name in ("admins", "permissions", "agent"):
            await drain(service.add(str(ROOT / "docs" / f"{name}.md")))
        own = b"# Mine\n\nThe permissions of the bot, and what else is written in files."
        await drain(service.add_bytes("mine.md", own, base="@discord:2"))
        results = [
            await service.search(golden.question, bases=names)
            for golden in GOLDEN[::8]
            for names in (["default"], ["default", "@discord:2"])
        ]
        found.append([what_matters(one) for one in results])
    assert sum(len(result) for result in found[0]) > 400
    assert found[0] == found[1]


async def test_what_one_process_changes_the_other_finds(
    one: Process, two: Process, drain: Drain
) -> None:
    first, second = one.service(), two.service()
    folder = write_topics(one)
    await drain(first.add(folder))
    assert await lexical(second, "castles") == ["About castles"]
    assert await two.has_all()
    one.file("castles.md", "# About mines\n\nEverything about mines is here.\n")
    await asyncio.to_thread(Path(folder, "dragons.md").unlink)
    one.file("engines.md", "# About engines\n\nEverything about engines is written here.\n")
    await drain(first.sync())
    assert await lexical(second, "castles") == []
    assert await lexical(second, "dragons") == []
    assert await lexical(second, "mines") == ["About mines"]
    assert await lexical(second, "engines") == ["About engines"]
    assert await two.has_all()
    await first.remove("About apples")
    assert await lexical(second, "apples") == []
    await drain(first.rebuild())
    assert await lexical(second, "bridges") == ["About bridges"]
    assert await two.has_all()
    assert (await second.verify()).full_text_added == 0


@contextmanager
def statements() -> Iterator[list[str]]:
    """What PostgreSQL is asked within the block."""
    asked: list[str] = []

    def note(connection: Connection, _: Any, statement: str, *rest: Any) -> None:
        if connection.dialect.name == "postgresql":
            asked.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


async def test_a_search_where_nothing_changed_asks_no_more_than_it_must(
    one: Process, two: Process, drain: Drain
) -> None:
    first, second = one.service(), two.service()
    await drain(first.add(write_topics(one)))
    await second.search("castles")
    with statements() as asked:
        await second.search("castles")
    assert len(asked) == 3  # the bases, the passages, their neighbours
    await drain(first.add_bytes("more.md", b"# More\n\nWhale oil."))
    with statements() as asked:
        assert await lexical(second, "whale") == ["More"]
    assert len(asked) == 5  # what changed, and the passages that are new


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def scribble(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def make_other_schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("DROP TABLE followed")
        file.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("harm", [Path.unlink, truncate, scribble, make_other_schema])
async def test_a_file_that_cannot_be_used_is_made_anew(
    one: Process, drain: Drain, harm: Any
) -> None:
    service = one.service()
    await drain(service.add(write_topics(one)))
    assert await lexical(service, "castles") == ["About castles"]
    assert one.file().stat().st_mode & 0o777 == 0o600
    await service.aclose()
    harm(one.file())
    service = one.service()
    assert await lexical(service, "castles") == ["About castles"]
    assert await one.has_all()
    assert one.file().stat().st_mode & 0o777 == 0o600


async def test_a_file_that_is_damaged_while_it_is_open_is_made_anew(
    one: Process, drain: Drain
) -> None:
    service = one.service()
    await drain(service.add(write_topics(one)))
    assert await lexical(service, "castles") == ["About castles"]
    await service.aclose()
    service = one.service()
    await service.start()
    data = one.file().read_bytes()
    one.file().write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    assert await lexical(service, "castles") == ["About castles"]
    assert await one.has_all()


async def test_a_file_that_is_too_far_behind_is_written_anew(
    one: Process, two: Process, drain: Drain
) -> None:
    first, second = one.service(), two.service()
    await drain(first.add(write_topics(one)))
    assert await lexical(second, "castles") == ["About castles"]
    await first.remove("About castles")

    def change(connection: Connection) -> None:
        for _ in range(210):
            raise_version(connection, "default")

    await one.database.write(change)
    assert await lexical(second, "castles") == []
    assert await two.has_all()
    async with one.database.read() as connection:
        kept = await connection.scalar(sa.select(sa.func.count()).select_from(changes))
    assert kept == 200


async def test_a_database_that_was_put_back_is_followed_from_there(
    tmp_path: Path,
    room: Room,
    server_address: ServerAddress,
    postgresql: PostgresqlServer,
    drain: Drain,
) -> None:
    """Passages have the numbers again that others had, after as many changes."""
    async with process(tmp_path / "one", server_address, room) as before:
        await drain(before.service().add(write_topics(before)))
    backup = await asyncio.to_thread(_copy, postgresql, server_address)
    async with process(tmp_path / "one", server_address, room) as before:
        service = before.service()
        await drain(service.add_bytes("b.md", b"# Lost\n\nWhale oil."))
        assert await lexical(service, "whale") == ["Lost"]
        numbers = before.numbers()
    async with process(tmp_path / "one", backup, room) as restored:
        service = restored.service()
        await drain(service.add_bytes("c.md", b"# Found\n\nOlive oil."))
        assert await lexical(service, "whale") == []
        assert await lexical(service, "olive") == ["Found"]
        assert restored.numbers() == numbers
    await asyncio.to_thread(postgresql.drop, backup)


def _copy(server: PostgresqlServer, address: DatabaseAddress) -> ServerAddress:
    """A copy of a database that nobody uses."""
    assert isinstance(address, ServerAddress)
    name = f"{address.url.database}copy"
    server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{address.url.database}"')
    return server.address(name)


async def test_a_base_that_was_written_by_another_engine_is_taken_in(
    one: Process, two: Process, drain: Drain
) -> None:
    """Its rows came from SQLite, where nothing is counted; and once before from elsewhere."""
    first, second = one.service(), two.service()
    await drain(first.add(write_topics(one)))
    assert await lexical(second, "castles") == ["About castles"]

    def move(connection: Connection) -> None:
        connection.execute(sa.delete(passages).where(passages.c.text.contains("castles")))
        connection.execute(sa.update(bases).values(version=0))
        connection.execute(sa.delete(changes))

    await one.database.write(move)
    assert await lexical(second, "castles") == []
    assert await lexical(second, "apples") == ["About apples"]
    assert await two.has_all()


async def test_nothing_is_left_of_a_forgotten_person_in_any_process(
    one: Process, two: Process, room: Room, server_address: ServerAddress, drain: Drain
) -> None:
    first, second = one.service(), two.service()
    await drain(first.add(write_topics(one)))
    text = f"# Diary\n\n{WORD} secrets.\n" + "\n".join(f"{WORD}{n} is mine." for n in range(300))
    await drain(first.add_bytes("diary.md", text.encode(), base="@discord:2"))
    async with process(room.path / "three", server_address, room) as three:
        third = three.service()
        for service in (first, second, third):
            assert (await service.search(WORD, bases=["@discord:2", "default"])).passages
        await third.aclose()
    assert all(place.left() for place in (one, two, three))
    following = asyncio.create_task(second.follow())
    await asyncio.sleep(0)
    await first.forget(EVE)
    assert one.left() == []
    await until(lambda: not two.left())
    following.cancel()
    await asyncio.wait([following])
    assert three.left()  # it was not running
    async with process(three.path, server_address, room) as again:
        await again.service().start()
        assert again.left() == []
    assert await lexical(second, "castles") == ["About castles"]


async def test_nothing_is_left_of_what_a_person_removed_or_changed(
    one: Process, two: Process, drain: Drain
) -> None:
    first, second = one.service(), two.service()
    await drain(first.add(write_topics(one), base="@discord:2"))
    await drain(first.add_bytes("a.md", f"# {WORD}\n\n{WORD}.".encode(), base="@discord:2"))
    await second.search(WORD, bases=["@discord:2"])
    assert two.left()
    following = asyncio.create_task(second.follow())
    await drain(first.add_bytes("a.md", b"# Changed\n\nNothing.", base="@discord:2"))
    await until(lambda: not two.left())
    found = await second.search("castles", bases=["@discord:2"])
    assert [one.title for one in found.passages if one.lexical > 0] == ["About castles"]
    following.cancel()
    await asyncio.wait([following])


async def test_what_a_person_has_for_themselves_is_where_they_ask(
    one: Process, two: Process, drain: Drain
) -> None:
    first, second = one.service(), two.service()
    await drain(first.add(write_topics(one)))
    await drain(first.add_bytes("a.md", f"# {WORD}\n\n{WORD}.".encode(), base="@discord:2"))
    following = asyncio.create_task(second.follow())
    await until(lambda: two.file().exists() and two.left("castles"))
    following.cancel()
    await asyncio.wait([following])
    assert two.left() == []
    await second.search(WORD, bases=["@discord:2"])
    assert two.left()


async def test_two_processes_that_read_a_folder_at_once_double_nothing(
    one: Process, two: Process, drain: Drain
) -> None:
    topics = [f"topic{n}" for n in range(40)]
    folder = write_topics(one, topics)
    first, second = one.service(), two.service()
    await asyncio.gather(drain(first.add(folder)), drain(second.add(folder)))
    async with one.database.read() as connection:
        stored = (await connection.execute(sa.select(passages.c.id, passages.c.document))).all()
        added = list(await connection.scalars(sa.select(versions.c.document)))
        known = set(await connection.scalars(sa.select(documents.c.id)))
    assert len(stored) == len(known) == len(topics)
    assert {row.document for row in stored} == known
    assert sorted(added) == sorted(known)
    for service in (first, second):
        assert await lexical(service, "topic7") == ["About topic7"]
    assert await one.has_all()
    assert await two.has_all()


async def test_a_number_is_never_given_again(one: Process, drain: Drain) -> None:
    """A file takes the passages in that have higher numbers than those that it has."""
    service = one.service()
    await drain(service.add(write_topics(one)))
    await drain(service.add_bytes("a.md", LAMPS.encode()))
    await lexical(service, "lamp")
    before = one.numbers()
    await service.remove("Lamps")
    await drain(service.add_bytes("a.md", LAMPS.encode()))
    assert await lexical(service, "lamp") == ["Lamps"]
    assert max(one.numbers()) > max(before)


async def test_what_is_read_for_a_base_that_was_rebuilt_meanwhile_is_refused(
    one: Process, drain: Drain
) -> None:
    service = one.service()
    await drain(service.add(write_topics(one)))
    store = KnowledgeStore(one.database)
    row, *_ = await store.documents()
    await drain(service.rebuild())
    with pytest.raises(StorageError, match="rebuilt or removed meanwhile"):
        await store.remove(row, 1)
    assert await lexical(service, "apples") == ["About apples"]


async def test_verify_puts_the_file_right(one: Process, drain: Drain) -> None:
    service = one.service()
    await drain(service.add(write_topics(one)))
    await service.search("castles")
    table = table_name("default")
    wrong = max(one.numbers()) + 100
    with closing(sqlite3.connect(one.file())) as file, file:
        file.execute(f"DELETE FROM {table} WHERE rowid IN (SELECT min(id) FROM {table}_docsize)")
        file.execute(f"INSERT INTO {table} (rowid, body) VALUES ({wrong}, 'nobody')")
        file.execute("CREATE VIRTUAL TABLE knowledge_fts_0 USING fts5(title)")
    verified = await service.verify()
    assert (verified.full_text_added, verified.full_text_removed) == (1, 1)
    assert await one.has_all()
    assert (await service.verify()).clean
    with closing(sqlite3.connect(one.file())) as file:
        found = file.execute("SELECT name FROM sqlite_master WHERE name = 'knowledge_fts_0'")
        assert found.fetchall() == []


async def test_a_database_that_was_moved_to_sqlite_has_full_text_of_its_own(
    room: Room, drain: Drain
) -> None:
    """Out of the file nobody would take what is forgotten, and versions would not rise."""
    path = room.path / FILE_NAME
    path.write_bytes(WORD.encode())
    service = room.service()
    await drain(service.add(write_topics(room)))

    def move(connection: Connection) -> None:
        raise_version(connection, "default")
        connection.execute(sa.text(f"DROP TABLE {table_name('default')}"))

    await room.database.write(move)
    await service.start()
    assert not path.exists()
    assert await lexical(service, "castles") == ["About castles"]
    async with room.database.read() as connection:
        assert await connection.scalar(sa.select(bases.c.version)) == 0
