"""A server of tools is started, used, and ended, whatever it does."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from bot.mcp.errors import LoginWanted, ServerUnavailable
from bot.skills.inquiry import MAX_INQUIRIES_PER_CALL
from bot.skills.tool import OutcomeUnknown
from tests.fakes.tool_servers import hostile, listening, recorded, using
from tests.processes import has_ended, until_ended
from tests.until import PATIENCE_S, until


async def test_a_server_is_started_at_the_first_call_and_ended_at_the_end(tmp_path: Path) -> None:
    async with using(hostile(tmp_path)) as server:
        assert recorded(tmp_path, "started") == []
        assert await server.text("look", where="here") == "Nothing is here."
        assert await server.text("look", where="there") == "Nothing is there."
        [pid] = recorded(tmp_path, "started")
    await until_ended(int(pid))


async def test_a_server_gets_its_own_variables_and_no_secret_of_the_bot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "of the bot")
    entry = hostile(tmp_path, variables={"PLACE": "here"}, env=["ITS_KEY"])
    async with using(entry, given={"ITS_KEY": "key"}) as server:
        names = (await server.text("variables")).split()
    assert {"PLACE", "ITS_KEY"} <= set(names)
    assert "DISCORD_TOKEN" not in names


async def test_a_server_that_dies_in_a_call_is_started_again(tmp_path: Path) -> None:
    async with using(hostile(tmp_path)) as server:
        with pytest.raises(OutcomeUnknown, match="ended in the middle of it"):
            await server.call("die")
        assert await server.text("look", where="again") == "Nothing is again."
        assert len(recorded(tmp_path, "started")) == 2


async def test_a_message_of_50_mb_ends_the_server_and_not_the_bot(tmp_path: Path) -> None:
    async with using(hostile(tmp_path)) as server:
        with pytest.raises(OutcomeUnknown):
            await server.call("huge")
        assert await server.text("look", where="again") == "Nothing is again."


async def test_what_a_server_writes_beside_its_messages_is_bounded(tmp_path: Path) -> None:
    async with using(hostile(tmp_path)) as server:
        assert await server.text("flood") == "flooded"
        assert await server.text("junk") == "after the junk"
        assert 0 < len(server.connection.last_words) <= 500


async def test_a_call_without_an_answer_ends_in_time(tmp_path: Path) -> None:
    async with using(hostile(tmp_path, timeout_s=2)) as server:
        with pytest.raises(OutcomeUnknown, match="longer than 2 s"):
            await server.call("hang")
        assert await server.text("look", where="on") == "Nothing is on."
        assert len(recorded(tmp_path, "started")) == 1


async def test_a_cancelled_call_leaves_the_server_usable(tmp_path: Path) -> None:
    async with using(hostile(tmp_path)) as server:
        await server.connection.start()
        call = asyncio.create_task(server.call("hang"))
        await until(lambda: recorded(tmp_path, "called"))
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()
        assert await server.text("look", where="on") == "Nothing is on."


async def test_what_cannot_be_read_may_have_been_done(tmp_path: Path) -> None:
    async with using(hostile(tmp_path)) as server:
        with pytest.raises(OutcomeUnknown, match="no answer that can be read"):
            await server.call("broken")
        failed = await server.call("fail")
        assert failed.result is not None
        assert failed.result.is_error
        assert (await server.call("none")).problem == "there is no none"


async def test_a_question_that_nobody_can_be_asked_is_declined(tmp_path: Path) -> None:
    async with using(hostile(tmp_path)) as server:
        reply = await server.call("ask")
        assert reply.declined == 1
        assert reply.result is not None
        assert "decline" in str(reply.result.content)
        assert await server.text("sample") == "asked for words"


async def test_a_question_is_told_to_nobody_where_several_have_a_call_open(
    tmp_path: Path,
) -> None:
    async with using(hostile(tmp_path)) as server:
        await server.connection.start()
        other = asyncio.create_task(server.call("hang"))
        await until(lambda: recorded(tmp_path, "called"))
        asked: list[Any] = []

        async def ask(params: Any) -> tuple[str, Mapping[str, Any] | None]:
            asked.append(params)
            return "accept", {"pin": "1"}

        server.ask = ask
        assert (await server.call("ask")).declined == 1
        assert asked == []
        other.cancel()
        await asyncio.wait([other])
        assert '"pin": "1"' in await server.text("ask"), "alone it is put to the person"


async def test_the_calls_of_a_server_that_asks_go_one_after_another(tmp_path: Path) -> None:
    open_at_once = most = 0

    async def ask(params: Any) -> tuple[str, Mapping[str, Any] | None]:
        nonlocal open_at_once, most
        open_at_once += 1
        most = max(most, open_at_once)
        await asyncio.sleep(0.05)
        open_at_once -= 1
        return "accept", {"pin": "1"}

    async with using(hostile(tmp_path)) as server:
        server.ask = ask
        await server.call("ask")
        replies = await asyncio.gather(*(server.call("ask") for _ in range(5)))
    assert [reply.declined for reply in replies] == [0] * 5
    assert most == 1


async def test_the_clock_of_a_call_stands_still_while_a_person_is_asked(tmp_path: Path) -> None:
    async def ask(params: Any) -> tuple[str, Mapping[str, Any] | None]:
        await asyncio.sleep(2.5)
        return "accept", {"pin": "1"}

    async with using({**hostile(tmp_path), "timeout_s": 2}) as server:
        server.ask = ask
        assert "accept" in await server.text("ask")
        with pytest.raises(OutcomeUnknown, match="longer than 2 s"):
            await server.call("hang")


async def test_a_server_that_asks_for_ever_is_refused(tmp_path: Path) -> None:
    asked = 0

    async def ask(params: Any) -> tuple[str, Mapping[str, Any] | None]:
        nonlocal asked
        asked += 1
        return "accept", {"pin": "1"}

    async with using(hostile(tmp_path)) as server:
        server.ask = ask
        reply = await server.call("ask", times=1000)
    assert asked == MAX_INQUIRIES_PER_CALL
    assert reply.declined == 1000 - MAX_INQUIRIES_PER_CALL


async def test_a_question_of_10_mb_ends_the_server_and_not_the_bot(tmp_path: Path) -> None:
    params = {
        "message": "Where?",
        "requestedSchema": {"type": "object", "properties": {"city": {}}},
    }
    async with using(hostile(tmp_path)) as server:
        with pytest.raises(OutcomeUnknown, match="ended in the middle"):
            await server.call("ask", params=params, size=10_000_000)
        assert await server.text("look", where="here") == "Nothing is here."


async def test_a_question_ends_with_its_call(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def ask(params: Any) -> tuple[str, Mapping[str, Any] | None]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    async with using(hostile(tmp_path)) as server:
        server.ask = ask
        calling = asyncio.create_task(server.call("ask"))
        await until(lambda: recorded(tmp_path, "called"))
        await asyncio.sleep(0.2)
        calling.cancel()
        await asyncio.wait([calling])
        await asyncio.wait_for(ended.wait(), PATIENCE_S)


async def test_progress_is_told(tmp_path: Path) -> None:
    async with using(hostile(tmp_path)) as server:
        assert await server.text("steps") == "all steps"
        assert len(server.progress) == 200


async def test_parts_that_are_no_text_are_named(tmp_path: Path) -> None:
    async with using(hostile(tmp_path)) as server:
        text = await server.text("parts")
    assert text == "A text.\n[picture]\nA file.\n[resource b: file:///b]\n[sound]"


async def test_changed_tools_are_taken_up(tmp_path: Path) -> None:
    async with using(hostile(tmp_path)) as server:
        await server.text("change")
        await until(lambda: len(server.listed) >= 2)
        assert server.listed[0] != server.listed[1]


NEWER = """
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("newer")

