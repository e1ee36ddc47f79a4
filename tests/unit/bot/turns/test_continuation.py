"""An answer that reaches its length limit says so, and goes on as the same message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from backends.base import ChatMessage, Sampling
from backends.errors import BackendUnavailable
from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import Reply
from bot.history.sql_store import SqlHistoryStore
from bot.prompting.continuation import INSTRUCTION
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.storage.database import Database
from bot.types import Notice, Text, View
from tests.fakes.core import ADA, BOB, HERE, ROOT, Bench
from tests.fakes.skills import CHAT

CODE = "Here:\n```py\ndef f():\n    return [one, two, three]\n```\nThat is all."


async def answer(ctx: Context) -> None:
    """Ask with what was said before, as conversation does; a word of the bot's own comes first."""
    history = await ctx.history.recent(str(ctx.conversation))
    before = [ChatMessage(turn.role, turn.text) for turn in history]
    said = ctx.event.text or ""
    if said == "with a heading":
        await ctx.say(Text("**Heading**\n\n"))
    await ctx.write([*before, ChatMessage("user", said)], sampling=Sampling(max_tokens=4))
    await ctx.say(Notice("A small print.", "footer"))


@asynccontextmanager
async def process(folder: Path, model: ScriptedBackend) -> AsyncIterator[Bench]:
    database = await Database.open(folder / "parlance.db")
    history = SqlHistoryStore(database)
    await history.interrupt_running()
    bench = Bench([Skill("chat", answer=answer)], store=history, backend=model)
    try:
        yield bench
    finally:
        await bench.core.close()
        await database.close()


def scripted(text: str = CODE, **more: Any) -> ScriptedBackend:
    return ScriptedBackend("default", replies=[Reply(text, regex=".")], **more)


def names(view: View) -> list[str]:
    return [action.name for action in view.actions]


async def kept(bench: Bench) -> list[str]:
    return [turn.text for turn in await bench.store.recent(str(HERE))]


async def test_an_answer_cut_at_the_token_limit_says_so_and_goes_on_as_one_message(
    tmp_path: Path,
) -> None:
    """It ended in the middle of a function, with nothing said."""
    async with process(tmp_path, scripted()) as b:
        view = await b.say(b.message("a function"))
        assert (view.state, view.text) == ("complete", "Here:\n```py\ndef f():")
        assert [n.text for n in view.notices][-1] == "The answer reached its length limit."
        assert names(view) == ["continue", "regenerate", "good", "bad", "why"]
        more = await b.say(b.press("continue", view.turn))
        assert more.turn == view.turn
        assert more.text == "```py\n\n    return [one, two, three]"
        assert more.pages[0].endswith("```"), "the fence is whole in each message"
        assert await kept(b) == ["a function", CODE.removesuffix("\n```\nThat is all.")]
        end = await b.say(b.press("continue", view.turn))
        assert (names(end)[:1], [n.text for n in end.notices]) == (
            ["regenerate"],
            ["A small print."],
        )
        assert await kept(b) == ["a function", CODE]


async def test_it_goes_on_after_a_restart_from_its_own_words(tmp_path: Path) -> None:
    async with process(tmp_path, scripted("one two three four five six")) as b:
        await b.say(b.message("hello"))
        view = await b.say(b.message("count"))
        later = await b.say(b.message("something else"))
    model = scripted("one two three four five six")
    async with process(tmp_path, model) as b:
        more = await b.say(b.press("continue", view.turn))
        assert more.text == " five six"
        [request] = model.requests
        assert [(m.role, m.content) for m in request.messages[-2:]] == [
            ("user", "count"),
            ("assistant", "one two three four"),
        ]
        assert "something else" not in str(request.messages), "it sees what it saw when it began"
        assert (await kept(b))[3] == "one two three four five six"
        assert later.text == (await kept(b))[5]


async def test_what_was_said_before_the_model_is_not_said_again(tmp_path: Path) -> None:
    async with process(tmp_path, scripted("one two three four five")) as b:
        view = await b.say(b.message("with a heading"))
        assert view.text == "**Heading**\n\none two three four"
        more = await b.say(b.press("continue", view.turn))
        assert more.text == " five"
        assert (await kept(b))[1] == "**Heading**\n\none two three four five"


@pytest.mark.parametrize("again", ["five six", "three four five six"])
async def test_a_model_that_cannot_go_on_is_told_to_and_what_it_repeats_is_left_out(
    tmp_path: Path, again: str
) -> None:
    model = ScriptedBackend("default", replies=["one two three four five", again], continues=False)
    async with process(tmp_path, model) as b:
        view = await b.say(b.message("count"))
        more = await b.say(b.press("continue", view.turn))
        assert more.text.split() == ["five", "six"]
        assert [m.content for m in model.requests[-1].messages[-2:]] == [
            "one two three four",
            INSTRUCTION,
        ]


async def test_going_on_is_for_the_asker_or_an_admin_and_happens_once(tmp_path: Path) -> None:
    async with process(tmp_path, scripted("one two three four five")) as b:
        view = await b.say(b.message("count"))
        refused = await b.say(b.press("continue", view.turn, BOB))
        assert refused.state == "refused"
        assert "go on" in refused.notices[0].text
        assert (await b.say(b.press("continue", view.turn, ROOT))).text == " five"
        twice = await b.say(b.press("continue", view.turn, ADA))
        assert twice.notices[0].text == "This answer is complete, or goes on already."


async def test_where_the_model_fails_the_answer_stands_and_can_still_go_on(tmp_path: Path) -> None:
    model = scripted("one two three four five")
    async with process(tmp_path, model) as b:
        view = await b.say(b.message("count"))
        model.fail_next(BackendUnavailable("The model cannot be reached."))
        failed = await b.say(b.press("continue", view.turn))
        assert (failed.state, names(failed)) == ("failed", ["continue"])
        assert await kept(b) == ["count", "one two three four"]
        assert (await b.say(b.press("continue", view.turn))).text == " five"


async def test_an_answer_that_was_replaced_does_not_go_on(tmp_path: Path) -> None:
    async with process(tmp_path, scripted("one two three four five")) as b:
        view = await b.say(b.message("count"))
        new = await b.say(b.press("regenerate", view.turn))
        assert (await b.say(b.press("continue", view.turn))).state == "refused"
        assert (await b.say(b.press("continue", new.turn))).text == " five"
        assert await kept(b) == ["count", "one two three four five"]


async def test_an_answer_that_is_complete_does_not_go_on(tmp_path: Path) -> None:
    async with process(tmp_path, scripted("one two")) as b:
        view = await b.say(b.message("count"))
        assert "continue" not in names(view)
        assert (await b.say(b.press("continue", view.turn))).state == "refused"


async def test_a_full_context_leaves_out_what_is_oldest(tmp_path: Path) -> None:
    words = " ".join(f"w{n}" for n in range(60))
    model = scripted(words, context=40)
    async with process(tmp_path, model) as b:
        await b.say(b.message("an earlier question of some words"))
        view = await b.say(b.message("count"))
        for _ in range(9):
            more = await b.say(b.press("continue", view.turn))
            assert more.state == "complete", more.notices
        assert len((await kept(b))[3].split()) > 32
        assert "an earlier question" not in str(model.requests[-1].messages)


async def test_the_other_skill_is_untouched(tmp_path: Path) -> None:
    b = Bench([CHAT])
    assert names(await b.say(b.message("hello"))) == ["regenerate", "good", "bad", "why"]
