"""What the bot says by itself where its model is very small."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from backends.base import Capabilities
from backends.scripted.backend import ScriptedBackend
from bot.answering.small_model import courtesy, is_small
from bot.errors import Refused
from bot.prompting.templates import JinjaPrompts
from bot.skills.services import Searching
from bot.types import ConversationKey
from plugins.ask_docs import ask
from plugins.chat import answer
from plugins.summarize import summarize
from tests.unit.plugins.stage import HERE, PROMPTS, TERMINAL, Said, Stage, attachment, stage

GOLDEN = Path(__file__).parents[3] / "golden"
NOTE = "I run on a very small model, which is often wrong; "
PAGE = """# Lamps

A lamp of the first order burns colza oil every night until dawn.

- Ships see the lamp from twenty miles away, in clear weather.
- The keeper trims the wick of the lamp every evening before dusk.

```
run the lamp = yes and then some more words in code.
```

| a | table of the lamp | with many words in it | and more |

Whoever keeps a lamp of the first order writes down each ship that passes."""


class Tiny(ScriptedBackend):
    """A model that says how few weights it has."""

    async def capabilities(self) -> Capabilities:
        return replace(await super().capabilities(), parameters=135_000_000)


@pytest.fixture
async def tiny(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose model is very small."""
    backend = Tiny("default", replies=["Nonsense."], cycle=True)
    async with stage(tmp_path, backend, commands=(ask, summarize)) as made:
        yield made


async def hear(on: Stage, said: str, conversation: ConversationKey = HERE) -> Said:
    return await on.run(answer, on.context(said, conversation=conversation))


@pytest.mark.parametrize(("parameters", "small"), [(0, False), (135_000_000, True), (10**9, False)])
def test_small_is_what_is_known_to_be_small(parameters: int, small: bool) -> None:
    assert is_small(Capabilities(parameters=parameters)) is small


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        *((said, "greeting") for said in ("hello", "Hi!", "Good morning, everyone :)", "¡Hola!")),
        *((said, "thanks") for said in ("Thanks a lot!!", "thank you, that helped", "Danke schön")),
        *((said, "who") for said in ("Who are you?", "hello, what’s your name?", "Hi. Help!")),
        *((said, "health") for said in ("Hi there, how are you?", "ça va ?")),
        *((said, "farewell") for said in ("Goodbye", "good night, all")),
        *((said, "") for said in ("", "?", "hello world program in C", "Who are you voting for?")),
        *((said, "") for said in ("thanks, and how do I add documents?", "hi " * 80, "lamps")),
    ],
)
def test_a_courtesy_is_known_and_nothing_else_passes_for_one(said: str, kind: str) -> None:
    assert courtesy(said) == kind


def test_no_question_to_our_pages_passes_for_a_courtesy() -> None:
    for name in ("parlance", "followups"):
        golden = yaml.safe_load((GOLDEN / f"{name}.yaml").read_text("utf-8"))
        for one in golden["questions"]:
            assert one["documents"] == "none" or courtesy(one["question"]) == ""
    talk = yaml.safe_load((GOLDEN / "smalltalk.yaml").read_text("utf-8"))["questions"]
    known = [one["question"] for one in talk if courtesy(one["question"])]
    assert len(known) > 30
    assert not [one for one in talk if one["documents"] != "none" and one["question"] in known]


async def test_a_greeting_is_answered_without_the_model(tiny: Stage) -> None:
    said = await hear(tiny, "Hello!")
    assert said.text.startswith("Hello! What can I do for you?")
    assert "- `/ask how do I write a skill?`\n- `/summarize " in said.text
    assert (await hear(tiny, "thanks")).text == "You are welcome!"
    assert (await hear(tiny, "who are you?")).text.startswith("I am Parlance, a chat bot.")
    assert list(tiny.backend.requests) == []


async def test_other_talk_is_the_models_own(tiny: Stage) -> None:
    assert (await hear(tiny, "Tell me about penguins")).text == "Nonsense."


