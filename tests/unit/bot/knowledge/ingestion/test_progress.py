"""How far an ingestion is, within a long document too."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

import pytest

from bot.cli.ingestion_view import show_ingestion
from bot.knowledge.service import KnowledgeService
from tests.unit.bot.knowledge.conftest import Drain, Room


def long_text(parts: int) -> str:
    return "".join(
        f"# Part {n}\n\n" + f"Number {n} is told of here. " * 8 + "\n\n" for n in range(parts)
    )


async def test_a_long_document_was_silent_until_it_was_done(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    room.file("a.md", "# Short\n\nA short one.")
    path = room.file("long.md", long_text(200))
    folder = str(path.parent)
    async with aclosing(service.add(folder)) as stream:
        events = [event async for event in stream]
    within = [event for event in events if event.within]
    assert len(within) > 3
    assert {Path(event.location).name for event in within} == {"long.md"}
    assert {event.state for event in within} == {"working"}
    total = within[0].passages_total
    assert [d.passages for d in await service.list() if d.location == str(path)] == [total]
    done = [event.passages for event in within]
    assert done == sorted(set(done))
    assert done[-1] < total
    assert all(event.done <= 1 and event.total == 2 for event in within)
    assert [event.done for event in events if not event.within] == [1, 2]

    async with aclosing(service.rebuild()) as stream:
        events = [event async for event in stream]
    assert any(event.within for event in events)
    assert [event.done for event in events if not event.within] == [1, 2, 2]

    # Of a changed one only what is new has to be done.
    path.write_text(long_text(200) + "# End\n\nThis is new.\n")
    async with aclosing(service.add(str(path))) as stream:
        events = [event async for event in stream]
    assert [event.within for event in events] == [f"{total} of {total + 1} passages", ""]


async def test_progress_within_a_document_is_not_printed_in_a_pipe(
    room: Room, service: KnowledgeService, capfd: pytest.CaptureFixture[str]
) -> None:
    states = await show_ingestion(service.add(str(room.file("long.md", long_text(100)))))
    assert states == {"added": 1}
    assert capfd.readouterr() == ("", "")
