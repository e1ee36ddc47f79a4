"""What somebody may not use is neither done for them, on whatever way they ask, nor listed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.events import ActionCall, ContextMessage, Message
from bot.testing import Parlance, running_skills
from bot.types import Author, ConversationKey, View
from bot.values import Passage
from tests.fakes.plugin_folder import plugins_in

ROOT = Path(__file__).resolve().parents[2]
QUESTION = "When does the lamp burn?"
HERE = ConversationKey("test", "workspace", "general")
NOBODY = {"enabled": False}
STAFF = {"roles": ["test:staff"]}
ANN = Author("test", "ann", "Ann")
BOB = Author("test", "bob", "Bob", frozenset({"staff"}))

Run = Callable[..., AbstractAsyncContextManager[Parlance]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return partial(running_skills, folder=tmp_path)


def lamps(core: Parlance) -> Parlance:
    core.documents.put("Lamps", "When does the lamp burn? It burns every night.")
    return core


async def earlier(limit: int) -> list[ContextMessage]:
    said = ("The launch is on Monday.", "No, it is on Tuesday.")
    return [ContextMessage("Eve", text) for text in said]


def mention(text: str, author: Author = ANN) -> Message:
    return Message(f"m-{text[:9]}-{author.id}", HERE, author, text, earlier=earlier)


class TestMention:
    """With `/ask`, `/chat` and `/summarize` set to nobody a mention did all that they do."""

    async def test_without_ask_nothing_is_answered_from_documents(self, run: Run) -> None:
        async with run(commands={"ask": NOBODY}) as core:
            for answer in (
                await lamps(core).send(mention(QUESTION)),
                await core.say(f"/chat {QUESTION}"),
            ):
                assert answer.state == "complete"
                assert answer.sources == ()
                assert "burns every night" not in answer.text
            assert core.documents.queries == []
            prompts = [m.content for request in core.model.requests for m in request.messages]
            assert "burns every night" not in "".join(prompts)

    async def test_with_it_everything_is(self, run: Run) -> None:
        async with run() as core:
            assert (await lamps(core).send(mention(QUESTION))).sources

    async def test_in_chat_an_admin_says_the_same(self, run: Run) -> None:
        async with run() as core:
            await lamps(core).say("/settings set command.ask nobody", admin=True)
            assert not (await core.send(mention(QUESTION))).sources
            await core.say("/settings clear command.ask", admin=True)
            assert (await core.say(QUESTION)).sources

    async def test_without_chat_free_text_is_refused_in_a_sentence(self, run: Run) -> None:
        async with run(commands={"chat": NOBODY}) as core:
            answer = await lamps(core).send(mention(QUESTION))
            assert (answer.state, answer.text) == ("refused", "You may not use /chat here.")
            assert not core.model.requests
            assert (await core.say(f"/ask {QUESTION}")).sources, "the command is another one"

    async def test_without_summarize_the_channel_is_not_summed_up(self, run: Run) -> None:
        async with run(commands={"summarize": NOBODY}) as core:
            answer = await core.send(mention("sum up this channel"))
            assert (answer.state, answer.text) == ("refused", "You may not use /summarize here.")
            assert not core.model.requests

    async def test_a_role_may_what_others_may_not(self, run: Run) -> None:
        async with run(commands={"ask": STAFF, "summarize": STAFF}) as core:
            assert not (await lamps(core).send(mention(QUESTION))).sources
            assert (await core.send(mention(QUESTION, BOB))).sources
            assert (await core.send(mention("sum up this channel"))).state == "refused"
            assert (await core.send(mention("sum up this channel", BOB))).state == "complete"


class TestListed:
    @pytest.mark.parametrize("rule", [NOBODY, STAFF, {"admins_only": True}])
    async def test_help_lists_what_a_person_may_use(self, rule: Any, run: Run) -> None:
        hidden = ("ask", "chat", "summarize")
        async with run(commands=dict.fromkeys(hidden, rule)) as core:
            text = (await core.say("/help")).text
            assert [name for name in hidden if f"/{name}" in text] == []
            assert "Just write to me" not in text
            assert "/rap" in text
            for name in hidden:
                assert "There is no command" in (await core.say(f"/help {name}")).text
            assert await core.complete("help", "about", "") == sorted(
                [
                    *("help", "stop", "agent", "tools", "approvals", "remember", "memory"),
                    *("rap", "duel", "model", "docs", "settings", "mydata", "forget", "allow"),
                    *("connect", "console"),
                    *("remind", "schedule", "timezone"),
                ],
                key=_as_declared(core),
            )
            assert "/block" not in text

    async def test_nothing_is_suggested_for_a_command_one_may_not_use(self, run: Run) -> None:
        async with run(commands={"ask": NOBODY}) as core:
            assert await core.complete("ask", "model") == ()
            assert await core.complete("chat", "model") == ["default"]


def _as_declared(core: Parlance) -> Callable[[str], int]:
    return [command.name for command in core.services.commands].index


class TestDocuments:
    @pytest.fixture
    async def core(self, run: Run) -> AsyncIterator[Parlance]:
        async with run(commands={"docs.read": STAFF}) as core:
            yield lamps(core)

    WAYS: Mapping[str, str] = {
        "a mention": QUESTION,
        "ask": f"/ask {QUESTION}",
        "chat": f"/chat {QUESTION}",
        "search": f"/docs search {QUESTION}",
        "list": "/docs list",
        "search a base": f'/docs search "{QUESTION}" base=default',
        "list a base": "/docs list base=default",
    }

    @pytest.mark.parametrize("way", WAYS)
    async def test_are_read_by_who_may(self, way: str, core: Parlance) -> None:
        async for _ in core.documents.add_bytes("Lamps", b"It burns every night."):
            pass
        answer = await core.say(self.WAYS[way])
        assert "every night" not in answer.text + "".join(map(str, answer.sources))
        assert "Lamps" not in answer.text
        assert core.documents.queries == []

    async def test_titles_are_not_suggested_either(self, core: Parlance) -> None:
        async for _ in core.documents.add_bytes("Lamps", b"It burns every night."):
            pass
        given = ("docs", "what", "La")
        assert await core.core.complete(*given, BOB, HERE) == ["Lamps"]
        assert await core.core.complete(*given, ANN, HERE) == []

    async def test_a_source_is_shown_to_who_may_read_it(self, run: Run) -> None:
        async with run() as core:
            asked = await _ask(core)
            assert [item.base for item in asked.sources] == ["default"]
            await core.say("/settings set command.docs.read role:staff", admin=True)
            for action, kept in (("source", "not"), ("why", "**Model**")):
                ann = ActionCall(f"{action}-a", HERE, ANN, action, asked.turn, "1")  # type: ignore[arg-type]
                bob = ActionCall(f"{action}-b", HERE, BOB, action, asked.turn, "1")  # type: ignore[arg-type]
                shown = (await core.send(ann)).text
                assert kept in shown
                assert "Lamps" not in shown
                assert "Lamps" in (await core.send(bob)).text


async def _ask(core: Parlance) -> View:
    text = "When does the lamp burn? Every night."
    passage = Passage("1", "d", "Lamps", "/docs/lamps", "", text, base="default")
    core.documents.passages.append(passage)
    return (await core.say(f"/ask {QUESTION}")).view


class TestOwnActions:
    """A plugin asks for an action of its own, which the operator can set rules for; the plugin is
    the documentation's."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Iterator[Path]:
        page = (ROOT / "docs" / "plugins.md").read_text("utf-8")
        section = page[page.index("\n## Permission") :]
        shown = re.search(r"```python\n(.*?)```", section, re.DOTALL)
        assert shown is not None
        with plugins_in(tmp_path, poll=shown[1]):
            yield tmp_path

    async def test_it_is_decided_with_the_others(self, run: Run, folder: Path) -> None:
        rules = {"polls.close": {"admins_only": True}}
        async with run(folders=(folder,), commands=rules) as core:
            assert (await core.say("/poll")).text == "Vote!"
            assert (await core.say("/poll close=yes")).text == "You may not do this here."
            assert (await core.say("/poll close=yes", admin=True)).text == "The poll is closed."
            assert "Close it with" in (await core.say("/poll", admin=True)).text