@server.tool()
async def grow(ctx: Context) -> str:
    \"\"\"Grow.\"\"\"
    def other() -> str:
        \"\"\"Do something else.\"\"\"
        return "other"

    server.add_tool(other)
    await ctx.notify_tools_changed()
    return "grown"

server.run("stdio")
"""


async def test_changed_tools_of_the_newer_protocol_are_taken_up(tmp_path: Path) -> None:
    (tmp_path / "newer.py").write_text(NEWER)
    entry = {"command": sys.executable, "args": [str(tmp_path / "newer.py")]}
    async with using(entry) as server:
        assert await server.text("grow") == "grown"
        await until(lambda: len(server.listed) >= 2)
        assert [tool["name"] for tool in server.listed[1]] == ["grow", "other"]


# --- the end -----------------------------------------------------------------------------------


async def test_a_server_that_ignores_every_word_is_ended(tmp_path: Path) -> None:
    async with using(hostile(tmp_path, "--stubborn")) as server:
        await server.connection.start()
        [pid] = recorded(tmp_path, "started")
    assert not psutil.pid_exists(int(pid))  # also its exit status was read


async def test_what_a_server_has_started_ends_with_it(tmp_path: Path) -> None:
    async with using(hostile(tmp_path)) as server:
        await server.text("spawn")
        [child] = recorded(tmp_path, "child")
        assert not has_ended(int(child))
    await until_ended(int(child))


async def test_what_a_server_has_started_ends_also_where_it_died(tmp_path: Path) -> None:
    async with using(hostile(tmp_path)) as server:
        await server.text("spawn")
        with pytest.raises(OutcomeUnknown):
            await server.call("die")
        [child] = recorded(tmp_path, "child")
        await until_ended(int(child))


async def test_an_end_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    async with using(hostile(tmp_path, "--stubborn")) as server:
        await server.connection.start()
        [pid] = recorded(tmp_path, "started")
        ending = asyncio.create_task(server.connection.aclose())
        await asyncio.sleep(0.05)
        ending.cancel()
        await asyncio.wait([ending])
        await until_ended(int(pid))


async def test_an_unused_server_is_stopped_and_started_when_it_is_needed(tmp_path: Path) -> None:
    async with using(hostile(tmp_path, idle_s=0.1)) as server:
        await server.text("look", where="here")
        await until(lambda: not server.connection.running)
        await until_ended(int(recorded(tmp_path, "started")[0]))
        assert await server.text("look", where="again") == "Nothing is again."
        assert len(recorded(tmp_path, "started")) == 2


async def test_nothing_is_left_over_after_many_uses(tmp_path: Path) -> None:
    us = psutil.Process()
    async with using(hostile(tmp_path)) as server:  # what is opened once stays
        await server.text("look", where="here")
    tasks, files = len(asyncio.all_tasks()), us.num_fds()
    for _ in range(12):
        async with using(hostile(tmp_path)) as server:
            await asyncio.gather(*(server.text("look", where="here") for _ in range(3)))
    assert len(asyncio.all_tasks()) == tasks
    assert us.num_fds() <= files
    started = {int(pid) for pid in recorded(tmp_path, "started")}
    assert len(started) == 13
    for pid in started:
        await until_ended(pid)


# --- what does not start -----------------------------------------------------------------------


async def test_a_command_that_is_missing_is_named(tmp_path: Path) -> None:
    async with using({"command": str(tmp_path / "none")}) as server:
        with pytest.raises(ServerUnavailable) as told:
            await server.connection.start()
        assert "cannot be started: No such file" in told.value.why
        assert str(told.value) == "hostile cannot be used just now; try again later."


async def test_a_server_that_ends_at_once_is_left_alone_for_a_while(tmp_path: Path) -> None:
    async with using(hostile(tmp_path, "--crash")) as server:
        for _ in range(4):
            with pytest.raises(ServerUnavailable):
                await server.connection.start()
        with pytest.raises(ServerUnavailable) as told:
            await server.connection.start()
        assert told.value.why == "it has failed several times in a row"
        assert server.connection.last_words == "there is no licence"


async def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async with using(hostile(tmp_path, "--mute"), start_s=3) as server:
        with pytest.raises(ServerUnavailable) as told:
            await server.connection.start()
        assert told.value.why == "it did not answer within 3 s"
        [pid] = recorded(tmp_path, "started")
        await until_ended(int(pid))


async def test_a_start_can_be_ended_before_it_is_over(tmp_path: Path) -> None:
    async with using(hostile(tmp_path, "--mute")) as server:
        start = asyncio.create_task(server.connection.start())
        await until(lambda: recorded(tmp_path, "started"))
        await server.connection.aclose()
        with pytest.raises(ServerUnavailable):
            await start
        await until_ended(int(recorded(tmp_path, "started")[0]))


# --- over HTTP ---------------------------------------------------------------------------------


@pytest.mark.may_block  # the server is started by the test
async def test_a_server_over_http_is_sent_its_key_and_may_want_another_later(
    tmp_path: Path,
) -> None:
    with listening(tmp_path, wanted="open sesame") as url:
        entry = {"url": url, "headers": {"X-Key": "KEY"}}
        async with using(entry, given={"KEY": "open sesame"}) as server:
            assert await server.text("look", where="here") == "Nothing is here."
            with pytest.raises(OutcomeUnknown):
                await server.call("huge")
            assert await server.text("look", where="again") == "Nothing is again."
            assert await server.text("log_out") == "logged out"
            with pytest.raises(LoginWanted, match="does not let me in"):
                await server.call("look", where="here")
        async with using(entry, given={"KEY": "wrong"}) as server:
            with pytest.raises(LoginWanted):
                await server.connection.start()


@pytest.mark.may_block  # the server is started by the test
async def test_a_server_over_http_leads_nowhere_else(tmp_path: Path) -> None:
    with listening(tmp_path) as url:
        async with using({"url": url.replace("/mcp", "/moved")}) as server:
            with pytest.raises(ServerUnavailable):
                await server.connection.start()
    async with using({"url": url}) as server:
        with pytest.raises(ServerUnavailable) as told:
            await server.connection.start()
    assert "ConnectError" in told.value.why
