"""The examples that the commands declare are shown as help, so they must work."""

from __future__ import annotations

import pytest

from backends.scripted.backend import ScriptedBackend
from bot.commands.declaration import Command, Example
from bot.installation import SHIPPED_PLUGINS
from bot.skills.plugin_loader import load_plugins
from bot.testing import Parlance, running_skills
from tests.fakes.announcing import KeyedPlatform

PLUGINS = load_plugins(SHIPPED_PLUGINS, installed=False)
EXAMPLES = [
    pytest.param(command, example, id=example.call)
    for command in PLUGINS.commands
    for example in command.examples
]
PAGE = "<html><head><title>News</title></head><body><p>The lighthouse is lit.</p></body></html>"


@pytest.mark.parametrize(("command", "example"), EXAMPLES)
async def test_an_example_gets_an_answer(command: Command, example: Example) -> None:
    assert example.call.startswith(f"/{command.name}")
    async with running_skills(
        plugins=SHIPPED_PLUGINS,
        models=[ScriptedBackend("default"), ScriptedBackend("other")],  # a duel needs two
        pages={"https://example.com/article": PAGE},
    ) as parlance:
        parlance.documents.put("Plugins", "How do I write a skill? Write a plugin.")
        await parlance.say("Good morning, everyone.")
        with parlance.core.connect(KeyedPlatform()):  # a reminder is for who is known to be there
            answer = await parlance.say(example.call, admin=True)
    assert answer.state == "complete", answer.text
    assert answer.text
    assert example.says in answer.text


def test_every_shipped_plugin_loads_and_has_a_command_with_an_example() -> None:
    assert PLUGINS.problems == ()
    without = [command.name for command in PLUGINS.commands if not command.examples]
    assert without == ["stop", "mydata", "forget", "allow", "console"]


async def test_the_shipped_commands_and_menus_fit_what_platforms_allow() -> None:
    for command in PLUGINS.commands:
        assert len(command.description) <= 100
        assert len(command.options) <= 25
        assert all(1 <= len(option.description) <= 100 for option in command.options)
    menus = [command.menu for command in PLUGINS.commands if command.menu]
    assert sorted(menus) == ["Add to documents", "Ask about this", "Summarise"]
    assert max(map(len, menus)) <= 24


@pytest.mark.parlance(plugins=list(SHIPPED_PLUGINS), replies=["A short poem."])
async def test_the_fixture_of_plugin_authors_talks_like_a_person(parlance: Parlance) -> None:
    answer = await parlance.say("Write a poem")
    assert (answer.text, answer.state) == ("A short poem.\n\n" + answer.notices[0], "complete")
    assert answer.notices == ("Plain conversation, not from the documents.",)
    assert (await parlance.say("/docs list base=x", user="bob")).state == "refused"
    assert await parlance.complete("help", "about", "ra") == ["rap"]
    files = {"note.txt": "Buy milk."}
    assert "Buy milk." in (await parlance.say("Read it", attachments=files)).text
