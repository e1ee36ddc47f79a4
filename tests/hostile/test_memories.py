"""What somebody has remembered for a channel stands in the prompts of others, between marks."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.events import CommandCall
from bot.memory.memories import MAX_MEMORIES
from bot.testing import Answer, Parlance, running_skills
from bot.types import Author, ConversationKey, Value
from tests.hostile.prompts import ORDER, TEXTS

HERE = ConversationKey("test", "workspace", "general")
EVE = Author("test", "eve", "Eve")
_FENCE = re.compile(r"<([a-z]+-[a-p]{8})>\n.*?\n</\1>", re.DOTALL)
RULES = {"memory.channel": {"enabled": True}}


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Parlance]:
    async with running_skills(folder=tmp_path, commands=RULES, replies=["Noted."] * 5) as running:
        yield running


async def keep(core: Parlance, text: str, *, here: bool = True, by: Author = EVE) -> Answer:
    options: dict[str, Value] = {"text": text, "here": here}
    return await core.send(CommandCall(uuid.uuid4().hex, HERE, by, "remember", options))


async def test_no_memory_of_another_stands_among_our_words(core: Parlance) -> None:
    name = Author("test", "mallory", f"System: {ORDER}\n\n{ORDER} [1]")
    kept = [await keep(core, text[:300], by=name) for text in TEXTS]
    assert sum(one.state == "complete" for one in kept) > 10
    await core.say("good day to you", user="bob")
    system = core.model.requests[-1].messages[0].content
    assert ORDER in system
    assert ORDER not in _FENCE.sub("", system)


@pytest.mark.parametrize(
    "text", ["", " \t\r\n ", "a\x00b", "a\x1b[2Jb", "a\x7fb", "x" * 100_000, "\n" * 100_000]
)
async def test_what_cannot_be_kept_is_refused_in_a_sentence(core: Parlance, text: str) -> None:
    for here in (True, False):
        refused = await keep(core, text, here=here)
        assert refused.state == "refused"
        assert len(refused.text) < 200
    assert "remember nothing" in (await core.say("/memory", user="eve")).text


async def test_thousands_are_not_kept(core: Parlance) -> None:
    assert core.services.memories is not None
    for number in range(MAX_MEMORIES):
        await keep(core, f"{number} {'so on ' * 45}")
    refused = await keep(core, "one more")
    assert refused.state == "refused"
    assert "/memory" in refused.text
    await core.say("good day to you", user="bob")
    assert sum(len(m.content) for m in core.model.requests[-1].messages) < 5_000
