"""Which tools a person may have called in a place, and which of them a model is shown."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from backends.base import Tool
from bot.agent.model_words import ABOUT_FIND_TOOLS, ABOUT_QUERY
from bot.commands.checks import ALLOWED
from bot.commands.declaration import options_schema
from bot.commands.options import Option
from bot.skills.context import Context
from bot.skills.tool import AgentTool

MAX_OFFERED_TOOLS: Final = 8
"""Most tools whose schemas stand in a prompt at first; the others are found by `find_tools`."""
_MAX_FOUND_TOOLS: Final = 4
_MAX_LINE_CHARACTERS: Final = 120
_WORD = re.compile(r"[^\W_]{3,}")
_PREFIX_CHARACTERS: Final = 5


@dataclass(frozen=True, slots=True)
class RefusedTool:
    """A tool that a person may not have called here, and the reason as they read it."""

    tool: AgentTool
    reason: str


@dataclass(frozen=True, slots=True)
class UsableTools:
    """The tools of a person in a place, in the order in which they were declared."""

    tools: tuple[AgentTool, ...] = ()
    refused: tuple[RefusedTool, ...] = ()


async def usable_tools(ctx: Context) -> UsableTools:
    """Ask for each tool whether the person who asks may have it called here."""
    usable, refused = [], []
    for one in ctx.services.tools:
        reason = await refusal_of(ctx, one)
        if reason:
            refused.append(RefusedTool(one, reason))
        else:
            usable.append(one)
    return UsableTools(tuple(usable), tuple(refused))


async def refusal_of(ctx: Context, wanted: AgentTool) -> str:
    """Why the person who asks may not have a tool called here; empty if they may."""
    for action in (f"tool:{wanted.name}", *wanted.needs):
        decision = await ctx.services.authorize(ctx.asker, action, ctx.conversation)
        if not decision.allowed:
            return decision.reason
    checked = ALLOWED if wanted.check is None else wanted.check.decide(ctx.asker)
    return "" if checked.allowed else checked.reason


FIND_TOOLS: Final = Tool(
    "find_tools",
    ABOUT_FIND_TOOLS,
    options_schema([Option(ABOUT_QUERY, name="query", required=True)]),
)
"""Offered where there are more tools than are shown; `ToolView.find` answers it."""


class ToolView:
    """The tools that a model is shown: the best for the task, and those that it looked for since.

    They keep the order of their declaration, and new ones come last, so that the beginning of the
    prompt stays the same.
    """

    def __init__(self, tools: Sequence[AgentTool], task: str) -> None:
        self._tools = {one.name: one for one in tools}
        self.searchable = len(tools) > MAX_OFFERED_TOOLS
        """Whether there are more than are shown."""
        best = rank_tools(tools, task)[: MAX_OFFERED_TOOLS - 1] if self.searchable else tools
        self._first = [one for one in tools if one in best]
        self._added: list[Tool] = []

    @property
    def offered(self) -> list[Tool]:
        """The tools as a model is offered them."""
        search = [FIND_TOOLS] if self.searchable else []
        return [*map(_offer, self._first), *search, *self._added]

    def add(self, tool: Tool) -> None:
        """Offer a tool from now on, after all others."""
        if tool not in self._added:
            self._added.append(tool)

    @property
    def names(self) -> Collection[str]:
        """The names of all tools."""
        return self._tools.keys()

    def get(self, name: str) -> AgentTool | None:
        """Return a tool by its name, also one that is not shown."""
        return self._tools.get(name)

    def find(self, query: str) -> str:
        """Show the tools that fit a query best; returns a line for each."""
        best = rank_tools(tuple(self._tools.values()), query)[:_MAX_FOUND_TOOLS]
        shown = {one.name for one in self._first} | {one.name for one in self._added}
        self._added += [_offer(one) for one in best if one.name not in shown]
        return "\n".join(f"{one.name}: {one.description[:_MAX_LINE_CHARACTERS]}" for one in best)


def _offer(tool: AgentTool) -> Tool:
    return Tool(tool.name, tool.description, tool.parameters)


def rank_tools(tools: Sequence[AgentTool], task: str) -> list[AgentTool]:
    """Tools by how many words of a task are in their names and descriptions, the best first."""
    wanted = _stems(task)

    def score(one: AgentTool) -> float:
        named, described = _stems(one.name), _stems(one.description)
        return 2 * len(wanted & named) + len(wanted & described)

    return sorted(tools, key=score, reverse=True)  # stable: the order of declaration among equals


def _stems(text: str) -> set[str]:
    """The beginnings of the words of a text."""
    return {word[:_PREFIX_CHARACTERS] for word in _WORD.findall(text.casefold().replace("_", " "))}
