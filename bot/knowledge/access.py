"""Decides which knowledge bases may answer where, and who may read and change them.

An answer that others can read uses only documents that everyone there may see.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from bot.commands.authorization import Request
from bot.commands.checks import ALLOWED, Asker, Decision
from bot.types import Author, ConversationKey

ChosenBaseLookup: TypeAlias = Callable[[ConversationKey], Awaitable[str | None]]
"""Returns the knowledge base chosen for a conversation, or None."""

THEIRS_ALONE = (
    "What a person added in a direct message is theirs alone, and stays in direct messages."
)
NOT_HERE = "These documents are not for this place."


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


class DocumentAccess:
    """Who may read and change which documents; the standing rule for `docs.read`, `docs.add` and
    `docs.remove`.

    `bases` are the knowledge bases of config.yaml, `chosen_base` finds the one that an admin chose
    for a conversation.
    """

    def __init__(
        self, bases: Mapping[str, BaseScope], chosen_base: ChosenBaseLookup | None = None
    ) -> None:
        self._bases = bases
        self._chosen_base = chosen_base

    async def bases(self, asker: Asker) -> Sequence[str]:
        """Returns the bases that may answer here, whether they exist or not, most specific first.

        A base that was chosen for the conversation replaces all but the asker's private one.
        """
        names = bases_for(asker, self._bases)
        chosen = await self._chosen_base(asker.conversation) if self._chosen_base else None
        return names if chosen is None else [*filter(is_private, names), chosen]

    async def __call__(self, request: Request) -> Decision | None:
        """Decides for one base: a private one is its owner's alone, in direct messages; a shared
        one is read where it answers, and by admins everywhere."""
        asker, base = request.asker, request.argument
        if is_private(base):
            own = asker.direct and base == private_base(asker.author)
            return ALLOWED if own else Decision(False, THEIRS_ALONE)
        if request.name != "docs.read" or not base or asker.admin:
            return None
        return ALLOWED if base in await self.bases(asker) else Decision(False, NOT_HERE)
