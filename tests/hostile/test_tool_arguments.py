"""Every tool that ships, given what no sane model would write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backends.scripted.script import Reply, ScriptedCall
from bot.testing import running_skills
from tests.fakes.searxng import SearxngServer
from tests.hostile.tool_arguments import HOSTILE_ARGUMENTS

PLUGINS = (
    "plugins.agent",
    "plugins.agent_tools",
    "plugins.run_python",
    "plugins.web_search",
    "plugins.page_summary",
)


@pytest.mark.parametrize("name", HOSTILE_ARGUMENTS)
async def test_each_call_ends_in_a_result_or_a_sentence(tmp_path: Path, name: str) -> None:
    """Calls that go out wait for a press, and are pressed nowhere; each has a turn of its own."""
    given = HOSTILE_ARGUMENTS[name]
    replies = [one for arguments in given for one in (_call(name, arguments), "So it is.")]
    async with (
        SearxngServer() as server,
        running_skills(
            plugins=PLUGINS,
            folder=tmp_path,
            replies=replies,
            sections={"web_search": {"url": server.url}},
        ) as parlance,
    ):
        waiting = 0
        for number, _ in enumerate(given):
            ended = await parlance.say("/agent do it", user=f"user{number}", channel=f"c{number}")
            if ended.state == "waiting":
                waiting += 1
                parlance.model._turns.popleft()  # the answer that nobody hears
                continue
            assert ended.state == "complete"
            told = parlance.model.requests[-1].messages[-1].content
            assert told.strip()
            assert len(told) < 12_000
            assert "root:" not in told
            assert "something went wrong" not in told, "it was not reckoned with"
        assert server.queries == []
        if name in ("read_page", "summarize_page", "search_web"):
            assert waiting, "what goes out was not named by the asker"


def _call(name: str, arguments: Mapping[str, Any]) -> Reply:
    return Reply("", tool_calls=(ScriptedCall(name=name, arguments=dict(arguments)),))


async def test_no_model_names_a_path_of_the_servers_disk(tmp_path: Path) -> None:
    """Not even an admin's who wrote the path themselves: they have a command of their own."""
    secret = tmp_path / "secret.txt"
    secret.write_text("root: everything")
    paths = [
        str(secret),
        f"file://{secret}",
        *(one["location"] for one in HOSTILE_ARGUMENTS["add_document"]),
    ]
    replies = [one for path in paths for one in (_call("add_document", {"location": path}), "No.")]
    async with running_skills(plugins=PLUGINS, folder=tmp_path, replies=replies) as parlance:
        for number, path in enumerate(paths):
            asked = await parlance.say(
                f"/agent add {path[:200]}", user=f"u{number}", admin=True, channel=f"c{number}"
            )
            if asked.state == "refused":
                parlance.model._turns.popleft()  # no model was asked
                parlance.model._turns.popleft()
                continue
            if asked.state == "waiting":
                await parlance.press(asked, "approve")
            states = {one.state for one in await parlance.steps(asked)}
            assert states <= {"failed"}, path
        assert await parlance.documents.list() == []
