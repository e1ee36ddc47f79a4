"""The search that explains itself, with the default embedder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from backends.files.store import ModelStore
from tests.unit.bot.console.conftest import Browser, Room, open_room

SCRIPT = "<script>alert(1)</script>"
LAMP = f"""# Lamps

## Bulbs `{SCRIPT}`

To change a bulb, switch the lamp off and wait ten minutes until it is cool. `{SCRIPT}`
"""
DIARY = "# Diary\n\nTo change a bulb I take my secret silver gloves.\n"


@pytest.fixture
async def room(tmp_path: Path, embedder_files: ModelStore) -> AsyncIterator[Room]:
    sections = {
        "models": {"default": {"backend": "scripted"}, "minilm": {"backend": "onnx"}},
        "embedder": "minilm",
        "models_dir": str(embedder_files.root),
    }
    async with open_room(tmp_path, **sections) as made:
        for name, text, base in (("lamps.md", LAMP, "default"), ("diary.md", DIARY, "@test:bob")):
            async for _ in made.app.knowledge.add_bytes(name, text.encode(), base=base):
                pass
        yield made


async def search(browser: Browser, query: str, base: str = "") -> httpx.Response:
    return await browser.get("/console/documents/search", params={"query": query, "base": base})


async def test_a_search_says_what_it_finds_and_what_would_become_of_it(room: Room) -> None:
    ann = await room.browser("ann")
    answered = (await search(ann, "How do I change a bulb?")).text
    assert "I would answer." in answered
    assert "ten minutes" in answered
    for column in ("Score", "Meaning", "Words", "Word by word"):
        assert f">{column}</th>" in answered
    assert "50% is needed" in answered
    assert "decides" in answered  # a model that reads may think otherwise
    absent = (await search(ann, "Who was the first emperor of Rome?")).text
    assert "not in the documents" in absent
    assert "needed to show them" in absent
    assert "<script>alert" not in answered
    assert "&lt;script&gt;" in answered
    assert (await search(ann, "x" * 5000)).status_code == 400
    assert "<script>alert" not in (await search(ann, SCRIPT, SCRIPT)).text


async def test_what_is_somebodys_own_is_found_by_them_alone(room: Room) -> None:
    words = "Which gloves change a bulb?"
    assert "secret silver" in (await search(await room.browser("bob"), words)).text
    for ident in ("ann", ""):
        browser = await room.browser(ident)
        for base in ("", "@test:bob"):
            assert "secret silver" not in (await search(browser, words, base)).text
