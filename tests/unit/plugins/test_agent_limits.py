"""What a model with tools may use up, what it is stopped in, and what its tools do wrong."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from backends.scripted.script import Reply, ScriptedCall
from bot.events import ActionCall
from bot.history.daily_use import DailyLimits, DailyUse, LimitReached
from bot.history.tool_calls import CallState
from bot.storage.database import Database
from bot.testing import Answer, Parlance, running_skills
from bot.types import Author, ConversationKey
from tests.until import until

HERE = ConversationKey("test", "workspace", "general")
ANN = Author("test", "ann", "Ann")
TOOLS = '''
import asyncio
import sys
from bot.api import Context, ToolResult, hookimpl, tool


@tool()
async def look(ctx: Context, where: str) -> str:
    """Look somewhere."""
    return f"Seen {where}."


@tool()
async def child(ctx: Context) -> str:
    """Run a program."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=-1)
    await asyncio.to_thread(_write, "/child", str(process.pid))
    try:
        await process.wait()
    finally:
        process.kill()
        await process.wait()


@tool(effect="write", matters=("what",))
async def deaf(ctx: Context, what: str) -> str:
    """Ignore the first cancel."""
    await asyncio.to_thread(_write, "/deaf", "")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.Event().wait()


@tool(effect="write", matters=("how",))
async def go_wrong(ctx: Context, how: str) -> str:
    """Go wrong in some way."""
    if how == "none":
        return None
    if how == "number":
        return 42
    if how == "huge":
        return "x" * 50_000_000
    if how == "halves":
        return "a \\ud800 b"
    if how == "blank":
        return ToolResult(None)
    if how == "cancelled":
        raise asyncio.CancelledError
    if how == "generator":
        raise GeneratorExit
    raise {"exit": SystemExit, "interrupt": KeyboardInterrupt, "base": BaseException}[how](3)


def _write(name, text):
    with open(FOLDER + name, "w") as file:
        file.write(text)


@hookimpl
def register_tools():
    return [look, child, deaf, go_wrong]
