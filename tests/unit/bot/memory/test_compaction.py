"""What has no room in a prompt any more is summed up, and the summary goes with what it is of."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.base import Capabilities, ChatRequest
from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import Reply, ScriptedCall
from bot.events import ActionCall, Message, MessageDeleted
from bot.history.protocol import Summary
from bot.testing import Answer, Parlance, running_skills
from bot.types import Author, ConversationKey
from tests.until import until

THREAD = ConversationKey("test", "workspace", "general", thread="1")
ANN, BOB = Author("test", "ann", "Ann"), Author("test", "bob", "Bob")
LONG = "and so on and on " * 30


class Small(ScriptedBackend):
    async def capabilities(self) -> Capabilities:
        return replace(await super().capabilities(), parameters=135_000_000)


class Script:
    """A model that answers, and sums up: the summaries are numbered."""

    def __init__(self, kind: type[ScriptedBackend] = ScriptedBackend, **settings: Any) -> None:
        self.summed: list[str] = []
        self.wait: asyncio.Event | None = None
        self.calls: list[Reply] = []
        settings = {"context": 1024, **settings}
        self.backend = kind("default", answer=self.answer, **settings)

    def answer(self, request: ChatRequest) -> Reply | str:
        said = request.messages[-1].content
        if "Sum up the whole conversation" in said:
            assert request.background
            self.summed.append(said)
            return f"Summary number {len(self.summed)}."
        return self.calls.pop(0) if self.calls else f"I see. {LONG}"

    @property
    def system(self) -> str:
        """The system prompt of the latest answer."""
        asked = [r for r in self.backend.requests if not r.background]
        return asked[-1].messages[0].content


@asynccontextmanager
async def talking(folder: Path, script: Script) -> AsyncIterator[Parlance]:
    async with running_skills(folder=folder, models=[script.backend]) as core:
        yield core


async def say(core: Parlance, text: str, by: Author = ANN, id: str = "") -> Answer:
    return await core.send(Message(id or uuid.uuid4().hex, THREAD, by, text))


async def summaries(core: Parlance) -> list[Summary]:
    assert core.services.compaction is not None
    return list(await core.services.compaction.of(str(THREAD)))


async def outgrow(core: Parlance, script: Script, by: Author = ANN) -> None:
    """Talk until something was summed up, and the summary is kept."""
    count, before = 0, len(script.summed)
    while len(script.summed) == before:
        assert count < 30, "nothing was summed up"
        count += 1
        await say(core, f"fact {before}.{count}: {LONG}", by, id=f"e{before}.{count}")
        await asyncio.sleep(0.3)
    await until(lambda: summaries(core), fits=lambda found: len(found) != min(before, 4))


async def sum_up(core: Parlance, script: Script) -> None:
    """Have the last exchange summed up, after the summary before it."""
    compaction, before = core.services.compaction, await summaries(core)
    assert compaction is not None
    told = (await core.services.history.recent(str(THREAD)))[-2:]
    await until(lambda: not compaction._running)
    count = len(script.summed)
    compaction.request("default", before[0] if before else None, told)
    await until(lambda: not compaction._waiting and not compaction._running)
    assert len(script.summed) > count


class TestSummary:
    async def test_it_stands_for_what_has_no_room(self, tmp_path: Path) -> None:
        script = Script()
        async with talking(tmp_path, script) as core:
            await outgrow(core, script)
            assert "Ann: fact 0.1: and so on" in script.summed[0]
            answer = await say(core, "what did I say first?")
            assert "Summary number 1." in script.system
            assert "<summary-" in script.system
            last = script.backend.requests[-1].messages
            assert [m.role for m in last[:3]] == ["system", "user", "assistant"]
            assert "fact 0.1:" not in "".join(m.content for m in last[1:])
            why = ActionCall(uuid.uuid4().hex, THREAD, ANN, "why", answer.view.turn)
            told = (await core.send(why)).text
            assert "**Earlier in this conversation, summarised**: Summary number 1." in told

    async def test_the_next_one_goes_on_from_it(self, tmp_path: Path) -> None:
        script = Script()
        async with talking(tmp_path, script) as core:
            await outgrow(core, script)
            await outgrow(core, script)
            assert "Summary number 1." in script.summed[1]
            assert "fact 0.1:" not in script.summed[1], "nothing is summed up twice"
            await say(core, "and now?")
            assert "Summary number 2." in script.system
            assert "Summary number 1." not in script.system

    async def test_after_a_restart_the_prompt_goes_on_with_it(self, tmp_path: Path) -> None:
        script = Script(context=2048)
        async with talking(tmp_path, script) as core:
            await outgrow(core, script)
            await say(core, "and now?")
            before = script.backend.requests[-1].messages
        script = Script(context=2048)
        async with talking(tmp_path, script) as core:
            await say(core, "still there?")
            after = script.backend.requests[-1].messages
            assert "Summary number 1." in script.system
            assert after[1 : len(before) - 1] == before[1:-1], "cut at the same place"
            await asyncio.sleep(0.5)
            assert script.summed == []

    async def test_a_conversation_that_fits_is_not_summed_up(self, tmp_path: Path) -> None:
        script = Script(context=32_000)
        async with talking(tmp_path, script) as core:
            for number in range(6):
                await say(core, f"fact {number}: {LONG}")
            await asyncio.sleep(0.5)
            assert script.summed == []

    async def test_a_very_small_model_is_not_asked(self, tmp_path: Path) -> None:
        script = Script(kind=Small)
        async with talking(tmp_path, script) as core:
            for number in range(8):
                await say(core, f"fact {number}: {LONG}")
            await asyncio.sleep(0.5)
            assert script.summed == []


class TestTrust:
    async def test_what_others_said_in_it_counts_as_theirs(self, tmp_path: Path) -> None:
        (tmp_path / "tools").mkdir()
        (tmp_path / "tools" / "post.py").write_text(POST)
        script = Script()
        folders = [tmp_path / "tools"]
        async with running_skills(
            folder=tmp_path, models=[script.backend], folders=folders
        ) as core:
            await outgrow(core, script, by=BOB)
            [made] = await summaries(core)
            assert made.people == (BOB.key,)
            call = ScriptedCall(name="post", arguments={"to": "number 1"})
            script.calls = [Reply("", tool_calls=(call,))]
            asked = await say(core, "post it")
            assert asked.state == "waiting"
            assert "(written by somebody else)" in asked.text


POST = '''
from bot.api import Context, hookimpl, tool


@tool(effect="outward", matters=("to",))
async def post(ctx: Context, to: str) -> str:
    """Post something to somebody."""
    return "Posted."


@hookimpl
def register_tools():
    return [post]
'''


class TestGone:
    """A message that is deleted, edited or forgotten lives on in no summary."""

    @pytest.fixture
    async def made(self, tmp_path: Path) -> AsyncIterator[tuple[Parlance, Script]]:
        script = Script()
        async with talking(tmp_path, script) as core:
            for number in range(2):
                await say(core, f"fact {number}", id=f"e0.{number}")
                await sum_up(core, script)
            assert len(await summaries(core)) == 2
            yield core, script

    async def test_when_a_message_of_it_is_deleted(self, made: tuple[Parlance, Script]) -> None:
        core, _ = made
        deleted = MessageDeleted("d", THREAD, ANN, of="e0.0")
        await core.core.accept(deleted, None)  # type: ignore[arg-type]
        await until(lambda: summaries(core), fits=lambda found: not found)

    async def test_when_somebody_in_it_is_forgotten(self, made: tuple[Parlance, Script]) -> None:
        core, _ = made
        await say(core, f"hello {LONG}", BOB)
        await core.say("/forget confirm=yes", user="bob")
        assert len(await summaries(core)) == 2, "they said nothing of it"
        await core.say("/forget confirm=yes")
        assert await summaries(core) == []

    async def test_when_its_conversation_is(self, made: tuple[Parlance, Script]) -> None:
        core, _ = made
        await core.services.history.forget(conversation=str(THREAD))
        assert await summaries(core) == []

    async def test_why_says_nothing_of_it_then(self, tmp_path: Path) -> None:
        script = Script()
        async with talking(tmp_path, script) as core:
            await outgrow(core, script)
            answer = await say(core, "and now?")
            first = (await core.services.history.recent(str(THREAD)))[1]
            await core.services.history.supersede(first.id)
            assert await summaries(core) == []
            why = ActionCall(uuid.uuid4().hex, THREAD, ANN, "why", answer.view.turn)
            assert "summarised" not in (await core.send(why)).text

    async def test_a_summary_of_what_is_gone_meanwhile_is_not_kept(
        self, made: tuple[Parlance, Script]
    ) -> None:
        core, script = made
        await say(core, "fact 3")
        turns = await core.services.history.recent(str(THREAD))
        slow = script.backend.options.model_copy(update={"first_token_s": 0.5})
        script.backend.options = slow
        summing = asyncio.create_task(sum_up(core, script))
        await until(lambda: len(script.summed) == 3)
        await core.services.history.supersede(turns[-1].id)
        await summing
        assert len(await summaries(core)) == 2


async def test_a_question_goes_first(tmp_path: Path) -> None:
    """A summary that is being written is given up for a question, and written later."""
    script = Script(first_token_s=1.0)
    async with talking(tmp_path, script) as core:
        for number in range(2):
            await say(core, f"fact {number}")
        turns = await core.services.history.recent(str(THREAD))
        assert core.services.compaction is not None
        core.services.compaction.request("default", None, turns)
        await until(lambda: len(script.summed) == 1)
        await say(core, "hello to you")
        assert script.backend.cancelled == 1
        await until(lambda: len(script.summed) == 2)
        await until(lambda: summaries(core))


async def test_the_end_of_the_process_ends_it(tmp_path: Path) -> None:
    script = Script(first_token_s=30.0)
    async with talking(tmp_path, script) as core:
        assert core.services.compaction is not None
        script.backend.options = script.backend.options.model_copy(update={"first_token_s": 0.0})
        await say(core, "fact")
        turns = await core.services.history.recent(str(THREAD))
        script.backend.options = script.backend.options.model_copy(update={"first_token_s": 30.0})
        core.services.compaction.request("default", None, turns)
        await until(lambda: len(script.summed) == 1)
    assert script.backend.cancelled == 1
    core.services.compaction.request("default", None, turns)
    assert [t for t in asyncio.all_tasks() if "summaries" in t.get_name()] == []
