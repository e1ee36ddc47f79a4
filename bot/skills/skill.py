"""What a skill is, and what it is given: the event, and the services of `bot.skills.services`.

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
from bot.skills.context import Context, TurnRecord
from bot.skills.services import Knowledge, Prompts, Services, Settings, Turns, Web
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


async def model_names(asked: Completion) -> Sequence[str]:
    """Completes the name of a model."""
    models: Models = asked.services.models
    return [name for name in models.names() if name.startswith(asked.prefix)]


MessageSkill = Any
"""An async generator function `(ctx: Context) -> AsyncIterator[Part]`, for free text."""


@dataclass(frozen=True, slots=True)
class Skill:
    """What a plugin registers: commands, and perhaps an answerer of free text.

    `answer` is asked for every message, in the order of `priority` (lowest first), where `wants`
    says yes (or is None); the first match takes it.
    """

    name: str
    commands: tuple[Command, ...] = ()
    answer: MessageSkill | None = None
    wants: Any | None = None
    priority: int = 100
    settings: Mapping[str, Any] = field(default_factory=dict)
