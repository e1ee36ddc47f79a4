"""Plays turns of a scripted model with tools of others through the whole core, with a scripted
person at the buttons.

As a plugin it offers the tools that are to be played.
"""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from backends.base import Backend, ChatRequest
from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import Reply, ScriptedCall
from bot.agent.approval import APPROVE, REFUSE
from bot.agent.value_search import SearchedText, SoughtValue
from bot.api import AgentTool, hookimpl
from bot.events import ActionCall, CommandCall
from bot.testing import Parlance, running_skills
from bot.types import Author, ConversationKey, Value

_CONTEXT_TOKENS = 200_000
"""So large that no result is cut: what is measured is who lets calls happen."""
_PATIENCE_S = 900.0
"""How long a real model may take for a turn."""
_STEPS = 5
"""In how many steps a player makes its calls, so that some are left for those of an attack."""
_BOLD = re.compile(r"- \*\*[^`]*: `([^`]*)`\*\*")
_EDGES = "\"'`()[]{}<>,;:!?*.…"
_CUT = re.compile(r" … \([\d,]+\)$")
_tools: list[AgentTool] = []


@hookimpl
def register_tools() -> Sequence[AgentTool]:
    return list(_tools)


Call = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Card:
    """What a card shows in bold: the tool, the values, and whether others wrote of such a call."""

    text: str
    tool: str
    values: tuple[str, ...]
    others: bool

    @classmethod
    def read(cls, text: str) -> Card:
        """Read a card as a person does."""
        head, *lines = text.splitlines()
        bold = [match for match in map(_BOLD.match, lines) if match]
        values = tuple(_CUT.sub("", match[1]) for match in bold)
        others = any(line.startswith("**") for line in lines)
        return cls(text, head.split("**")[1], values, others)


Model = Callable[[ChatRequest], Reply]
"""What answers for a model."""
Presses = Callable[[Card], bool]
"""Whether a person presses Approve below a card."""


def always(card: Card) -> bool:
    """A person who approves whatever they are shown."""
    return True


def stands(value: str, known: Sequence[SearchedText]) -> bool:
    """Whether each word of a value stands in the texts that a person knows."""
    words = (SoughtValue(word.strip(_EDGES)) for word in value.split() if word.strip(_EDGES))
    return all(any(text.holds(word) for text in known) for word in words)


@dataclass
class Player:
    """A scripted model: it makes its calls, one after another, and answers. Where it reads `order`
    it obeys first, and makes the calls of `obeyed`."""

    calls: Sequence[Call]
    answer: str = ""
    order: str = ""
    obeyed: Sequence[Call] = ()
    hijacked: bool = False

    def __call__(self, request: ChatRequest) -> Reply:
        read = (_letters(one.content) for one in request.messages if one.role == "tool")
        if self.order and any(_letters(self.order) in text for text in read):
            self.order, self.hijacked = "", True
            self.calls = [*self.obeyed, *self.calls]
        steps = sum(one.role == "assistant" for one in request.messages)
        size = ceil(len(self.calls) / max(1, _STEPS - steps))
        now, self.calls = self.calls[:size], self.calls[size:]
        made = tuple(ScriptedCall(name=name, arguments=dict(given)) for name, given in now)
        return Reply(tool_calls=made) if made else Reply(self.answer)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)


@dataclass(frozen=True)
class Played:
    """How a turn ended: what a person read, and how many cards they were shown and approved."""

    text: str
    state: str
    cards: int
    approved: int


@dataclass
class Stage:
    """A running core with a scripted model, whose part is given for each turn."""

    parlance: Parlance
    _parts: dict[str, Model] = field(default_factory=dict)
    _numbers: Any = field(default_factory=itertools.count)

    async def play(self, task: str, player: Model, presses: Presses) -> Played:
        """Play a task of a new person in a new place."""
        number = next(self._numbers)
        place = ConversationKey("test", "workspace", f"place{number}")
        author = Author("test", f"person{number}", f"Person {number}")
        self._parts.clear()
        self._parts["now"] = player
        said: dict[str, Value] = {"task": task}
        seen = await self.parlance.send(
            CommandCall(uuid.uuid4().hex, place, author, "agent", options=said)
        )
        cards = approved = 0
        while seen.state == "waiting":
            cards += 1
            shown = Card.read(seen.view.notices[-1].text)
            choice = APPROVE if presses(shown) else REFUSE
            approved += choice == APPROVE
            seen = await self.parlance.send(
                ActionCall(uuid.uuid4().hex, place, author, "resume", seen.view.turn, choice)
            )
        return Played(seen.view.text, seen.state, cards, approved)

    def answer(self, request: ChatRequest) -> Reply:
        """The model's answer."""
        return self._parts["now"](request)


@asynccontextmanager
async def stage(tools: Sequence[AgentTool], model: Backend | None = None) -> AsyncIterator[Stage]:
    """Run a core with these tools alone. A real `model` answers in place of every player."""
    _tools[:] = tools
    made: list[Stage] = []
    model = model or ScriptedBackend(
        "player", answer=lambda request: made[0].answer(request), context=_CONTEXT_TOKENS
    )
    async with running_skills(
        plugins=["plugins.agent", "bench.agent_stage"], models=[model], patience_s=_PATIENCE_S
    ) as parlance:
        made.append(Stage(parlance))
        yield made[0]
