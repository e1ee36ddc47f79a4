"""The platforms that are connected, by name, for what the core asks of them without an event."""

from __future__ import annotations

from typing import Protocol

from bot.commands.checks import Asker
from bot.errors import NotFound
from bot.replies.protocol import Sink
from bot.types import Author, ConversationKey


class Platform(Protocol):
    """The part of an adapter that the core may call."""

    name: str

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> Sink: ...

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None: ...


class Platforms:
    """The connected platforms."""

    def __init__(self) -> None:
        self._connected: dict[str, Platform] = {}

    def connect(self, platform: Platform) -> None:
        """Add a platform that is ready."""
        self._connected[platform.name] = platform

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, turn: str
    ) -> Sink:
        """Begin a reply that no event asked for: in the place, or for one person alone.

        Raises `NotFound` if the platform is not connected, and what the platform raises.
        """
        platform = self._connected.get(conversation.platform)
        if platform is None:
            raise NotFound(f"{conversation.platform} is not connected.")
        return await platform.open_reply(conversation, audience, turn=turn)

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        """The person with the rights that they have in a place now; None if nobody can tell."""
        platform = self._connected.get(place.platform)
        return None if platform is None else await platform.asker_now(person, place)
