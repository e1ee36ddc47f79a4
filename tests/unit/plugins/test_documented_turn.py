"""The turn that waits in the documentation does what it says, also with a file and a restart."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.events import ActionCall
from bot.testing import Parlance, running_skills
from bot.types import Author, ConversationKey

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "plugins.md").read_text()
HERE = ConversationKey("test", "workspace", "general")
ANN = Author("test", "ann", "Ann")
BOB = Author("test", "bob", "Bob")
WITH_FILE = """
from bot.api import Context, Skill, Text, command, hookimpl


@command("keep", remember=True, takes_file=True)
async def keep(ctx: Context):
    \"\"\"Read a file, wait, and say it.\"\"\"
    page = await ctx.read(ctx.attachments[0])
    if ctx.resumed is None:
        await ctx.suspend({"seen": page.text}, buttons=[("yes", "Yes")])
    yield Text(f"{page.text} {ctx.resumed.state['seen']} {ctx.resumed.by}")


@hookimpl
def register_skills():
    return [Skill("keep", commands=(keep,))]
"""


def press(turn: str, value: str, author: Author = ANN) -> ActionCall:
    return ActionCall(uuid.uuid4().hex, HERE, author, "resume", turn, value)


@asynccontextmanager
async def running(folder: Path, *replies: str) -> AsyncIterator[Parlance]:
    section = DOCUMENT.partition("\n## Turns\n")[2].partition("\n## ")[0]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert code is not None
    place = folder / "plugins"
    place.mkdir(exist_ok=True)
    (place / "announcing.py").write_text(code[1])
    (place / "keeping.py").write_text(WITH_FILE)
    plugins = ["plugins.chat"]
    async with running_skills(
        plugins=plugins, folders=[place], folder=folder, replies=replies
    ) as core:
        assert core.plugins.problems == ()
        yield core


async def test_it_posts_what_was_approved_and_asks_the_model_once(tmp_path: Path) -> None:
    async with running(tmp_path, "The lamp is lit tonight.") as parlance:
        shown = await parlance.say("/announce the lamp")
        assert shown.state == "waiting"
        assert shown.text == "The lamp is lit tonight.\n\nShall I post it?"
        assert [a.label for a in shown.view.actions] == ["Post it", "Leave it"]
        denied = await parlance.send(press(shown.view.turn, "yes", BOB))
        assert denied.text == "Only the person who asked can decide this."
    async with running(tmp_path, "Another draft.") as parlance:
        answer = await parlance.send(press(shown.view.turn, "yes"))
        assert (answer.state, answer.text) == ("complete", "The lamp is lit tonight.")
        assert not parlance.model.requests


async def test_a_file_that_came_with_it_is_still_there(tmp_path: Path) -> None:
    async with running(tmp_path) as parlance:
        shown = await parlance.say("/keep", attachments={"gate.md": "The gate is green."})
        assert shown.state == "waiting"
    async with running(tmp_path) as parlance:
        answer = await parlance.send(press(shown.view.turn, "yes"))
        assert answer.text == "The gate is green. The gate is green. Ann"
