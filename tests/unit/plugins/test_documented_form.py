"""The form of the documentation is what it says, on every surface."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.adapters.discord.inbound import modal_views as on_discord
from bot.adapters.forms import needs_form
from bot.adapters.slack.command_names import CommandNames
from bot.adapters.slack.inbound import modal_views as on_slack
from bot.commands.declaration import Command
from bot.testing import Parlance, running_skills

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "plugins.md").read_text()


@pytest.fixture
async def parlance(tmp_path: Path) -> AsyncIterator[Parlance]:
    """A core with the example."""
    section = DOCUMENT.partition("\n## Forms\n")[2].partition("\n## ")[0]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert code is not None
    place = tmp_path / "plugins"
    place.mkdir()
    (place / "minutes.py").write_text(code[1])
    async with running_skills(plugins=["plugins.chat"], folders=[place], folder=tmp_path) as core:
        assert core.plugins.problems == ()
        yield core


@pytest.fixture
def minutes(parlance: Parlance) -> Command:
    return next(c for c in parlance.core.commands if c.name == "minutes")


async def test_it_opens_where_the_text_is_missing(minutes: Command) -> None:
    given = {"meeting": "Monday"}
    assert needs_form(minutes, given)
    assert not needs_form(minutes, {**given, "said": "We met."})
    modal = on_discord.build_form(minutes, 1, given)
    assert modal is not None
    fields = [field["component"] for field in modal.to_dict()["components"]]
    assert [(f.get("value"), f["style"]) for f in fields] == [("Monday", 1), (None, 2)]
    view = on_slack.build_form(minutes, "C1", given, CommandNames())
    assert view is not None
    elements = {block["block_id"]: block["element"] for block in view["blocks"]}
    assert elements["meeting"]["initial_value"] == "Monday"
    assert elements["said"]["multiline"]


async def test_without_forms_the_handler_says_what_to_write(parlance: Parlance) -> None:
    refused = await parlance.say("/minutes meeting=Monday")
    assert refused.state == "refused"
    assert refused.text == 'Write it like /minutes Monday said="We met."'
    answer = await parlance.say('/minutes Monday said="We met."')
    assert answer.text == "**Monday**\n\n- We met."
