"""`parlance mcp`: an operator looks at servers of tools, tries them, and accepts their changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.tool_servers import hostile
from tests.scenarios.process import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def test_servers_are_listed_with_what_is_wrong(folder: Folder) -> None:
    good = hostile(folder.path, "--malformed", read=["look"], tools=["look", "send"], open=True)
    servers = {
        "good": good,
        "gone": {"command": "no-such-program"},
        "dumb": hostile(folder.path, "--crash"),
        "keyed": {"url": "http://127.0.0.1:9/mcp", "headers": {"Authorization": "ITS_KEY"}},
    }
    folder.configure(mcp={"servers": servers})
    ended = (await folder.run("mcp", "list", "--json")).no_trace()
    assert ended.status == 1
    tools = {row["called"]: row for row in ended.json if row["called"]}
    assert tools.keys() == {"good_look", "good_send"}
    assert (tools["good_look"]["does"], tools["good_look"]["for"]) == ("read", "everybody")
    assert tools["good_send"]["does"] == "outward"
    problems = [(row["server"], row["problem"]) for row in ended.json if row["problem"]]
    assert ("gone", "no-such-program cannot be started: No such file or directory") in problems
    assert any("it said: there is no licence" in text for name, text in problems if name == "dumb")
    assert ("keyed", "ITS_KEY is not set in .env") in problems
    assert sum(name == "good" for name, _ in problems) == 18


async def test_a_tool_is_tried_and_a_change_accepted(folder: Folder) -> None:
    folder.configure(mcp={"servers": {"it": hostile(folder.path, open=True)}})
    tried = (await folder.run("mcp", "test", "it", "look", "where=here")).no_trace()
    assert (tried.status, tried.out) == (0, "Nothing is here.\n")
    assert (await folder.run("mcp", "test", "it")).out.startswith("it works; it has 17 tools.")
    failed = await folder.run("mcp", "test", "it", "fail")
    assert (failed.status, failed.out) == (1, "It is broken.\n")
    unknown = await folder.run("mcp", "test", "it", "lok")
    assert unknown.said == "it has no tool 'lok'; did you mean look?"
    nobody = await folder.run("mcp", "test", "other")
    assert nobody.said == "config.yaml names no server 'other'."
    died = await folder.run("mcp", "test", "it", "die")
    assert died.said == "it ended in the middle of it."

    folder.env["DESCRIBED"] = "2"
    servers = {"it": hostile(folder.path, open=True, env=["DESCRIBED"])}
    folder.configure(mcp={"servers": servers})
    listed = (await folder.run("mcp", "list", "--json")).json
    assert [row["tool"] for row in listed if row["for"] == "changed"] == ["look"]
    assert (await folder.run("mcp", "accept", "it")).out == "Accepted: look\n"
    assert (await folder.run("mcp", "accept", "it")).out == "No tool has changed.\n"
    listed = (await folder.run("mcp", "list", "--json")).json
    assert {row["for"] for row in listed} == {"everybody"}
    doctor = (await folder.run("doctor", "--json")).json
    assert {"what": "tools of it", "ok": True, "detail": "17 tools"} in doctor


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({}, "needs either command or url"),
        ({"command": "a", "url": "http://a"}, "needs either command or url"),
        ({"url": "http://a", "args": ["b"]}, "are for a command"),
        ({"command": "a", "headers": {"A": "B"}}, "are for a url"),
        ({"url": "file:///etc/passwd"}, "mcp.servers.it.url"),
        ({"url": "https://user:password@host"}, "mcp.servers.it.url"),
        ({"command": "a", "variables": {"API_TOKEN": "x"}}, "secrets go into a variable"),
    ],
)
async def test_a_server_that_is_written_wrongly_is_told(
    folder: Folder, entry: dict[str, object], problem: str
) -> None:
    folder.configure(mcp={"servers": {"it": entry}})
    ended = (await folder.run("check")).no_trace()
    assert ended.status == 2
    assert problem in ended.err
