"""A tool that a person calls without a model, with a program of theirs: a turn like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot.catalogue.sentence import say
from bot.commands.authorization import Authorize
from bot.commands.checks import ALLOWED, Asker, Decision
from bot.errors import Failed, NotFound, UserFacingError
from bot.events import CommandCall
from bot.history.tool_calls import CallId, CallState
from bot.skills.context import Context
from bot.skills.tool import AgentTool, ToolResult
from bot.turns.turn import Route
from bot.types import Sources, Text

TOOL_CALL_PREFIX: Final = "tool:"
"""Begins the name of a `CommandCall` that calls a tool."""


def actions_of_tool(tool: AgentTool) -> tuple[str, ...]:
    """What a person must be allowed to do to have a tool called."""
    return (f"{TOOL_CALL_PREFIX}{tool.name}", *tool.needs)


async def decide_tool(authorize: Authorize, asker: Asker, tool: AgentTool) -> Decision:
    """Decide whether a person may have a tool called where they are."""
    for action in actions_of_tool(tool):
        decision = await authorize(asker, action, asker.conversation)
        if not decision.allowed:
            return decision
    return ALLOWED if tool.check is None else tool.check.decide(asker)


def tool_route(call: CommandCall, tools: Sequence[AgentTool]) -> Route:
    """Return the route of a call of a tool that only looks something up, or that a person accepts
    by it: what another one does needs their approval. Raises `NotFound`."""
    called, given = call.name.removeprefix(TOOL_CALL_PREFIX), call.options
    accepted = CallId(*call.accepts) if call.accepts is not None else None
    usable = (one for one in tools if one.effect == "read" or accepted is not None)
    tool = next((one for one in usable if one.name == called), None)
    if tool is None:
        raise NotFound(say("There is no tool of that name."))

    async def run(ctx: Context) -> None:
        if tool.check is not None:
            ctx.require(tool.check)
        if accepted is None:
            await _answer(ctx, tool, given)
            return
        state: CallState = "failed" if tool.repeatable else "untold"
        try:
            await _answer(ctx, tool, given)
            state = "done"
        except UserFacingError:
            state = "failed"
            raise
        finally:
            if ctx.services.calls is not None:
                await asyncio.shield(ctx.services.calls.end(accepted, state, ""))

    said = ", ".join(f"{key}={value}" for key, value in given.items())
    return Route(
        skill=tool.plugin,
        run=run,
        text=f"{tool.name}: {said}" if said else tool.name,
        actions=actions_of_tool(tool),
        at_once=accepted is not None,
        private=accepted is not None,
    )


async def _answer(ctx: Context, tool: AgentTool, given: Mapping[str, Any]) -> None:
    try:
        async with asyncio.timeout(tool.timeout_s) as scope:
            result = await tool.handler(ctx, **tool.bind(given))
    except TimeoutError:
        if not scope.expired():
            raise
        raise Failed(say("This took too long; please try again.")) from None
    except ValueError as error:
        raise Failed(str(error)) from None
    made = ToolResult(result) if isinstance(result, str) else result
    await ctx.say(Text(made.text[: tool.result_characters]))
    if made.sources:
        await ctx.say(Sources(made.sources))
