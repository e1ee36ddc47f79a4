"""The buttons that a command puts below its answer and answers itself."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.commands.declaration import command
from bot.errors import Busy, PluginError
from bot.skills.button_press import ButtonPress
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.types import Action, Actions, ConversationKey, Part, Text
from tests.fakes.core import ADA, BOB, HERE, ROOT, Bench

PRESSED: list[ButtonPress] = []


async def pressed(press: ButtonPress) -> str:
    PRESSED.append(press)
    match press.value:
        case "busy":
            raise Busy(5, "Not just now.")
        case "wrong":
            raise ZeroDivisionError
        case "exit":
            raise SystemExit(3)
    return f"{press.asker.author.name} took {press.value}."


@command("poll", pressed=pressed)
async def poll(ctx: Context) -> AsyncIterator[Part]:
    """Hold a poll."""
    yield Text("Tea or coffee?")
    yield Actions((Action("press", "Tea", "tea"), Action("press", "Coffee", "coffee")))


@command("plain")
async def plain(ctx: Context) -> AsyncIterator[Part]:
    """Say something."""
    yield Text("plain")


@pytest.fixture
def bench() -> Bench:
    PRESSED.clear()
    return Bench((Skill("polls", commands=(poll, plain)),))


async def test_whoever_sees_the_answer_presses_and_is_told_alone(bench: Bench) -> None:
    shown = await bench.say(bench.call("poll"))
    assert [(one.name, one.label) for one in shown.actions] == [
        ("press", "Tea"),
        ("press", "Coffee"),
    ]
    for author in (ADA, BOB, ROOT):
        told = await bench.say(bench.press("press", shown.turn, author, value="tea"))
        assert told.audience == "asker"
        assert [(n.text, n.private) for n in told.notices] == [(f"{author.name} took tea.", True)]
    assert [(p.turn, p.asker.author, p.own, p.asker.admin) for p in PRESSED] == [
        (shown.turn, ADA, True, False),
        (shown.turn, BOB, False, False),
        (shown.turn, ROOT, False, True),
    ]


async def test_a_value_may_be_anything(bench: Bench) -> None:
    shown = await bench.say(bench.call("poll"))
    told = await bench.say(bench.press("press", shown.turn, value="tea@home"))
    assert told.notices[0].text == "Ada took tea@home."


async def test_who_cannot_see_the_answer_presses_nothing(bench: Bench) -> None:
    shown = await bench.say(bench.call("poll"))
    there = ConversationKey("test", "work", "elsewhere")
    told = await bench.say(bench.press("press", shown.turn, BOB, there, value="tea"))
    assert told.state == "refused"
    assert (await bench.say(bench.press("press", "nothing", value="tea"))).state == "refused"
    assert PRESSED == []


async def test_a_command_without_buttons_answers_none(bench: Bench) -> None:
    shown = await bench.say(bench.call("plain"))
    told = await bench.say(bench.press("press", shown.turn, value="tea"))
    assert told.state == "refused"


@pytest.mark.parametrize(
    ("value", "state", "words"),
    [
        ("busy", "refused", "Not just now."),
        ("wrong", "failed", "Something went wrong on our side."),
        ("exit", "failed", "Something went wrong on our side."),
    ],
)
async def test_one_that_fails_is_told_to_who_pressed(
    bench: Bench, value: str, state: str, words: str
) -> None:
    shown = await bench.say(bench.call("poll"))
    told = await bench.say(bench.press("press", shown.turn, BOB, HERE, value=value))
    assert told.state == state
    assert told.notices[0].text.startswith(words)
    assert told.notices[0].private


def test_what_answers_buttons_is_a_coroutine() -> None:
    with pytest.raises(PluginError, match="what answers its buttons"):

        @command("poll", pressed=lambda press: "no")  # type: ignore[arg-type,return-value]
        async def poll(ctx: Context) -> None:
            """Hold a poll."""
