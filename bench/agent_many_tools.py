"""The questions of BFCL `multiple` (Apache-2.0), with 40 tools of five MCP servers beside: what the
shown tools add to the prompt, and whether the right one can still be called.

The player is offered what a model is. It calls the right tool where it is shown; else it looks for
tools once with the words of the question, and calls it if it is shown then.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from backends.base import Backend, ChatMessage, ChatRequest, Tool
from backends.files.store import ModelStore
from backends.scripted.script import Reply, ScriptedCall
from bench.agent_sets import FOLDER, NotFetched, fetch
from bench.agent_stage import Call, always, stage
from bench.documents import real_embedder
from bench.engine_load import SHA256, SOURCE, engine
from bench.notations import Case, read_cases
from bench.rows import Row
from bot.agent.tool_set import FIND_TOOLS, ToolView
from bot.knowledge.likeness import Likeness
from bot.knowledge.retrieval.embedder import Embedder
from bot.mcp.safe_schema import safe_schema
from bot.skills.tool import AgentTool

_MOST_TOKENS: Final = 1_200
_LEAST_RIGHT: Final = 0.95
_PACKAGES: Final = (
    "@modelcontextprotocol/server-everything@2026.8.31",
    "@modelcontextprotocol/server-filesystem@2026.8.31",
    "@modelcontextprotocol/server-memory@2026.8.31",
)
_TOOLS: Final = {"time": 2, "git": 12, "filesystem": 14, "memory": 9, "everything": 3}
"""How many tools of each server are taken: 40."""


@dataclass
class Chooser:
    """A scripted model that knows which call is right, and calls what it is shown."""

    right: Call
    question: str
    shown: list[int] = field(default_factory=list)
    offered: Sequence[Tool] = ()
    called: bool = False

    def __call__(self, request: ChatRequest) -> Reply:
        if self.called or not request.tools:
            return Reply("Done.")
        self.offered = self.offered or request.tools
        names = {one.name for one in request.tools}
        self.shown.append(len(names))
        if self.right[0] in names:
            self.called = True
            return Reply(tool_calls=(ScriptedCall(name=self.right[0], arguments=self.right[1]),))
        if len(self.shown) > 1 or FIND_TOOLS.name not in names:
            return Reply("None of the tools fits.")
        query = {"query": self.question}
        return Reply(tool_calls=(ScriptedCall(name=FIND_TOOLS.name, arguments=query),))


async def rows(quick: bool) -> list[Row]:
    """Play the questions. Raises `NotFetched`."""
    data = fetch() / "bfcl_eval" / "data"
    answers = data / "possible_answer" / "BFCL_v4_multiple.json"
    cases = read_cases(data / "BFCL_v4_multiple.json", answers)
    live = _live_cases(data)
    beside = await _server_tools()
    at_once = found = 0
    added: list[int] = []
    path = await asyncio.to_thread(ModelStore().fetch, SOURCE, SHA256)
    played = cases[:: 10 if quick else 1]
    async with engine(path) as counter:
        for case in played:
            chooser = await _play(case, beside)
            at_once += chooser.called and len(chooser.shown) == 1
            found += chooser.called
            added.append(await _tokens(counter, chooser.offered))
    views = [await _shown(set_, beside, quick) for set_ in (cases, live)]
    count, most = len(played), max(added)
    share = found / count
    return [
        Row(f"tokens added by {len(beside)} tools of 5 servers and a question's own, most", most,
            "", f"≤ {_MOST_TOKENS:,}", most <= _MOST_TOKENS),
        Row("… median", statistics.median(added), "", "", None),
        Row(f"right tool shown at once, BFCL multiple, {count}", at_once / count, "", "", None),
        Row("right tool called, looked for once where it is not shown", share,
            "", f"≥ {_LEAST_RIGHT}", share >= _LEAST_RIGHT),
        *(
            Row(f"right tool in view, BFCL {name}, by {how}, {count}", share, "", "", None)
            for name, view in zip(("multiple", "live_multiple"), views, strict=True)
            for how, share, count in view
        ),
    ]  # fmt: skip


def _live_cases(data: Path) -> list[Case]:
    answers = data / "possible_answer" / "BFCL_v4_live_multiple.json"
    found = read_cases(data / "BFCL_v4_live_multiple.json", answers)
    return [one for one in found if len(one.calls) == 1]


async def _shown(
    cases: Sequence[Case], beside: Sequence[AgentTool], quick: bool
) -> list[tuple[str, float, int]]:
    """How often the right tool is shown at first: by words, and by the embedder with them."""
    played = cases[:: 10 if quick else 1]
    async with real_embedder() as embedder:

        async def loaded() -> Embedder:
            return embedder

        likeness = Likeness(loaded)
        shares = []
        for how, told in (("words", None), ("the embedder", likeness)):
            shown = 0
            for case in played:
                tools = [*beside, *_own(case)]
                view = ToolView(tools, case.question, told)
                await view.choose()
                shown += _plain(case.calls[0].name) in {one.name for one in view.offered}
            shares.append((how, shown / len(played), len(played)))
        return shares


def _own(case: Case) -> list[AgentTool]:
    made = [_agent_tool(one.name, one.description, one.parameters) for one in case.tools]
    return list({one.name: one for one in made}.values())


async def real_rows(model: Backend, quick: bool) -> list[Row]:
    """How often a real model calls the right tool first. Raises `NotFetched`."""
    data = fetch() / "bfcl_eval" / "data"
    answers = data / "possible_answer" / "BFCL_v4_multiple.json"
    beside = await _server_tools()
    played = read_cases(data / "BFCL_v4_multiple.json", answers)[:: 10 if quick else 1]
    right = 0
    for case in played:
        called: list[str] = []
        tools = [_noting(one, called) for one in (*beside, *_own(case))]
        async with stage(tools, model) as on:
            await on.play(case.question, lambda request: Reply(), always)
        right += called[:1] == [_plain(case.calls[0].name)]
    name = f"BFCL multiple among 40 tools, {model.name}: right tool called first, {len(played)}"
    return [Row(name, right / len(played), "", "", None)]


def _noting(tool: AgentTool, called: list[str]) -> AgentTool:
    async def run(ctx: Any, **given: Any) -> str:
        called.append(tool.name)
        return "Done."

    return replace(tool, handler=run)


async def _play(case: Case, beside: Sequence[AgentTool]) -> Chooser:
    (call,) = case.calls
    chooser = Chooser((_plain(call.name), call.arguments), case.question)
    async with stage([*beside, *_own(case)]) as on:
        await on.play(case.question, chooser, always)
    return chooser


async def _tokens(counter: Backend, tools: Sequence[Tool]) -> int:
    """What the tools take in a prompt, a line of JSON each, as most templates write them."""
    lines = []
    for one in tools:
        told = {
            "name": one.name,
            "description": one.description,
            "parameters": dict(one.parameters),
        }
        lines.append(json.dumps({"type": "function", "function": told}, ensure_ascii=False))
    text, none = "\n".join(lines), ChatMessage("user", "")
    return await counter.count([ChatMessage("user", text)]) - await counter.count([none])


def _plain(name: str) -> str:
    return name.replace(".", "_").casefold()


def _agent_tool(name: str, description: str, parameters: Mapping[str, Any]) -> AgentTool:
    async def run(ctx: Any, **given: Any) -> str:
        return "Done."

    words = " ".join(description.split())
    return AgentTool(_plain(name), words, run, safe_schema(parameters))


async def _server_tools() -> list[AgentTool]:
    """40 tools of real servers, as these describe them."""
    from mcp import Client, StdioServerParameters, stdio_client

    made = []
    for server, (command, *arguments) in (await asyncio.to_thread(_servers)).items():
        started = StdioServerParameters(command=command, args=arguments)
        with await asyncio.to_thread(open, os.devnull, "w", encoding="utf-8") as silent:
            async with Client(stdio_client(started, errlog=silent)) as client:
                listed = (await client.list_tools()).tools[: _TOOLS[server]]
        made += [
            _agent_tool(f"{server}_{one.name}", one.description or "", one.input_schema)
            for one in listed
        ]
    return made


def _servers() -> dict[str, list[str]]:
    """How the servers are started; those of npm are installed into the build folder."""
    folder = FOLDER / "npm"
    programs = folder / "node_modules" / ".bin"
    if not (programs / "mcp-server-everything").exists():
        npm = shutil.which("npm")
        if npm is None:
            raise NotFetched("there is no npm, which the servers are installed with")
        folder.mkdir(parents=True, exist_ok=True)
        command = (npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder))
        ended = subprocess.run([*command, *_PACKAGES], capture_output=True, text=True, check=False)
        if ended.returncode:
            raise NotFetched("npm could not install the servers")
    python = sys.executable
    return {
        "time": [python, "-m", "mcp_server_time", "--local-timezone", "Europe/Berlin"],
        "git": [python, "-m", "mcp_server_git"],
        "filesystem": [str(programs / "mcp-server-filesystem"), str(Path.cwd() / FOLDER)],
        "memory": [str(programs / "mcp-server-memory")],
        "everything": [str(programs / "mcp-server-everything")],
    }
