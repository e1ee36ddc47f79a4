"""What a newcomer does first, told once: the shipped skills in a running core."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.base import Backend, EngineContext
from backends.files.catalog import CHAT_FILE
from backends.files.store import ModelStore
from backends.registry import load_engines
from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import Reply
from bot.events import CommandCall, ContextMessage
from bot.installation import SHIPPED_PLUGINS
from bot.testing import Parlance, running_skills
from bot.types import Author, ConversationKey
from tests.until import until

PAGE = "<html><head><title>Lamps</title></head><body><article>{}</article></body></html>"
LONG = "".join(f"<p>Chapter {n}. {'The lamp burns oil. ' * 60}</p>" for n in range(8))
WEB = {
    "https://example.com/lamps": PAGE.format("<p>A lamp burns colza oil every night.</p>"),
    "https://example.com/long": PAGE.format(LONG),
}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Parlance]:
    """The shipped skills, with two models: one that speaks plainly and one with little room."""
    replies = (
        Reply("A part.", match="The text above is part"),
        Reply("- Lamps burn oil.", match="Summarise the text above"),
        Reply("Every night [1][5].", match="Question: When does"),
        Reply("I burn!", match="rap battle"),
    )
    models: list[Backend] = [
        ScriptedBackend("default", replies=replies, context=1500),
        ScriptedBackend("other", replies=("Other here.",), cycle=True),
    ]
    async with running_skills(
        plugins=SHIPPED_PLUGINS, models=models, pages=WEB, folder=tmp_path
    ) as running:
        running.documents.put("Lamps", "When does the lamp burn? It burns every night.")
        yield running


async def test_the_first_five_lines_of_a_newcomer_get_five_answers(here: Parlance) -> None:
    asked = await here.say("/ask When does the lamp burn?")
    assert asked.text == "Every night [1]."
    assert [source.title for source in asked.sources] == ["Lamps"]
    summary = await here.say("/summarize https://example.com/lamps")
    assert summary.text == "- Lamps burn oil."
    battle = await here.say("/rap Ada Lovelace vs Charles Babbage")
    assert battle.text.count("I burn!") == 4
    assert "answers here" in (await here.say("/model list")).text
    hello = await here.say("hello")
    assert hello.text.startswith("You said: hello")
    assert {a.state for a in (asked, summary, battle, hello)} == {"complete"}


async def test_a_conversation_goes_on_across_commands(here: Parlance) -> None:
    await here.say("/ask When does the lamp burn?")
    await here.say("/model list")
    await here.say("Thank you")
    said = [message.content for message in here.model.requests[-1].messages[1:]]
    assert said == ["When does the lamp burn?", "Every night.", "Thank you"]  # [1] is not here now


async def test_a_switch_of_models_takes_effect_at_once_and_is_kept(here: Parlance) -> None:
    assert (await here.say("/model use other channel")).state == "refused"
    assert (await here.say("/model use other here")).text == (
        "other now answers you in this channel."
    )
    assert (await here.say("hello")).text.startswith("Other here.")
    assert (await here.say("hello", channel="elsewhere")).text.startswith("You said: hello")
    await here.say("/model use other channel", admin=True, channel="elsewhere")
    assert (await here.say("hello", channel="elsewhere")).text.startswith("Other here.")


async def test_a_long_page_shows_how_far_it_is(here: Parlance) -> None:
    answer = await here.say("/summarize https://example.com/long style=prose")
    assert answer.text == "- Lamps burn oil."
    steps = [status for status in answer.states if status.total]
    assert steps[-1].done == steps[-1].total
    assert len(here.model.requests) == (steps[-1].total or 0) + 1


async def test_a_persona_that_an_admin_sets_is_spoken_at_once(here: Parlance) -> None:
    set_for_all = "/settings set persona You are a pirate. scope=channel"
    assert (await here.say(set_for_all)).state == "refused"
    said = await here.say("/settings set persona You are a pirate.", admin=True)
    assert said.state == "complete"
    await here.say("Good morning")
    assert here.model.requests[-1].messages[0].content.startswith("You are a pirate.")
    await here.say("/settings clear persona", admin=True)
    await here.say("Good morning")
    assert "pirate" not in here.model.requests[-1].messages[0].content


async def test_what_a_person_chooses_in_a_channel_holds_for_them_alone(here: Parlance) -> None:
    said = await here.say("/settings set persona You are a pirate.")
    assert "for you in this channel" in said.text
    said = await here.say("/model use other")
    assert said.text == "other now answers you in this channel."
    assert (await here.say("hello")).text.startswith("Other here.")
    await here.say("Good morning", user="bob")
    assert "pirate" not in here.model.requests[-1].messages[0].content
    said = await here.say("/model use other", user="bob", direct=True)
    assert said.text == "other now answers you here."
    assert (await here.say("hello", user="bob", direct=True)).text.startswith("Other here.")
    assert not (await here.say("hello", user="bob")).text.startswith("Other here.")


async def test_a_person_can_have_themselves_forgotten(here: Parlance) -> None:
    await here.say("My number is 42")
    await here.say("My number is 43", user="bob")
    assert "confirm=yes" in (await here.say("/forget")).text
    assert "Forgotten: 2 turns are deleted." in (await here.say("/forget confirm=yes")).text
    place = str(ConversationKey("test", "workspace", "general"))
    kept = await here.services.history.recent(place)
    assert [turn.text for turn in kept if turn.role == "user"] == ["My number is 43"]


async def test_a_long_message_can_be_used_from_its_menu(here: Parlance) -> None:
    message = ContextMessage(
        "Bob", "When does the lamp burn? " + "I have wondered about it. " * 300
    )
    place = ConversationKey("test", "workspace", "general")
    admin = Author("test", "ann", "Ann", frozenset({"admin"}))
    for number, name in enumerate(("ask", "summarize", "docs")):
        call = CommandCall(f"menu{number}", place, admin, name, target=message)
        assert (await here.send(call)).state == "complete"
    assert [document.base for document in here.documents.documents.values()] == ["default"]


async def test_stop_ends_the_answer_and_keeps_what_was_written(tmp_path: Path) -> None:
    slow = ScriptedBackend("default", replies=("word " * 10_000,), tokens_per_s=500)
    async with running_skills(plugins=SHIPPED_PLUGINS, models=[slow], folder=tmp_path) as running:
        answer = asyncio.create_task(running.say("Count"))
        await until(lambda: slow.active)
        await asyncio.sleep(0.05)
        assert (await running.say("/stop")).text == "Stopped."
        ended = await answer
    assert ended.state == "cancelled"
    assert ended.view.text.startswith("word")
    assert slow.active == 0


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("/summarise https://example.com", "Did you mean /summarize?"),
        ("/rap Ada", "Name two performers"),
        ("/rap A vs B rounds=9", "rounds must be at most 5, not 9."),
        ("/rap A vs B ronuds=2", "Did you mean rounds=?"),
        ("/ask", "question is missing. Write: /ask QUESTION"),
        ("/ask " + "x" * 4001, "question is too long: 4,001 characters"),
        ("/ask a\x07b", "holds control characters; please send plain text."),
        ("/ask What? model=defualt", "There is no model named 'defualt'. Did you mean default?"),
        ("/model use gpt-5", "There is no model named 'gpt-5'."),
        ("/summarize ftp://example.com/x", "There is no page"),
        ("/summarize ../etc/passwd", "Give a URL such as"),
        ("/docs add https://example.com/x", "Only admins can do this."),
        ("/help wrap", "Did you mean /rap?"),
    ],
)
async def test_bad_input_gets_one_sentence(line: str, sentence: str, here: Parlance) -> None:
    answer = await here.say(line)
    assert answer.state == "refused"
    assert sentence in answer.text
    assert "\n" not in answer.text
    assert list(here.model.requests) == []


# --- the real default model ----------------------------------------------------------------------


@pytest.fixture
async def real(chat_model_path: Path, model_store: ModelStore) -> AsyncIterator[Backend]:
    """The default model. One thread: others may be computing on this machine, too."""
    engine = load_engines(["llama_cpp"])["llama_cpp"]
    options = engine.options.model_validate(
        {
            "source": CHAT_FILE.source,
            "sha256": CHAT_FILE.sha256,
            "context": 1024,
            "n_threads": 1,
            "seed": 7,
        }
    )
    backend = engine.create("default", options, EngineContext(model_store, lambda name: None))
    yield backend
    await backend.aclose()


async def test_the_real_model_answers_from_a_document_and_talks(
    real: Backend, tmp_path: Path
) -> None:
    async with running_skills(
        plugins=SHIPPED_PLUGINS, models=[real], folder=tmp_path, patience_s=100
    ) as running:
        assert (await real.capabilities()).family == "smollm2"
        running.documents.put("Lamps", "The lamp of the lighthouse burns every night until dawn.")
        asked = await running.say("/ask When does the lamp of the lighthouse burn?")
        assert asked.state == "complete"
        assert "night" in asked.view.text
        assert [source.title for source in asked.sources] == ["Lamps"]
        assert not re.search(r"\[[^1]\]", asked.view.text)
        battle = await running.say("/rap tea vs coffee rounds=1")
        assert battle.view.text.startswith("**tea**\n\n")
        assert "**coffee**\n\n" in battle.view.text