async def test_what_the_model_is_is_said_once_in_a_conversation(tiny: Stage) -> None:
    said = await hear(tiny, "hello")
    assert said.notices == [NOTE + "ask the person who runs me for a larger one."]
    await tiny.remember(("hello", said.text))
    for again in ("hello", "Tell me about penguins"):
        assert not [one for one in (await hear(tiny, again)).notices if one.startswith(NOTE)]
    assert (await hear(tiny, "hello", TERMINAL)).notices == [
        NOTE + "`parlance setup model` proposes a larger one."
    ]


async def test_a_larger_model_greets_by_itself(on_large: Stage) -> None:
    said = await hear(on_large, "hello")
    assert said.text == "You said: hello"
    assert not [one for one in said.notices if one.startswith(NOTE)]


@pytest.fixture
async def on_large(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose model does not say how large it is."""
    async with stage(tmp_path, ScriptedBackend("default")) as made:
        yield made


async def test_a_question_is_answered_with_the_quotation_alone(tiny: Stage) -> None:
    tiny.shelf.put("Tea", "How do I make tea? Boil water until it sings, and wait for a minute.")
    tiny.shelf.put("Logs", "The logs rotate every night with logrotate.")
    said = await tiny.call(ask, options={"question": "How do the logs rotate every night?"})
    assert said.text == "> The logs rotate every night with logrotate. [1]"
    assert said.sources == [1]
    assert [one.title for one in said.explanation.passages] == ["Logs"]
    assert list(said.explanation.left_out) == ["Tea"]
    assert said.notices == [NOTE + "ask the person who runs me for a larger one."]
    assert list(tiny.backend.requests) == []


async def test_a_prompt_for_small_models_is_theirs_where_a_question_is_rewritten_too(
    tiny: Stage, tmp_path: Path
) -> None:
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "rewrite.small.j2").write_text("Say it alone: {{ question }}", encoding="utf-8")
    prompts = await asyncio.to_thread(JinjaPrompts, [folder, PROMPTS])
    tiny.services = replace(tiny.services, prompts=prompts, searching=Searching(rewrite=True))
    tiny.shelf.put("Logs", "The logs rotate every night with logrotate.")
    await tiny.remember(("Which logs are there?", "Many."))
    await tiny.call(ask, options={"question": "How do the logs rotate every night?"})
    assert tiny.prompts() == ["Say it alone: How do the logs rotate every night?"]


async def test_where_no_sentence_fits_the_passage_itself_is_quoted(tiny: Stage) -> None:
    tiny.shelf.put("Ports", "port: 8080\nlogs: rotate")
    said = await tiny.call(ask, options={"question": "How do logs rotate?"})
    assert said.text == "> port: 8080 logs: rotate [1]"


@pytest.mark.parametrize("style", ["bullets", "prose"])
async def test_a_summary_is_made_of_the_texts_own_sentences_and_says_so(
    style: str, tiny: Stage
) -> None:
    files = (attachment("lamps.md", PAGE),)
    said = await tiny.call(summarize, options={"style": style}, attachments=files)
    head, _, made = said.text.partition("\n\n")
    assert head == "In the text's own words:"
    sentences = made.removeprefix("- ").split("\n- ") if style == "bullets" else [made]
    assert len(sentences) == (4 if style == "bullets" else 1)
    for sentence in sentences if style == "bullets" else made.replace(". ", ".\n").split("\n"):
        assert sentence in PAGE
    assert made.startswith("- A lamp of" if style == "bullets" else "A lamp of")
    assert "code" not in made
    assert "table" not in made
    assert list(tiny.backend.requests) == []
    again = await tiny.call(summarize, options={"style": style}, attachments=files)
    assert again.text == said.text


async def test_a_text_without_a_sentence_is_refused(tiny: Stage) -> None:
    with pytest.raises(Refused, match="no whole sentence"):
        await tiny.call(summarize, options={}, attachments=(attachment("a.txt", "a = 1\nb = 2"),))