'''


def calls(*wanted: tuple[str, Mapping[str, Any]], text: str = "") -> Reply:
    return Reply(text, tool_calls=tuple(ScriptedCall(name=n, arguments=a) for n, a in wanted))


@asynccontextmanager
async def running(folder: Path, *replies: str | Reply, **more: Any) -> AsyncIterator[Parlance]:
    place = folder / "plugins"
    place.mkdir(exist_ok=True)
    (place / "tools.py").write_text(TOOLS.replace("FOLDER", repr(str(folder))))
    async with running_skills(
        plugins=["plugins.agent", "plugins.chat"],
        folders=[place],
        folder=folder,
        replies=replies,
        **more,
    ) as core:
        yield core


async def states(parlance: Parlance) -> list[str]:
    assert parlance.services.calls is not None
    return [c.state for c in await parlance.services.calls.of_person(ANN.key, get_args(CallState))]


async def there_is(path: Path) -> None:
    await until(lambda: asyncio.to_thread(path.exists))


async def stop(parlance: Parlance) -> Answer:
    event = ActionCall(uuid.uuid4().hex, HERE, ANN, "stop", next(iter(parlance.core.open_turns)).id)
    return await parlance.send(event)


# --- a budget a day -------------------------------------------------------------------------------


async def test_a_day_has_a_budget_of_steps_which_a_restart_does_not_give_back(
    tmp_path: Path,
) -> None:
    budget = {"person": {"daily_steps": 3}}
    look = calls(("look", {"where": "here"}))
    async with running(
        tmp_path, look, "One.", look, "Two.", "Three.", sections={"agent": budget}
    ) as parlance:
        assert (await parlance.say("/agent look")).text == "One."
        second = await parlance.say("/agent look")
        assert second.view.text == "Two."
        assert "starts anew at 00:00 UTC, in " in second.notices[-1]
        assert parlance.model.requests[-1].tools == ()
        refused = await parlance.say("/agent look")
        assert refused.state == "refused"
        assert "You have used up what I may do with tools for you today" in refused.text
        assert (await parlance.say("/agent look", user="bob")).state == "complete"
        assert (await parlance.say("/agent look", admin=True)).state == "complete"
    async with running(tmp_path, "Four.", sections={"agent": budget}) as parlance:
        assert (await parlance.say("/agent look")).state == "refused"
        talk = await parlance.say("/chat hello there, how are you?")
        assert talk.view.text == "Four."
        assert "starts anew" in talk.text, "a chat goes on without tools"


async def test_a_place_has_a_budget_for_everybody_in_it(tmp_path: Path) -> None:
    budget = {"place": {"daily_steps": 1}}
    async with running(tmp_path, "One.", "Two.", "Three.", sections={"agent": budget}) as parlance:
        assert (await parlance.say("/agent look")).state == "complete"
        refused = await parlance.say("/agent look", user="bob")
        assert "What I may do with tools here today is used up" in refused.text
        elsewhere = await parlance.say("/agent look", user="bob", channel="other")
        assert elsewhere.state == "complete"


async def test_the_seconds_of_model_and_tools_are_counted(tmp_path: Path) -> None:
    budget = {"person": {"daily_seconds": 0.000_001}}
    async with running(tmp_path, "One.", sections={"agent": budget}) as parlance:
        assert (await parlance.say("/agent look")).state == "complete"
        assert (await parlance.say("/agent look")).state == "refused"


async def test_a_clock_that_is_set_back_gives_no_second_budget(tmp_path: Path) -> None:
    now = datetime(2026, 3, 1, 23, 50, tzinfo=UTC)
    database = await Database.open(tmp_path / "parlance.db")
    use = DailyUse(database, DailyLimits(steps=2), now=lambda: now)
    reached = LimitReached("person", datetime(2026, 3, 2, tzinfo=UTC))
    try:
        assert [await use.add("p", "c", steps=1) for _ in range(3)] == [None, None, reached]
        now += timedelta(minutes=20)  # the next day
        assert [await use.add("p", "c", steps=1) is None for _ in range(3)] == [True, True, False]
        now -= timedelta(hours=1)
        assert await use.add("p", "c", steps=1) == reached
        assert await use.reached("p", "c") == reached
        now += timedelta(hours=1)
        assert await use.reached("p", "c") is not None
        assert await use.reached("q", "c") is None
    finally:
        await database.close()


# --- what is stopped ------------------------------------------------------------------------------


async def test_stop_ends_a_tool_and_the_program_that_it_runs(tmp_path: Path) -> None:
    async with running(tmp_path, calls(("child", {}))) as parlance:
        asked = asyncio.create_task(parlance.say("/agent run it"))
        await there_is(tmp_path / "child")
        pid = int(await until((tmp_path / "child").read_text))
        await stop(parlance)
        assert (await asked).state == "cancelled"
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert await states(parlance) == ["failed"]


async def test_stop_ends_a_tool_that_ignores_the_first_cancel_and_its_end_is_told(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, calls(("deaf", {"what": "it"}))) as parlance:
        asked = asyncio.create_task(parlance.say("/agent do it"))
        await there_is(tmp_path / "deaf")
        await stop(parlance)
        ended = await asked
        assert ended.state == "cancelled"
        assert "It is not known whether deaf was done." in ended.text
        assert await states(parlance) == ["unknown"]
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("tool ")]


async def test_after_many_turns_nothing_is_left_over(tmp_path: Path) -> None:
    look = calls(*(("look", {"where": str(n)}) for n in range(3)))
    replies: list[str | Reply] = [look, "Seen."] * 40
    before = len(asyncio.all_tasks())
    async with running(tmp_path, *replies) as parlance:
        for _ in range(10):
            asked = (parlance.say("/agent look", user=f"u{n}", channel=str(n)) for n in range(4))
            assert {one.state for one in await asyncio.gather(*asked)} == {"complete"}
        assert len(parlance.core.open_turns) == 0
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("tool ")]
    assert len(asyncio.all_tasks()) == before


# --- what tools and models do wrong ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "told", "state"),
    [
        ("none", "(nothing)", "done"),
        ("number", "42", "done"),
        ("huge", "characters are left out", "done"),
        ("halves", "a \ufffd b", "done"),
        ("blank", "(nothing)", "done"),
        ("cancelled", "may have been done", "unknown"),
        ("generator", "may have been done", "unknown"),
        ("exit", "may have been done", "unknown"),
        ("interrupt", "may have been done", "unknown"),
        ("base", "may have been done", "unknown"),
    ],
)
async def test_whatever_a_tool_returns_or_raises_its_call_has_an_end(
    tmp_path: Path, how: str, told: str, state: str
) -> None:
    async with running(tmp_path, calls(("go_wrong", {"how": how})), "So.") as parlance:
        ended = await parlance.say(f"/agent go wrong: {how}")
        assert (ended.view.text, ended.state) == ("So.", "complete")
        assert told in parlance.model.requests[-1].messages[-1].content
        assert await states(parlance) == [state]
        assert ("It is not known" in ended.text) == (state == "unknown")


async def test_ten_megabytes_of_arguments_are_neither_kept_nor_sent_back(tmp_path: Path) -> None:
    long = calls(("look", {"where": "x" * 10_000_000}))
    async with running(tmp_path, long, "Less.") as parlance:
        ended = await parlance.say("/agent look")
        assert ended.view.text == "Less."
        asked = parlance.model.requests[-1].messages
        assert "are too long; write less" in asked[-1].content
        assert asked[-2].tool_calls[0].arguments == {}


async def test_arguments_that_no_database_takes_are_mended(tmp_path: Path) -> None:
    odd = calls(("look", {"where": "a \ud800 b"}))
    async with running(tmp_path, odd, "Seen.") as parlance:
        assert (await parlance.say("/agent look")).view.text == "Seen."
        assert "Seen a \ufffd b." in parlance.model.requests[-1].messages[-1].content
        assert await states(parlance) == ["done"]


async def test_many_long_results_leave_room_for_the_answer(tmp_path: Path) -> None:
    many = calls(*(("look", {"where": f"{n}" + "long " * 4_000}) for n in range(10)))
    async with running(tmp_path, many, "Seen.") as parlance:
        ended = await parlance.say("/agent look")
        assert ended.view.text == "Seen."
        results = [m.content for m in parlance.model.requests[-1].messages if m.role == "tool"]
        window = (await parlance.model.capabilities()).context * 3
        assert len(results) == 10
        assert sum(map(len, results)) < window


def test_a_plugin_that_is_stopped_twice() -> None:
    """A second cancel, of the turn itself, does not wait for the tool."""
    from bot.agent.tool_run import run_tool

    async def play() -> None:
        async def deaf() -> None:
            while True:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.05)
                    return

        task = asyncio.create_task(run_tool(deaf, 30.0, "deaf"))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        await asyncio.sleep(0.2)
        assert not [one for one in asyncio.all_tasks() if one.get_name().startswith("tool ")]

    asyncio.run(play())
