"""What admins say to keep people out, and the bot quiet."""

from __future__ import annotations

import pytest

from bot.commands.access import parse_person
from bot.errors import UsageError
from bot.events import ActionCall
from bot.testing import Parlance
from bot.types import Author, ConversationKey

pytestmark = pytest.mark.parlance(replies=["A short poem."] * 9)


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("<@2>", "discord:2"),
        ("<@!2>", "discord:2"),
        ("<@U2|eve>", "discord:U2"),
        (" user:2 ", "discord:2"),
        ("80351110224678912", "discord:80351110224678912"),
        ("slack:U012", "slack:U012"),
        ("test:eve", "test:eve"),
        ("@ada:example.org", "discord:@ada:example.org"),
        ("user:@ada:example.org", "discord:@ada:example.org"),
        ("matrix:@ada:example.org", "matrix:@ada:example.org"),
    ],
)
def test_a_person_is_named_by_a_mention_or_an_id(text: str, person: str) -> None:
    assert parse_person(text, "discord") == person


@pytest.mark.parametrize("text", ["", "eve", "@eve", "@eve2", "<@&2>", "<#2>", "a b2", "2\n3"])
def test_what_may_be_anybody_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="Mention the person"):
        parse_person(text, "discord")


async def test_a_blocked_person_is_told_once_and_nothing_is_done(parlance: Parlance) -> None:
    said = await parlance.say("/block add user:eve", admin=True)
    assert said.text == "test:eve is blocked: I no longer answer them."
    first = await parlance.say("Write a poem", user="eve")
    assert first.state == "refused"
    assert first.text == "An admin has asked me not to answer you."
    assert first.view.notices[0].private
    for again in ("Write a poem", "/help", "/ask what"):
        assert (await parlance.say(again, user="eve")).text == ""
    assert not parlance.model.requests
    assert "A short poem." in (await parlance.say("Write a poem", user="bob")).text
    assert "test:eve" in (await parlance.say("/block list", admin=True)).text
    await parlance.say("/block remove user:eve", admin=True)
    assert (await parlance.say("/help", user="eve")).state == "complete"


async def test_a_blocked_person_presses_no_button(parlance: Parlance) -> None:
    answer = await parlance.say("Write a poem", user="eve")
    await parlance.say("/block add user:eve", admin=True)
    place = ConversationKey("test", "workspace", "general")
    eve, bob = Author("test", "eve", "Eve"), Author("test", "bob", "Bob")
    turn = answer.view.turn
    told = await parlance.send(ActionCall("b1", place, eve, "why", turn))
    assert told.text == "An admin has asked me not to answer you."
    assert (await parlance.send(ActionCall("b2", place, eve, "regenerate", turn))).text == ""
    assert "Model" in (await parlance.send(ActionCall("b3", place, bob, "why", turn))).text
    assert len(parlance.model.requests) == 1


async def test_people_are_not_offered_anything_where_they_are_not_let_in(
    parlance: Parlance,
) -> None:
    assert await parlance.complete("help", "about", "ra", user="eve") == ["rap"]
    await parlance.say("/block add user:eve", admin=True)
    assert list(await parlance.complete("help", "about", "ra", user="eve")) == []


@pytest.mark.parametrize("call", ["/block list", "/block add user:eve", "/pause", "/admins list"])
async def test_only_admins_keep_people_out(call: str, parlance: Parlance) -> None:
    said = await parlance.say(call)
    assert said.state == "refused"
    assert "admin" in said.text
    assert (await parlance.say("/help", user="eve")).state == "complete"


async def test_while_paused_only_commands_of_admins_are_answered(parlance: Parlance) -> None:
    said = await parlance.say("/pause here on reason=cleaning", admin=True)
    assert said.text == "Paused here. To end it, write /pause here off."
    told = await parlance.say("Write a poem")
    assert told.text == "I am paused here: cleaning. Please try again later."
    assert (await parlance.say("/help")).text == ""
    assert (await parlance.say("/help", admin=True, user="root")).state == "complete"
    assert (await parlance.say("Write a poem", channel="elsewhere")).state == "complete"
    assert len(parlance.model.requests) == 1
    said = await parlance.say("/pause here off", admin=True)
    assert said.text == "I answer again here."
    assert (await parlance.say("Write a poem")).state == "complete"
    assert (await parlance.say("/pause here off", admin=True)).text == "I was not paused here."


async def test_everywhere_is_everywhere(parlance: Parlance) -> None:
    await parlance.say("/pause everywhere on", admin=True)
    for channel in ("general", "elsewhere"):
        assert (await parlance.say("hello", channel=channel)).state == "refused"
    await parlance.say("/pause everywhere off", admin=True)
    assert (await parlance.say("hello")).state == "complete"


async def test_mistakes_say_what_is_missing(parlance: Parlance) -> None:
    assert "Say whom" in (await parlance.say("/block add", admin=True)).text
    assert "Mention the person" in (await parlance.say("/block add eve", admin=True)).text
    assert "was not blocked" in (await parlance.say("/block remove user:bob", admin=True)).text
    assert (await parlance.say("/allow something")).text == "I work here already."
    assert "Nobody" in (await parlance.say("/admins list", admin=True)).text
    assert "did not become" in (await parlance.say("/admins remove user:x", admin=True)).text
