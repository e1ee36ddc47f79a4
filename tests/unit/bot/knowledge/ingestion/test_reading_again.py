"""Documents that an older release read: brought up to date once, free where nothing changed."""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path

import sqlalchemy as sa

from bot.knowledge.index.tables import documents
from bot.knowledge.loading.registry import LOADERS_VERSION
from bot.knowledge.service import KnowledgeService
from bot.values import Ingested
from tests.unit.bot.knowledge.conftest import Drain, Room

TOPICS = ("apples", "bridges", "castles", "dragons")


def states(events: list[Ingested]) -> dict[str, str]:
    return {Path(e.location).stem: e.state for e in events}


async def digests(room: Room) -> dict[str, str]:
    async with room.database.read() as connection:
        rows = await connection.execute(sa.select(documents.c.title, documents.c.digest))
        return {row.title: row.digest for row in rows}


async def test_what_older_loaders_read_is_read_once_more(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    for topic in TOPICS:
        room.file(f"{topic}.md", f"# About {topic}\n\nEverything about {topic} is here.\n")
    apples = room.file("apples.md", "# About apples\n\nE v e r y t h i n g about apples.\n")
    await drain(service.add(str(apples.parent)))
    await drain(service.add_bytes("typed.md", b"# Typed\n\nBy hand."))

    # As an earlier release left it: no mark, and another text was made of one document's bytes.
    apples.write_text("# About apples\n\nEverything about apples is here.\n")
    digest = hashlib.blake2b(apples.read_bytes(), digest_size=16).hexdigest()
    found = apples.stat()
    stat = {"digest": digest, "size": found.st_size, "modified_ns": found.st_mtime_ns}

    def age(connection: sa.Connection) -> None:
        bare = sa.func.substr(documents.c.digest, sa.func.instr(documents.c.digest, ":") + 1)
        connection.execute(sa.update(documents).values(digest=bare))
        here = documents.c.location == str(apples)
        connection.execute(sa.update(documents).where(here).values(stat))

    await room.database.write(age)
    assert not [digest for digest in (await digests(room)).values() if ":" in digest]
    room.backend.embedded.clear()
    assert states(await drain(service.sync())) == {
        "apples": "changed",
        "bridges": "unchanged",
        "castles": "unchanged",
        "dragons": "unchanged",
    }
    assert {
        text for call in room.backend.embedded for text in call if "apples" not in text
    } == set()
    assert room.backend.embedded
    assert (await service.search("apples")).passages[0].text.startswith("Everything")
    marks = await digests(room)
    assert ":" not in marks.pop("Typed")  # nothing is kept of it that could be read again
    assert all(digest.startswith(f"{LOADERS_VERSION}:") for digest in marks.values())

    # From here on size and time tell enough: what is in a file is not even looked at.
    state = apples.stat()
    apples.write_bytes(b"x" * state.st_size)
    os.utime(apples, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert set(states(await drain(service.sync())).values()) == {"unchanged"}
    assert (await service.verify()).clean


async def test_verify_finds_what_an_older_release_read_and_reads_it_again(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    guide = room.file("guide.md", "# Guide\n\nEverything about apples is here.\n")
    await drain(service.add(str(guide)))
    await drain(service.add_bytes("typed.md", b"# Typed\n\nBy hand."))
    assert await service.outdated() == []

    # As an older release left it: its mark, and the text as Markdown.
    old = {"digest": "1:aa", "text": zlib.compress(b"# Guide\n\n**E**verything about apples.")}
    await room.database.write(
        lambda connection: connection.execute(sa.update(documents).values(old)) and None
    )
    assert sorted(await service.outdated()) == sorted([str(guide), "typed.md"])
    document = next(one for one in await service.list() if one.location == str(guide))
    assert await service.text(document.id) == "# Guide\n\nEverything about apples."
    assert states(await drain(service.read_outdated())) == {"guide": "changed"}
    assert await service.outdated() == ["typed.md"]
    assert "is here" in await service.text(document.id)
    assert (await service.verify()).clean
