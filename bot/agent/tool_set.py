"""Which tools a person may have called in a place, and which of them a model is shown."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from backends.base import Tool
from bot.agent.model_words import ABOUT_FIND_TOOLS, ABOUT_QUERY
from bot.commands.authorization import Authorize
from bot.commands.checks import ALLOWED, Asker
from bot.commands.declaration import options_schema
from bot.commands.options import Option
from bot.knowledge.relevance import combine, stems, word_scores
from bot.skills.context import Context
from bot.skills.service_protocols import LikenessOf
from bot.skills.services import ToolsByPerson
from bot.skills.tool import AgentTool

MAX_OFFERED_TOOLS: Final = 8
"""Most tools whose schemas stand in a prompt at first; the others are found by `find_tools`."""
MAX_OFFERED_CHARACTERS: Final = 3_200
"""About how much these schemas take as JSON; some 1,000 tokens."""
_MAX_FOUND_TOOLS: Final = 4
_MAX_FOUND_CHARACTERS: Final = 2_000
_MAX_DESCRIPTION_CHARACTERS: Final = 300
"""How much of a tool's description stands in a prompt where there are more tools than are shown."""
_MAX_LINE_CHARACTERS: Final = 120
_MAX_COMPARED_CHARACTERS: Final = 1_000


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
    if isinstance(ctx.services.tools, ToolsByPerson):
        await ctx.services.tools.load()
    for one in ctx.services.tools:
        reason = await refusal_of(ctx, one)
        if reason:
            refused.append(RefusedTool(one, reason))
        else:
            usable.append(one)
    return UsableTools(tuple(usable), tuple(refused))


async def refusal_of(ctx: Context, wanted: AgentTool) -> str:
    """Why the person who asks may not have a tool called here; empty if they may."""
    return await refusal_for(ctx.asker, wanted, ctx.services.authorize)


async def refusal_for(asker: Asker, wanted: AgentTool, authorize: Authorize) -> str:
    """Why somebody may not have a tool called where they are; empty if they may."""
    for action in (f"tool:{wanted.name}", *wanted.needs):
        decision = await authorize(asker, action, asker.conversation)
        if not decision.allowed:
            return decision.reason
    checked = ALLOWED if wanted.check is None else wanted.check.decide(asker)
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

    def __init__(
        self, tools: Sequence[AgentTool], task: str, likeness: LikenessOf | None = None
    ) -> None:
        self._task, self._likeness = task, likeness
        self._tools = {one.name: one for one in tools}
        all_of_them = _fitting(tools, MAX_OFFERED_TOOLS, MAX_OFFERED_CHARACTERS)
        self.searchable = len(all_of_them) < len(tools)
        """Whether there are more than are shown."""
        self._first = all_of_them
        self._added: list[Tool] = []

    async def choose(self) -> None:
        """Choose those that are shown at first, where there are more."""
        if self.searchable:
            room = MAX_OFFERED_CHARACTERS - _size(FIND_TOOLS)
            best = _fitting(await self._ranked(self._task), MAX_OFFERED_TOOLS - 1, room)
            self._first = [one for one in self._tools.values() if one in best]

    async def _ranked(self, task: str) -> list[AgentTool]:
        tools = list(self._tools.values())
        texts = [_about(one) for one in tools]
        asked = task[:_MAX_COMPARED_CHARACTERS]
        alike = await self._likeness(asked, texts) if self._likeness is not None else None
        return rank_tools(tools, task, alike)

    @property
    def offered(self) -> list[Tool]:
        """The tools as a model is offered them."""
        if not self.searchable:
            return [*map(_offer, self._first), *self._added]
        return [*map(_offer_shortly, self._first), FIND_TOOLS, *self._added]

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

    async def find(self, query: str) -> str:
        """Show the tools that fit a query best; returns a line for each."""
        best = _fitting(await self._ranked(query), _MAX_FOUND_TOOLS, _MAX_FOUND_CHARACTERS)
        shown = {one.name for one in self._first} | {one.name for one in self._added}
        self._added += [_offer_shortly(one) for one in best if one.name not in shown]
        return "\n".join(f"{one.name}: {one.description[:_MAX_LINE_CHARACTERS]}" for one in best)


def _offer(tool: AgentTool) -> Tool:
    return Tool(tool.name, tool.description, tool.parameters)


def _offer_shortly(tool: AgentTool) -> Tool:
    about = tool.description[: _MAX_DESCRIPTION_CHARACTERS + 1]
    if len(about) > _MAX_DESCRIPTION_CHARACTERS:
        about = f"{about.rpartition(' ')[0] or about} …"
    return Tool(tool.name, about, tool.parameters)


def _fitting(ranked: Sequence[AgentTool], most: int, characters: int) -> list[AgentTool]:
    """The first tools that have room, and the best in any case."""
    chosen: list[AgentTool] = []
    for one in ranked:
        if len(chosen) == most:
            break
        size = _size(_offer_shortly(one))
        if size <= characters or not chosen:
            chosen.append(one)
            characters -= size
    return chosen


def _size(tool: Tool) -> int:
    """About how many characters a tool takes in a prompt."""
    plain = json.dumps(dict(tool.parameters), ensure_ascii=False, default=str)
    return len(tool.name) + len(tool.description) + len(plain)


def rank_tools(
    tools: Sequence[AgentTool], task: str, alike: Sequence[float] | None = None
) -> list[AgentTool]:
    """Tools by the words of a task in their names, descriptions and arguments, the best first. A
    word counts the more the fewer tools have it. Where it is known how `alike` the task and each
    tool are, that comes first, and words decide between those that are about as alike."""
    scores = combine(word_scores(task, [_weighed_words(one) for one in tools]), alike)
    by_name = {one.name: score for one, score in zip(tools, scores, strict=True)}
    return sorted(tools, key=lambda one: -by_name[one.name])  # stable: as declared among equals


def _about(tool: AgentTool) -> str:
    """What a task is compared with."""
    words = tool.name.replace("_", " ").replace("-", " ")
    return f"{words}: {tool.description[:_MAX_DESCRIPTION_CHARACTERS]}"


def _weighed_words(tool: AgentTool) -> dict[str, float]:
    """The beginnings of the words that a tool is described with, and how much each counts."""
    properties = tool.parameters.get("properties", {})
    arguments = " ".join(map(str, properties)) if isinstance(properties, Mapping) else ""
    found: dict[str, float] = {}
    for text, weight in ((arguments, 0.5), (tool.description, 1.0), (tool.name, 2.0)):
        for stem in stems(text):
            found[stem] = found.get(stem, 0.0) + weight
    return found
