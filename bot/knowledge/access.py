"""Decides which knowledge bases may answer where.

An answer that others can read uses only documents that everyone there may see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.commands.checks import Asker
from bot.types import Author


class BaseScope(Protocol):
    """Where a knowledge base answers, as `bot.config.knowledge.KnowledgeBase` says."""

    @property
    def workspaces(self) -> tuple[str, ...]: ...
    @property
    def channels(self) -> tuple[str, ...]: ...
    @property
    def default(self) -> bool: ...


def private_base(author: Author) -> str:
    """Returns the name of the private knowledge base of a person, for direct messages."""
    return f"@{author.key}"


def is_private(base: str) -> bool:
    """Tells whether a knowledge base belongs to one person."""
    return base.startswith("@")


def default_base(bases: Mapping[str, BaseScope]) -> str:
    """Returns the base that new documents go to when none is named."""
    marked = [name for name, base in bases.items() if base.default]
    return (marked or [*bases, "default"])[0]


def bases_for(asker: Asker, bases: Mapping[str, BaseScope]) -> Sequence[str]:
    """Returns the bases that may answer this asker in this place, the most specific first.

    In a direct message: the person's own, then what the workspace has. In a channel: those bound
    to it, then those bound to its workspace; where none is bound, the default one.
    """
    channel = asker.conversation.scope("channel")
    workspace = asker.conversation.scope("workspace")
    bound = [name for name, base in bases.items() if channel in base.channels]
    bound += [name for name, base in bases.items() if workspace in base.workspaces]
    if not bound:
        bound = [name for name, base in bases.items() if base.default]
    own = [private_base(asker.author)] if asker.direct else []
    return list(dict.fromkeys([*own, *bound]))
