"""Decides which knowledge bases may answer whom, and where.

An answer that others can read uses only documents that everyone there may see. In a direct message
a person finds what they may see elsewhere, their own documents, and nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.catalogue.sentence import say
from bot.commands.authorization import Request
from bot.commands.checks import ALLOWED, Asker, Decision
from bot.types import Author, ConversationKey

ChosenBaseLookup = Callable[[ConversationKey], Awaitable[str | None]]
"""Returns the knowledge base that an admin chose for a conversation, or None."""
ChannelsOf = Callable[[str, Collection[str]], Awaitable[frozenset[str]]]
"""`await channels_of(person, places)`: those of the channels and workspaces, written as in
config.yaml, that a person (an `Author.key`) can read. What nobody can tell is left out."""

THEIRS_ALONE = say(
    "What a person added in a direct message is theirs alone, and stays in direct messages."
)
NOT_HERE = say("These documents are not for this place.")


class BaseScope(Protocol):
    """Where a knowledge base answers, and whom; see `bot.config.knowledge.KnowledgeBase`."""

    @property
    def workspaces(self) -> tuple[str, ...]: ...
    @property
    def channels(self) -> tuple[str, ...]: ...
    @property
    def default(self) -> bool: ...
    @property
    def restricted(self) -> bool: ...
    def admits(self, author: Author, *, admin: bool) -> bool: ...


async def no_channels(person: str, places: Collection[str]) -> frozenset[str]:
    """The `ChannelsOf` of a process without platforms: nobody can tell."""
    return frozenset()


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


async def nothing_chosen(conversation: ConversationKey) -> str | None:
    """The `ChosenBaseLookup` of a process in which nobody chooses a base."""
    return None


@dataclass(frozen=True, slots=True)
class DocumentAccess:
    """Who may read and change which documents: the standing rule for `docs.read`, `docs.add` and
    `docs.remove`.

    `scopes` are the knowledge bases of config.yaml, `chosen_base` finds the one that an admin chose
    for a conversation, and `channels_of` asks the platforms.
    """

    scopes: Mapping[str, BaseScope]
    chosen_base: ChosenBaseLookup = nothing_chosen
    channels_of: ChannelsOf = no_channels

    async def __call__(self, request: Request) -> Decision | None:
        """Decide for one base: a private one is its owner's alone, in direct messages."""
        asker, base = request.asker, request.argument
        if is_private(base):
            own = asker.direct and base == private_base(asker.author)
            return ALLOWED if own else Decision(False, THEIRS_ALONE)
        if request.name != "docs.read" or not base:
            return None
        return ALLOWED if await self.may_read(asker, base) else Decision(False, NOT_HERE)

    async def may_read(self, asker: Asker, base: str) -> bool:
        """Tells whether this person may see and search a base in this place.

        They may if it answers them there. An admin may name any shared base; one for certain people
        only where nobody else reads the answer.
        """
        if is_private(base):
            return asker.direct and base == private_base(asker.author)
        if asker.admin and (asker.direct or self.is_for_everybody(base)):
            return True
        return base in await self.bases(asker)

    def is_for_everybody(self, base: str) -> bool:
        """Tells whether a base is neither private nor for certain people only."""
        scope = self.scopes.get(base)
        return not is_private(base) and (scope is None or not scope.restricted)

    async def bases(self, asker: Asker) -> Sequence[str]:
        """Returns the bases that may answer this asker in this place, the most specific first.

        In a channel: the base that an admin chose there; else those bound to the channel, then
        those bound to its workspace; where none is bound, the default one. One that is for certain
        people answers them alone, and before others only in a channel that it is bound to or was
        chosen for. In a direct message: the person's own, what is bound or was chosen there, what
        is bound to channels and workspaces that they are in, and what is for them by name or role.
        """
        names = await self._shared(asker)
        shared = [name for name in dict.fromkeys(names) if self._admits(asker, name)]
        return [private_base(asker.author), *shared] if asker.direct else shared

    async def _shared(self, asker: Asker) -> Sequence[str]:
        """Returns the shared bases of this place, whoever they admit."""
        chosen = await self.chosen_base(asker.conversation)
        if chosen is not None:
            return [chosen]
        channel = asker.conversation.scope("channel")
        workspace = asker.conversation.scope("workspace")
        bound = [name for name, base in self.scopes.items() if channel in base.channels]
        wide = [name for name, base in self.scopes.items() if workspace in base.workspaces]
        usual = [name for name, base in self.scopes.items() if base.default]
        if bound or wide:
            usual = []
        if not asker.direct:
            return [*bound, *(name for name in (*wide, *usual) if self.is_for_everybody(name))]
        elsewhere = await self._visible_elsewhere(asker.author)
        return [*bound, *wide, *elsewhere, *usual]

    def _admits(self, asker: Asker, base: str) -> bool:
        scope = self.scopes.get(base)
        return scope is None or scope.admits(asker.author, admin=asker.admin)

    async def _visible_elsewhere(self, author: Author) -> Sequence[str]:
        """Returns the bases of the places that somebody is in, and those without a place."""
        places = {
            n: frozenset((*base.channels, *base.workspaces)) for n, base in self.scopes.items()
        }
        asked = frozenset[str]().union(*places.values())
        theirs = await self.channels_of(author.key, asked) if asked else frozenset()
        return [
            name
            for name, base in self.scopes.items()
            if places[name] & theirs or (base.restricted and not places[name] and not base.default)
        ]
