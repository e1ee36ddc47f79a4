"""People in channels, who ask there, and models with tools: what a console shows more of."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.commands.checks import Asker
from bot.events import CommandCall
from bot.sign_in.changes import ChangeRecord
from bot.types import Author, ConversationKey, Value, View
from tests.fakes.sink import RecordingSink
from tests.fakes.tool_servers import hostile
from tests.unit.bot.console.conftest import PLACE, Browser, People, Room

GENERAL = ConversationKey("test", "team", "general")
BAD = "<script>alert(1)</script><img src=x onerror=alert(1)>"
AGENTS = "/console/agents"
TOOLS = '''
import asyncio
from pathlib import Path
from bot.api import Context, Skill, Text, command, hookimpl, tool

FOLDER = Path("FOLDER")


@tool(effect="outward", matters=("to",))
async def send(ctx: Context, to: str) -> str:
    """Send a message to somebody. BAD"""
    await asyncio.to_thread(_append, f"send {to}\\n")
    return f"Sent to {to}."


def _append(text):
    with (FOLDER / "done").open("a") as file:
        file.write(text)


@command("deploy", remember=True)
async def deploy(ctx: Context) -> None:
    """Ask an admin."""
    if ctx.resumed is None:
        await ctx.suspend({"card": "The deploy of BAD"}, buttons=[("go", "Go on")], who="admins")
    await ctx.say(Text(f"deployed by {ctx.resumed.by}"))


@hookimpl
def register_tools():
    return [send]


@hookimpl
def register_skills():
    return [Skill("deploy", commands=(deploy,))]
'''.replace("BAD", BAD)
_events = itertools.count(1)


class Team(People):
    """A platform with channels, in which everybody is but those in `apart`: of each the channel and
    who is not in it. `opened` are the replies that nobody asked for by an event."""

    def __init__(self) -> None:
        super().__init__()
        self.apart: set[tuple[str, str]] = set()
        self.opened: list[RecordingSink] = []

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        found = await super().asker_now(person, place)
        ident = person.partition(":")[2]
        if found is None or (place.channel, ident) in self.apart:
            return None
        direct = place.workspace == "@dm"
        if direct and place.channel != f"d-{ident}":
            return None
        return replace(found, direct=direct)

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> RecordingSink:
        self.opened.append(RecordingSink())
        return self.opened[-1]


def direct_of(ident: str) -> ConversationKey:
    """The direct messages of somebody."""
    return replace(PLACE, channel=f"d-{ident}")


async def ask(
    room: Room, ident: str, command: str, place: ConversationKey = GENERAL, **options: Value
) -> View:
    """Have somebody call a command, and wait for the end of the reply."""
    author, sink = Author("test", ident, ident.capitalize()), RecordingSink()
    event = CommandCall(
        f"asked-{next(_events)}", place, author, command, options, direct=place.workspace == "@dm"
    )
    await room.app.core.accept(event, sink)
    return await sink.end()


def with_tools(folder: Path) -> dict[str, Any]:
    """The sections of config.yaml for a model that has a tool called when it is asked to "write to
    somebody", and for two servers of tools: one without its secret, and a loud one."""
    plugins = folder / "plugins"
    plugins.mkdir()
    (plugins / "tools.py").write_text(TOOLS.replace('"FOLDER"', repr(str(folder))))
    call = {"name": "send", "arguments": {"to": f"eve{BAD}"}}
    told = {"match": "write to somebody", "tool_calls": [call], "then": [{"text": "It is sent."}]}
    odd = hostile(folder, env=["NO_SUCH_SECRET"])
    loud = hostile(folder, "--malformed", "--named", BAD)
    return {
        "models": {
            "default": {"backend": "scripted", "replies": [told]},
            "embedder": {"backend": "scripted"},
        },
        "plugins": {"folders": [str(plugins)]},
        "mcp": {"servers": {"odd": odd, "loud": loud}},
    }


async def wait_for_approval(room: Room, by: str = "bob", place: Any = GENERAL) -> str:
    """Have somebody ask for what must be approved; returns the answer's id."""
    view = await ask(room, by, "agent", place, task="write to somebody")
    assert view.state == "waiting", view
    return view.turn


async def press(browser: Browser, path: str, **fields: str) -> int:
    form = await browser.form(AGENTS)
    return (await browser.post(path, token=form, **fields)).status_code


async def newest_change(room: Room) -> tuple[str, str, str]:
    one = (await ChangeRecord(room.app.database).newest(1))[0]
    return one.person, one.action, one.subject
