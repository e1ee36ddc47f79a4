"""What became of documents since a time, and what a change changed."""

from __future__ import annotations

import random
import subprocess
import sys
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.commands.time_words import parse_since
from bot.config.knowledge import KnowledgeSettings, VersionSettings
from bot.errors import NotFound
from bot.knowledge.changes import MAX_CHANGED_LINES, compare
from bot.knowledge.index.tables import documents, versions
from bot.knowledge.loading.registry import LOADERS_VERSION
from bot.knowledge.service import KnowledgeService
from bot.skills.document_tree import Heading, Paragraph
from bot.types import Author
from tests.unit.bot.knowledge.conftest import Drain, Room, on_both_engines

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LAMPS = "# Lamps\n\nSwitch the lamp off.\n\nLet it cool for {0}.\n\nThen change the bulb.\n"


async def kept_texts(room: Room) -> int:
    """How many earlier texts are kept."""
    async with room.database.read() as connection:
        query = sa.select(sa.func.count()).where(versions.c.before.is_not(None))
        return int(await connection.scalar(query) or 0)


@on_both_engines
async def test_what_was_added_changed_and_removed_is_listed_newest_first(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    lamp, door = room.file("lamp.md", LAMPS.format("an hour")), room.file("door.md", "# Doors\n\nA")
    await drain(service.add(str(room.path / "docs")))
    begun = datetime.now(UTC)
    lamp.write_text(LAMPS.format("a day"))
    door.unlink()
    await drain(service.sync())
    found = [(c.state, c.title, c.name) for c in await service.changes(LONG_AGO)]
    assert found[:2] == [("removed", "Doors", "door.md"), ("changed", "Lamps", "lamp.md")]
    assert sorted(found[2:]) == [("added", "Doors", "door.md"), ("added", "Lamps", "lamp.md")]
    assert [c.state for c in await service.changes(begun)] == ["removed", "changed"]
    assert await service.changes(datetime.now(UTC)) == []
    await drain(service.sync())  # nothing is other now
    assert len(await service.changes(LONG_AGO)) == 4


@on_both_engines
async def test_the_last_change_is_shown_and_all_since_a_time(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    path = room.file("lamp.md", LAMPS.format("an hour"))
    await drain(service.add(str(path)))
    with pytest.raises(NotFound, match="No earlier version of Lamps is kept"):
        await service.difference("Lamps")
    for time in ("a day", "a week"):
        path.write_text(LAMPS.format(time))
        await drain(service.sync())
    last = await service.difference("lamp.md")
    assert [(line.state, line.text) for line in last.lines] == [
        ("removed", "Let it cool for a day."),
        ("added", "Let it cool for a week."),
    ]
    both = await service.difference("Lamps", since=LONG_AGO)
    assert both.lines[0].text == "Let it cool for an hour."
    assert both.lines[-1].text == "Let it cool for a week."
    with pytest.raises(NotFound, match="There is no document 'Doors'"):
        await service.difference("Doors")


async def test_a_document_that_only_a_new_release_reads_otherwise_has_not_changed(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    path = room.file("lamp.md", LAMPS.format("an hour"))
    await drain(service.add(str(path)))

    def age(connection: sa.Connection) -> None:
        (digest,) = connection.scalars(sa.select(documents.c.digest))
        old = digest.replace(f"{LOADERS_VERSION}:", f"{LOADERS_VERSION - 1}:")
        text = zlib.compress(b"# Lamps\n\nRead badly.")  # as before there were blocks
        connection.execute(sa.update(documents).values(digest=old, text=text))

    await room.database.write(age)
    assert [e.state for e in await drain(service.sync())] == ["changed"]
    assert [c.state for c in await service.changes(LONG_AGO)] == ["added"]
    assert await kept_texts(room) == 0


@on_both_engines
async def test_so_many_versions_are_kept_and_no_more(room: Room, drain: Drain) -> None:
    settings = KnowledgeSettings(chunk_tokens=60, versions=VersionSettings(keep=3))
    service = room.service(settings)
    path = room.file("lamp.md", LAMPS.format("0 hours"))
    other = room.file("door.md", "# Doors\n\nAll about doors.")
    await drain(service.add(str(room.path / "docs")))
    for number in range(1, 6):
        path.write_text(LAMPS.format(f"{number} hours"))
        await drain(service.sync())
    assert await kept_texts(room) == 3
    oldest = await service.difference("Lamps", since=LONG_AGO)
    assert oldest.lines[0].text == "Let it cool for 2 hours."
    assert [c.title for c in await service.changes(LONG_AGO)] == ["Lamps"] * 3 + ["Doors"]
    assert other.exists()


@on_both_engines
async def test_what_is_too_old_goes_with_the_next_sync(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    path = room.file("lamp.md", LAMPS.format("an hour"))
    await drain(service.add(str(path)))
    path.write_text(LAMPS.format("a day"))
    await drain(service.sync())
    old = (datetime.now(UTC) - timedelta(days=91)).timestamp()
    statement = sa.update(versions).values(at=old)
    await room.database.write(lambda connection: connection.execute(statement) and None)
    assert len(await service.changes(LONG_AGO)) == 2
    await drain(service.sync())
    assert await service.changes(LONG_AGO) == []


async def test_nothing_is_kept_where_nothing_shall_be(room: Room, drain: Drain) -> None:
    settings = KnowledgeSettings(chunk_tokens=60, versions=VersionSettings(keep=0))
    service = room.service(settings)
    path = room.file("lamp.md", LAMPS.format("an hour"))
    await drain(service.add(str(path)))
    path.write_text(LAMPS.format("a day"))
    await drain(service.sync())
    await service.remove("Lamps")
    assert await service.changes(LONG_AGO) == []


async def test_what_a_removed_document_said_is_not_kept(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    path = room.file("lamp.md", LAMPS.format("an hour"))
    await drain(service.add(str(path)))
    path.write_text(LAMPS.format("a day"))
    await drain(service.sync())
    assert await kept_texts(room) == 1
    await service.remove("Lamps")
    assert await kept_texts(room) == 0
    assert [c.state for c in await service.changes(LONG_AGO)] == ["removed", "changed", "added"]


@on_both_engines
async def test_the_versions_of_a_forgotten_person_are_forgotten(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    for time in ("an hour", "a day"):
        text = LAMPS.format(time).encode()
        await drain(service.add_bytes("lamp.md", text, base="@slack:U1"))
    assert len(await service.changes(LONG_AGO, "@slack:U1")) == 2
    assert await service.changes(LONG_AGO, "default") == []
    await service.forget(Author("slack", "U1", "Ada"))
    async with room.database.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(versions)) == 0


async def test_a_search_finds_the_present_text_only(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    path = room.file("lamp.md", LAMPS.format("an hour"))
    await drain(service.add(str(path)))
    path.write_text(LAMPS.format("a day"))
    await drain(service.sync())
    found = await service.search("how long does the lamp cool?")
    assert "a day" in found.passages[0].text
    assert "an hour" not in found.passages[0].text
    assert (await service.verify()).clean


async def test_a_document_that_became_another_is_shown_in_part(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    rows = random.Random(1)
    path = room.file("log.md", "\n\n".join(f"Line {rows.random()}" for _ in range(2_000)))
    await drain(service.add(str(path)))
    path.write_text("\n\n".join(f"Line {rows.random()}" for _ in range(2_000)))
    await drain(service.sync())
    found = await service.difference("log.md")
    assert len(found.lines) == MAX_CHANGED_LINES
    assert found.more == 4_000 - MAX_CHANGED_LINES


def test_lines_are_compared_in_their_order() -> None:
    def text(*lines: str) -> list[Heading | Paragraph]:
        return [Heading(1, "Guide"), *(Paragraph(line) for line in lines)]

    found = compare(text("a", "b", "c", "d"), text("a", "x", "c", "d", "e"))
    assert [(one.state, one.text) for one in found] == [
        ("removed", "b"), ("added", "x"), ("added", "e"),
    ]  # fmt: skip
    assert compare(text("a", "b"), text("a", "b")) == []


def test_texts_made_to_be_hard_to_compare_are_compared_quickly() -> None:
    """A comparison line by line can take a time that grows with the cube of the lines."""
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (20, 20))\n"
        "from bot.knowledge.changes import compare\n"
        "from bot.skills.document_tree import Paragraph as P\n"
        "for n in (1_000, 40_000):\n"
        "    a = [P('ab'[i % 2] + 'cd'[i % 3 % 2]) for i in range(n)]\n"
        "    b = [P('ba'[i % 2] + 'dc'[i % 5 % 2]) for i in range(n)]\n"
        "    compare([P('x'), *a, P('y')], [P('z'), *b])\n"
    )
    root = Path(__file__).parents[4]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_time_is_written_as_people_do() -> None:
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    assert parse_since("7d", now) == now - timedelta(days=7)
    assert parse_since(" 12H ", now) == now - timedelta(hours=12)
    assert parse_since("2026-11-01", now) == datetime(2026, 11, 1, tzinfo=UTC)
    assert parse_since("999999w", now) is not None
    for words in ("lamp.md", "", "7 days", "0d", "-1d", "2026-13-01", "٧d"):
        assert parse_since(words, now) is None, words
