"""The declaration of a skill; it also exports the types that skills work with.

A skill is an async generator: it takes a `Context`, yields `Part`s, and never sees an adapter.
"""

from __future__ import annotations

from collections.abc import (
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from typing import Any

from bot.commands.declaration import Command, Completion
from bot.models.protocol import Models
from bot.skills.context import Context
from bot.skills.current_turn import TurnRecord
from bot.skills.service_protocols import Knowledge, Prompts, Settings, Turns, Web
from bot.skills.services import Services
from bot.values import Document, Ingested, ModelInfo, Page, Passage, SearchResult, Setting

__all__ = [
    "Context",
    "Document",
    "Ingested",
    "Knowledge",
    "MessageSkill",
    "ModelInfo",
    "Models",
    "Page",
    "Passage",
    "Prompts",
    "SearchResult",
    "Services",
    "Setting",
    "Settings",
    "Skill",
    "TurnRecord",
    "Turns",
    "Web",
    "model_names",
]


async def model_names(query: Completion) -> Sequence[str]:
    """Complete the name of a model; to be used as `Option(complete=model_names)`."""
    models: Models = query.services.models
    return [name for name in models.names() if name.startswith(query.prefix)]


MessageSkill = Any
"""An async generator function `(ctx: Context) -> AsyncIterator[Part]`, for free text."""


@dataclass(frozen=True, slots=True)
class Skill:
    """What a plugin registers: commands, and optionally a handler of free text.

    A message goes to the `answer` of the first skill whose `wants(message)` is true (or is None),
    in the order of `priority`, lowest first. Whoever may not write to the bot, or not use the
    command `answers_as` (by default the skill's first), is refused instead. A message without text
    and files is offered only to skills with a `wants`. `quick`: messages are answered without a
    model, at once, and are not stored.
    """

    name: str
    commands: tuple[Command, ...] = ()
    answer: MessageSkill | None = None
    wants: Any | None = None
    priority: int = 100
    settings: Mapping[str, Any] = field(default_factory=dict)
    answers_as: str = ""
    quick: bool = False

    @property
    def message_actions(self) -> tuple[str, ...]:
        """What a person must be allowed to do so that this skill answers their free text."""
        action = self.answers_as or (self.commands[0].name if self.commands else "")
        return ("message", action) if action else ("message",)
