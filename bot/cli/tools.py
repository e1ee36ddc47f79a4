"""The command `parlance tools`: which tools there are, and calling one without a model."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from bot.agent.model_words import argument_problem
from bot.agent.tool_set import refusal_of
from bot.cli.console import AsJson, console, errors, say, show, show_json, write
from bot.cli.loop import run_async, run_with_app
from bot.cli.options import ConfigPath, read_installation
from bot.commands.checks import Asker
from bot.config import CommandRule, Config, TerminalSettings
from bot.control_characters import escape_controls
from bot.errors import Denied, Failed, NotFound, UsageError, nearest
from bot.events import Message
from bot.skills.context import Context
from bot.skills.permitted_services import permit
from bot.skills.tool import AgentTool, ToolResult
from bot.turns.turn import Turn
from bot.types import Author, ConversationKey, Part

commands = typer.Typer(no_args_is_help=True, help="The tools that models may call; try one.")

_EFFECTS = {
    "read": "only looks",
    "write": "changes something",
    "outward": "sends something out",
}


@commands.command("list")
def list_(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Every tool: its plugin, what it does, who may have it used, and what was left out.

    What an admin set in chat comes on top: /tools says it to each person.
    """
    here = read_installation(config)
    rows = [
        {
            "name": one.name,
            "ok": True,
            "plugin": one.plugin,
            "effect": _EFFECTS[one.effect],
            "who": _who(one, here.config),
            "about": one.description,
        }
        for one in here.plugins.tools
    ]
    rows += [
        {
            "name": problem.tool,
            "ok": False,
            "plugin": problem.plugin,
            "effect": "",
            "who": "nobody",
            "about": f"left out: {problem.text}",
        }
        for problem in here.plugins.problems
        if problem.tool
    ]
    show(rows, as_json=as_json, empty="There are no tools.")


@commands.command("test")
def try_tool(
    name: Annotated[str, typer.Argument(help="The tool, as `parlance tools list` names it.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE…", help="The arguments of the call.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before it changes or sends anything.")
    ] = False,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Call a tool once, with the rights of the person at the terminal, and show what it returns."""

    tool = _find(read_installation(config).plugins.tools, name)
    given = _given(tool, arguments or ())
    if problem := run_async(argument_problem(tool, given)):
        raise UsageError(problem.removesuffix(" Call it again."))
    asked = f"{tool.name} {_EFFECTS[tool.effect]}: {json.dumps(given, ensure_ascii=False)}."
    if tool.effect != "read" and not yes and not _confirm(f"{asked} Do it?"):
        raise Failed("Not done. With --yes it is done without asking.")

    async def work(app: Any) -> tuple[ToolResult, float]:
        ctx = _context(app)
        if refusal := await refusal_of(ctx, tool):
            raise Denied(refusal)
        return await _call(tool, ctx, given)

    found, seconds = run_with_app(config, work)
    if as_json:
        show_json({"result": found.text, "origin": found.origin, "name": found.name,
                   "seconds": round(seconds, 3), "sources": found.sources})  # fmt: skip
        return
    write(found.text)
    for source in found.sources:
        console.print(f"[{source.number}] {source.title} ({source.location})", soft_wrap=True)
    written = f"{found.origin}: {found.name}" if found.name else str(found.origin)
    say(f"Written by {written}; {len(found.text):,} characters in {seconds:.2f} s.")


async def _call(
    tool: AgentTool, ctx: Context, given: Mapping[str, Any]
) -> tuple[ToolResult, float]:
    """What a call returns, with the origin filled in, and how long it took."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(tool.timeout_s):
            returned = await tool.handler(ctx, **tool.bind(given))
    except TimeoutError:
        raise Failed(f"{tool.name} took longer than {tool.timeout_s:g} s.") from None
    made = ToolResult(returned) if isinstance(returned, str) else returned
    seconds = time.perf_counter() - began
    return ToolResult(made.text, made.origin or tool.results, made.name, made.sources), seconds


def _confirm(question: str) -> bool:
    """Ask on standard error; where nobody can answer, no."""
    errors.print(escape_controls(question), "[y/N]", end=" ", soft_wrap=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _find(tools: Sequence[AgentTool], name: str) -> AgentTool:
    known = {one.name: one for one in tools}
    if name not in known:
        near = nearest(name, known)
        hint = f"did you mean {near}?" if near else "`parlance tools list` names them."
        raise NotFound(f"There is no tool {name}; {hint}")
    return known[name]


def _given(tool: AgentTool, arguments: Sequence[str]) -> dict[str, Any]:
    """The arguments in the types that the tool declares; a text where it declares none. Raises
    `UsageError`."""
    kinds: Mapping[str, Any] = tool.parameters.get("properties", {})
    given: dict[str, Any] = {}
    for one in arguments:
        key, mark, value = one.partition("=")
        if not mark or not key:
            raise UsageError(f"{one!r} is no argument; write KEY=VALUE, such as query=lamps.")
        kind = kinds.get(key, {}).get("type", "string") if key in kinds else "string"
        given[key] = value if kind == "string" else _read_json(value)
    return given


def _read_json(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value  # the check of the arguments says what is wrong with it


def _context(app: Any) -> Context:
    """The context of a call that the person at the terminal makes."""
    config: Config = app.installation.config
    author = Author("terminal", config.section(TerminalSettings).user, "operator")
    place = ConversationKey("terminal", "local", "tools")
    asker = Asker(author, place, direct=True, admin=config.is_admin(author))
    message = Message("tools", place, author, "", direct=True)
    turn = Turn("tools", message, asker, output=_Silent())
    return Context(turn, permit(app.services, asker))


class _Silent:
    """Takes what a tool says besides its result."""

    def add(self, part: Part) -> None:
        return None


def _who(tool: AgentTool, config: Config) -> str:
    """Who may have a tool used, by config.yaml and the tool's own check."""
    rules = (config.commands.get(f"tool:{tool.name}"), config.commands.get("tool"))
    words = next((_rule_words(rule) for rule in rules if rule is not None), "everybody")
    if words == "nobody":
        return words
    more = [f"needs {tool.check.reason}"] if tool.check is not None else []
    more += [f"needs the right to {action}" for action in tool.needs]
    return "; ".join([words, *more])


def _rule_words(rule: CommandRule) -> str:
    if not rule.enabled:
        return "nobody"
    named = (*rule.users, *rule.roles)
    if rule.admins_only or named:
        return ", ".join(["admins", *named])
    return "everybody"
