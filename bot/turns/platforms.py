"""The platforms that are connected, and what the core asks of them without an event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

import structlog

from bot.adapters.protocol import Adapter, is_served_everywhere
from bot.catalogue.sentence import say
from bot.commands.checks import Asker
from bot.errors import Refused
from bot.events import Attachment, Reader
from bot.processes.peers import Peers
from bot.processes.received_events import Handler
from bot.replies.protocol import Reply, Sink
from bot.turns.platforms_elsewhere import PlatformsElsewhere
from bot.types import Author, ConversationKey

_log = structlog.get_logger(__name__)

_LOOKUP_TIMEOUT_S = 10.0
"""Longest wait for a platform that does not keep to its own limits."""


class Platforms:
    """Finds a platform by its name. What a platform cannot tell in time is answered with no."""

    def __init__(self, is_admin: Callable[[Author], bool]) -> None:
        self._is_admin = is_admin
        self._adapters: dict[str, Adapter] = {}
        self._told: list[Callable[[], None]] = []
        self._draining = False
        self._elsewhere = PlatformsElsewhere(None, self)

    def join(self, peers: Peers | None) -> None:
        """Ask the other processes, too, which serve platforms that are not connected here."""
        self._elsewhere = PlatformsElsewhere(peers, self)

    @property
    def connected(self) -> Collection[str]:
        """The names of the platforms on which the bot may begin something by itself: those that are
        connected, and none while it drains."""
        return () if self._draining else self._adapters.keys()

    def handlers(self) -> Mapping[str, Handler]:
        """What handles an event that was stored as it came, for each connected platform that has
        such a function; none while the process drains."""
        connected = {name: self._adapters[name] for name in self.connected}
        return {
            name: Handler(adapter.handle_received, getattr(adapter, "received_format", 0))
            for name, adapter in connected.items()
            if hasattr(adapter, "handle_received")
        }

    def drain(self) -> None:
        """From now on the bot begins nothing by itself: the process is about to end."""
        self._draining = True

    def serves_everywhere(self, platform: str) -> bool:
        """Whether the events of a platform may come to any of several processes."""
        return is_served_everywhere(self._adapters.get(platform))

    def watch(self, told: Callable[[], None]) -> None:
        """Have something called each time that a platform connects, or that this process begins to
        lead one."""
        self._told.append(told)

    def tell_watchers(self) -> None:
        """Have everybody look who waits for a platform."""
        for told in self._told:
            told()

    @contextmanager
    def connect(self, adapter: Adapter) -> Iterator[None]:
        """Register an adapter under its name, for the duration of a `with` block."""
        self._adapters[adapter.name] = adapter
        self.tell_watchers()
        try:
            yield
        finally:
            if self._adapters.get(adapter.name) is adapter:
                del self._adapters[adapter.name]

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> Sink:
        """Begin a reply that no event asked for, as `Adapter.open_reply` does.

        Raises `Refused` where the platform is not connected, and what the adapter raises.
        """
        adapter = self._adapters.get(conversation.platform)
        if adapter is None:
            raise Refused(say("The platform of this conversation is not connected."))
        return await adapter.open_reply(conversation, audience, turn=turn)

    async def withdraw_reply(self, reply: Reply | None) -> None:
        """Take the messages of an answer away that another one has replaced, where the platform
        can."""
        adapter = self._adapters.get(reply.platform) if reply is not None else None
        withdraw = getattr(adapter, "withdraw_reply", None)
        if reply is None or withdraw is None:
            return
        try:
            async with asyncio.timeout(_LOOKUP_TIMEOUT_S):
                await withdraw(reply)
        except Exception:  # noqa: BLE001  # a platform may be anybody's
            _log.warning("platform.reply_not_withdrawn", platform=reply.platform, exc_info=True)

    async def find_channel(self, near: ConversationKey, name: str) -> ConversationKey | None:
        """The channel with this name or id in the workspace of a conversation; None where there is
        none, or the platform cannot tell."""
        find = getattr(self._adapters.get(near.platform), "find_channel", None)
        if find is None:
            return None
        try:
            async with asyncio.timeout(_LOOKUP_TIMEOUT_S):
                return cast("ConversationKey | None", await find(near, name))
        except Exception:  # noqa: BLE001  # a platform may be anybody's
            _log.warning("platform.channel_not_found", platform=near.platform, exc_info=True)
            return None

    async def check_writable(self, place: ConversationKey) -> None:
        """Raise a `UserFacingError` where the bot may not write; nothing is shown there."""
        await self.open_reply(place, None, turn="")

    async def time_zone_of(self, person: Author) -> str:
        """The time zone that a person has set on their platform; empty where it does not tell."""
        find = getattr(self._adapters.get(person.platform), "time_zone_of", None)
        if find is None:
            return ""
        try:
            async with asyncio.timeout(_LOOKUP_TIMEOUT_S):
                return str(await find(person.key))
        except Exception:  # noqa: BLE001  # a platform may be anybody's
            _log.warning("platform.zone_not_found", platform=person.platform, exc_info=True)
            return ""

    async def place_name(self, place: ConversationKey) -> str:
        """How the channel of a conversation is called where people see it; empty where the platform
        does not tell."""
        if place.platform not in self._adapters:
            return await self._elsewhere.place_name(place)
        return await self.place_name_here(place)

    async def place_name_here(self, place: ConversationKey) -> str:
        """The same, without asking other processes."""
        find = getattr(self._adapters.get(place.platform), "place_name", None)
        if find is None:
            return ""
        try:
            async with asyncio.timeout(_LOOKUP_TIMEOUT_S):
                return str(await find(place))
        except Exception:  # noqa: BLE001  # a platform may be anybody's
            _log.warning("platform.place_not_found", platform=place.platform, exc_info=True)
            return ""

    def reader_of(self, conversation: ConversationKey) -> Reader | None:
        """What reads the messages of a conversation; None where the platform cannot."""
        make = getattr(self._adapters.get(conversation.platform), "reader_of", None)
        return None if make is None else cast("Reader | None", make(conversation))

    async def files_of(self, conversation: ConversationKey, message: str) -> Sequence[Attachment]:
        """The files of a message, by the id of its event; none where it is gone or the platform
        cannot tell."""
        find = getattr(self._adapters.get(conversation.platform), "files_of", None)
        if find is None or not message:
            return ()
        try:
            async with asyncio.timeout(_LOOKUP_TIMEOUT_S):
                found: Sequence[Attachment] = await find(conversation, message)
        except Exception:  # noqa: BLE001  # a platform may be anybody's
            _log.warning("platform.files_not_found", platform=conversation.platform, exc_info=True)
            return ()
        return found

    def written(self, platform: str, call: str) -> str:
        """How a call such as `/ask how so?` is shown on a platform, as Markdown."""
        write = getattr(self._adapters.get(platform), "written", None)
        return f"`{call}`" if write is None else str(write(call))

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        """The person (an `Author.key`) as they are now in a place; None if nobody can tell, or
        they are not there any more."""
        if place.platform in self._adapters:
            return await self.asker_here(person, place)
        asker = await self._elsewhere.asker_now(person, place)
        return None if asker is None else replace(asker, admin=self._is_admin(asker.author))

    async def asker_here(self, person: str, place: ConversationKey) -> Asker | None:
        """The same, without asking other processes."""
        adapter = self._adapters.get(place.platform)
        if adapter is None:
            return None
        if person.partition(":")[0] != place.platform and not getattr(adapter, "has_guests", False):
            return None
        try:
            async with asyncio.timeout(_LOOKUP_TIMEOUT_S):
                asker = await adapter.asker_now(person, place)
        except Exception:  # noqa: BLE001  # a platform may be anybody's
            _log.warning("platform.asker_lookup_failed", platform=place.platform, exc_info=True)
            return None
        return None if asker is None else replace(asker, admin=self._is_admin(asker.author))

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        """Those of the channels and workspaces, as config.yaml writes them, that a person can
        read. Only their own platform is asked."""
        if person.partition(":")[0] in self._adapters or not channels:
            return await self.channels_here(person, channels)
        return await self._elsewhere.channels_of(person, channels)

    async def channels_here(self, person: str, channels: Collection[str]) -> frozenset[str]:
        """The same, without asking other processes."""
        platform = person.partition(":")[0]
        adapter = self._adapters.get(platform)
        own = frozenset(channel for channel in channels if channel.partition(":")[0] == platform)
        if adapter is None or not own:
            return frozenset()
        try:
            async with asyncio.timeout(_LOOKUP_TIMEOUT_S):
                return own & await adapter.channels_of(person, own)
        except Exception:  # noqa: BLE001  # a platform may be anybody's
            _log.warning("platform.channel_lookup_failed", platform=platform, exc_info=True)
            return frozenset()

    async def role_problem(self, platform: str, roles: Collection[str]) -> str | None:
        """Why a rule that names these roles could not work, in a sentence; None if it can."""
        adapter = self._adapters.get(platform)
        if adapter is None or not roles:
            return None
        try:
            async with asyncio.timeout(_LOOKUP_TIMEOUT_S):
                return await adapter.role_problem(roles)
        except Exception:  # noqa: BLE001  # a platform may be anybody's
            _log.warning("platform.role_lookup_failed", platform=platform, exc_info=True)
            return say("The platform cannot be asked about roles just now; try again in a minute.")
