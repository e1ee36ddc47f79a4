from __future__ import annotations

from dataclasses import replace

import pytest

from bot.commands.checks import is_admin
from bot.commands.declaration import Completion
from bot.errors import NotFound
from plugins.help import command_names, greet, help_, stop
from plugins.model_switch import model
from plugins.settings import settings
from tests.unit.plugins.stage import ANN, HERE, Stage, authorizer


async def test_help_is_made_from_the_commands(on: Stage) -> None:
    text = (await on.call(help_, options={})).text
    assert "- `/ask QUESTION`: Answer from the team's documents, with sources." in text
    assert text.index("/ask") < text.index("/rap") < text.index("/help")
    on.services = replace(on.services, written=lambda platform, call: f"<{platform} {call}>")
    text = (await on.call(help_, options={})).text
    assert "- <discord /ask QUESTION>: Answer" in text
    assert text.endswith("<discord /help NAME> tells more about one of them.")
    text = (await on.call(help_, options={"about": "ask"})).text
    assert text.startswith("<discord /ask QUESTION [model=…]>")
    assert "- <discord /ask how do I write a skill?>" in text


async def test_one_command_is_explained_with_its_options_and_examples(on: Stage) -> None:
    for name in ("rap", "/rap", "RAP"):
        text = (await on.call(help_, options={"about": name})).text
        assert "- `rounds`: How many verses each (2 unless given)" in text
        assert "- `matchup`: Who battles whom: A vs B (required)" in text
        assert "- `/rap Ada Lovelace vs Charles Babbage`" in text
    assert "Ask about this" in (await on.call(help_, options={"about": "ask"})).text


async def test_an_unknown_command_gets_the_nearest(on: Stage) -> None:
    with pytest.raises(NotFound, match="Did you mean /rap"):
        await on.call(help_, options={"about": "wrap"})
    with pytest.raises(NotFound, match="Write /help"):
        await on.call(help_, options={"about": "zzz"})


async def test_people_are_not_shown_what_they_may_not_use(on: Stage) -> None:
    commands = (replace(settings, check=is_admin), model)
    on.services = replace(on.services, commands=commands, authorize=authorizer(commands))
    assert "/settings" not in (await on.call(help_, options={})).text
    assert "/settings" in (await on.call(help_, options={}, admin=True)).text
    with pytest.raises(NotFound):
        await on.call(help_, options={"about": "settings"})


async def test_names_of_commands_are_completed(on: Stage) -> None:
    assert await command_names(Completion("/h", ANN, HERE, on.services)) == ["help"]


async def test_who_says_nothing_is_greeted_with_examples_of_what_they_may_use(
    on: Stage,
) -> None:
    text = (await on.run(greet, on.context(""))).text
    assert [line for line in text.splitlines() if line.startswith("- ")] == [
        "- `/ask how do I write a skill?`",
        "- `/rap Ada Lovelace vs Charles Babbage`",
    ]
    assert text.endswith("`/help` lists everything.")
    on.services = replace(on.services, commands=(replace(settings, check=is_admin), model))
    on.services = replace(on.services, authorize=authorizer(on.services.commands))
    text = (await on.run(greet, on.context(""))).text
    assert "/settings" not in text
    assert "/model list" in text
    assert "/help" not in text


async def test_stop_says_whether_there_was_something_to_stop(on: Stage) -> None:
    assert (await on.call(stop, options={})).notices == ["Nothing is being written here."]
    on.stopper.running = 1
    assert (await on.call(stop, options={})).notices == ["Stopped."]
