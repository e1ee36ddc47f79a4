"""`parlance tools`: which tools there are, and what one returns."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.process import Folder

PLUGIN = '''
from bot.api import AgentTool, Context, ToolResult, hookimpl, is_admin, tool

@tool(effect="write")
async def note(ctx: Context, text: str, times: int = 1) -> str:
    """Note a text."""
    with open(NOTES, "a") as file:
        file.write(text * times)
    return "Noted."

@tool(checks=is_admin)
async def page(ctx: Context) -> ToolResult:
    """Return a page."""
    return ToolResult("All is well.", origin="web", name="https://example.com")

@tool(timeout_s=0.05)
async def slow(ctx: Context) -> str:
    """Take long."""
    import asyncio
    await asyncio.sleep(60)

async def run(ctx, **given):
    return str(given)

PROPERTIES = {"type": "object", "properties": {"a": {"type": "strin"}}}

@hookimpl
def register_tools():
    return [note, page, slow, AgentTool("odd", "Odd.", run, PROPERTIES)]
'''


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    place = tmp_path / "plugins"
    place.mkdir()
    (place / "notes.py").write_text(PLUGIN.replace("NOTES", repr(str(tmp_path / "notes"))))
    rules = {"tool:calculate": {"enabled": False}, "tool:read_page": {"users": ["slack:U1"]}}
    made.configure(plugins={"folders": [str(place)]}, commands=rules)
    return made


async def test_each_tool_is_listed_with_who_may_have_it_used(folder: Folder) -> None:
    ended = (await folder.run("tools", "list", "--json")).no_trace()
    listed = {one["name"]: one for one in ended.json}
    who = {name: one["who"] for name, one in listed.items()}
    assert who["calculate"] == "nobody"
    assert who["read_page"] == "admins, slack:U1"
    assert who["add_document"] == "everybody; needs the right to docs.add"
    assert who["page"] == "everybody; needs an admin"
    assert (listed["note"]["plugin"], listed["note"]["effect"]) == ("notes", "changes something")
    assert not listed["odd"]["ok"], "one bad tool is left out, and not the others of its plugin"
    assert "$.properties.a.type: 'strin' is not valid" in listed["odd"]["about"]
    table = (await folder.run("tools", "list")).no_trace()
    assert "current_time" in table.out


async def test_a_tool_is_called_in_the_name_of_the_terminal(folder: Folder) -> None:
    ended = (await folder.run("tools", "test", "page")).no_trace()
    assert ended.out == "All is well.\n"
    assert "Written by web: https://example.com; 12 characters in " in ended.said
    ended = (await folder.run("tools", "test", "page", "--json")).no_trace()
    assert (ended.json["origin"], ended.json["result"]) == ("web", "All is well.")


async def test_it_asks_before_anything_is_changed(folder: Folder) -> None:
    call = ("tools", "test", "note", "text=ab", "times=2")
    for typed in (b"", b"n\n"):
        ended = (await folder.run(*call, stdin=typed)).no_trace()
        assert ended.status == 1
        assert '{"text": "ab", "times": 2}. Do it? [y/N]' in ended.err
        assert "Not done. With --yes it is done without asking." in ended.err
    assert not (folder.path / "notes").exists()
    assert (await folder.run(*call, stdin=b"y\n")).no_trace().out == "Noted.\n"
    assert (await folder.run(*call, "--yes")).no_trace().out == "Noted.\n"
    assert (folder.path / "notes").read_text() == "abababab"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (["note2"], "There is no tool note2; did you mean note?"),
        (["xyz"], "There is no tool xyz; `parlance tools list` names them."),
        (["note", "text"], "'text' is no argument; write KEY=VALUE, such as query=lamps."),
        (["note"], "Wrong arguments for 'note': the argument text is missing."),
        (["note", "text=a", "times=x"], "times must be a whole number, not 'x'."),
        (["note", "text=a", "tims=1"], "Wrong arguments for 'note': there is no argument tims."),
        (["calculate", "expression=1"], "You may not have this tool used here."),
        (["slow"], "slow took longer than 0.05 s."),
    ],
)
async def test_what_is_wrong_is_one_sentence(
    folder: Folder, call: list[str], sentence: str
) -> None:
    ended = (await folder.run("tools", "test", *call)).no_trace()
    assert sentence in ended.said
    assert ended.status == 1
