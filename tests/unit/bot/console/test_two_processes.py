"""The console of two processes behind a balancer that sends each request to either."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from tests.databases import ENGINES
from tests.unit.bot.console.chat_client import SLOW, Chat
from tests.unit.bot.console.conftest import Browser, People, open_room

BOTH = pytest.mark.parametrize("room_database", ENGINES[1:], indirect=True)


@BOTH
async def test_a_conversation_is_the_same_at_each_process(
    tmp_path: Path, room_database: dict[str, Any]
) -> None:
    said = {"models": {"default": SLOW, "embedder": {"backend": "scripted"}}, **room_database}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with (
        open_room(tmp_path / "one", People(), **said) as one,
        open_room(tmp_path / "two", People(), **said) as two,
    ):
        for room in (one, two):
            assert room.app.crew.membership is not None
            await room.app.crew.membership._beat()
        browser = await one.browser("bob")
        base = (await two.link("bob")).partition("/console")[0]
        here = Chat(browser)
        await here.send(" ".join(f"word{number}" for number in range(100)))
        there = Chat(Browser(browser.http, base), here.at)
        page = await there.page()  # at once, whatever is stored of it by then
        assert "word99" in page
        async with there.stream() as stream:
            await stream.until("You said: word0")
            await stream.until("word99</p>", "Regenerate")
        await there.send("and then?")
        await there.shows("You said: and then?", "👍")
        page = await here.shows("You said: and then?", "👍")
        assert page.count('class="entry answered complete"') == 2
        # A document that is added at one process is listed by the other while it is read.
        knowledge = one.app.knowledge
        added = knowledge.add_bytes("lamps.md", b"# Lamps\n\nA light.", base="default", by="")
        async with aclosing(added) as steps:
            await anext(steps)
            answer = await there.browser.get("/console/documents/jobs?base=default")
            assert "lamps.md" in answer.text
            assert "hx-refresh" not in answer.headers
        answer = await there.browser.get("/console/documents/jobs?base=default")
        assert answer.headers["hx-refresh"] == "true"
