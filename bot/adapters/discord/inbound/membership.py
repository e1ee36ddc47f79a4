"""Asks Discord who somebody is now: their roles, and what they can read."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import discord
import structlog

from bot.adapters.discord.inbound.servers import MAX_SERVERS_OF_A_PERSON, Servers
from bot.adapters.discord.outbound.client_holder import ClientHolder
from bot.adapters.discord.transport import payloads
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.discord.transport.timing import Timing
from bot.adapters.lookup_cache import LookupCache
from bot.adapters.protocol import Core
from bot.commands.checks import Asker
from bot.types import Author, ConversationKey

_log = structlog.get_logger(__name__)


def may_write(interaction: discord.Interaction[Any]) -> bool:
    """Whether the person may write where they acted; outside of servers everybody may."""
    may = interaction.permissions
    in_thread = isinstance(interaction.channel, discord.Thread)
    allowed = may.send_messages_in_threads if in_thread else may.send_messages
    return interaction.guild_id is None or allowed


class Membership:
    """Looks people up in servers, channels and threads; what Discord cannot tell is a no.

    Roles come from Discord itself, as it does not announce their changes without a privileged
    intent. An answer is used again for `Timing.lookup_reuse` seconds.
    """

    def __init__(
        self, core: Core, client_holder: ClientHolder, servers: Servers, timing: Timing
    ) -> None:
        self._core = core
        self._client_holder = client_holder
        self._servers = servers
        self._timing = timing
        self._members: LookupCache[tuple[int, int], discord.Member | None] = LookupCache(
            self._fetch_member
        )

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        """The person as they are now in a place; None if they cannot read there."""
        try:
            async with asyncio.timeout(self._timing.lookup):
                return await self._find_asker(_number(person), place)
        except (*FAILURES, ValueError) as exc:
            _log.info("discord.asker_lookup_failed", place=str(place), error=_text(exc))
            return None

    async def _find_asker(self, person: int, place: ConversationKey) -> Asker | None:
        if place.workspace == payloads.DIRECT:
            client = await self._client_holder.client()
            channel = await client.fetch_channel(int(place.channel))
            recipient = channel.recipient if isinstance(channel, discord.DMChannel) else None
            if recipient is None or recipient.id != person:
                return None
            return Asker(await self.with_roles(payloads.author_of(recipient)), place, direct=True)
        if place.workspace == payloads.PRIVATE:
            return None  # other people's conversation, of which Discord tells us nothing
        member = await self._member(int(place.workspace), person)
        if member is None or not await self._can_read(member, payloads.place_of(place)):
            return None
        return Asker(payloads.author_of(member), place)

    async def with_roles(self, author: Author) -> Author:
        """The author of a direct message with the roles that any rule names, from the servers that
        have these roles; Discord names none there."""
        named = await self._core.named_roles(payloads.PLATFORM)
        found: set[str] = set()
        try:
            async with asyncio.timeout(self._timing.lookup):
                for server in await self._servers.with_roles(named) if named else ():
                    member = await self._member(server, int(author.id))
                    if member is not None:
                        found |= payloads.author_of(member).roles & named
        except FAILURES as exc:
            _log.info("discord.role_lookup_failed", error=_text(exc))
        return replace(author, roles=author.roles | found)

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        """Those of the channels and servers, as config.yaml writes them, that a person can read."""
        found: set[str] = set()
        servers: dict[str, list[str]] = {}
        for channel in channels:
            if 2 <= len(parts := channel.split(":")) <= 3:
                servers.setdefault(parts[1], []).append(channel)
        try:
            async with asyncio.timeout(self._timing.lookup):
                for server, wanted in list(servers.items())[:MAX_SERVERS_OF_A_PERSON]:
                    found |= await self._readable(_number(person), server, wanted)
        except (*FAILURES, ValueError) as exc:
            _log.info("discord.channel_lookup_failed", error=_text(exc))
        return frozenset(found)

    async def _readable(self, person: int, server: str, wanted: Sequence[str]) -> set[str]:
        """Those of the channels of one server that a person can read; none where it fails."""
        try:
            member = await self._member(int(server), person)
        except (discord.HTTPException, ValueError) as exc:
            _log.info("discord.member_lookup_failed", server=server, error=_text(exc))
            return set()
        if member is None:
            return set()
        found = set()
        for channel in wanted:
            number = channel.split(":")[2:]
            if not number or (number[0].isdecimal() and _reads(member, int(number[0]))):
                found.add(channel)
        return found

    async def _member(self, server: int, person: int) -> discord.Member | None:
        return await self._members.get((server, person), self._timing.lookup_reuse)

    async def _fetch_member(self, key: tuple[int, int]) -> discord.Member | None:
        """Somebody as a member of a server; None if they are none, or the bot is not there."""
        server, person = key
        guild = await self._servers.find(server)
        if guild is None:
            return None
        try:
            return await guild.fetch_member(person)
        except discord.NotFound:
            return None

    async def _can_read(self, member: discord.Member, place: int) -> bool:
        """Whether a member can read a channel or thread of their server."""
        channel: Any = member.guild.get_channel_or_thread(place)
        if channel is None:  # an archived thread, say
            try:
                channel = await (await self._client_holder.client()).fetch_channel(place)
            except (discord.NotFound, discord.Forbidden):
                return False
        if getattr(channel, "guild", None) != member.guild:
            return False
        permissions = channel.permissions_for(member)
        private = isinstance(channel, discord.Thread) and channel.is_private()
        if not private or permissions.manage_threads:
            return bool(permissions.view_channel)
        try:
            await channel.fetch_member(member.id)
        except discord.NotFound:
            return False
        return bool(permissions.view_channel)


def _reads(member: discord.Member, number: int) -> bool:
    """Whether a member can read a channel, as far as it is known without a request."""
    channel = member.guild.get_channel(number)
    return channel is not None and channel.permissions_for(member).view_channel


def _number(person: str) -> int:
    return int(person.removeprefix(f"{payloads.PLATFORM}:"))


def _text(exc: BaseException) -> str:
    return f"{type(exc).__name__}: {exc}"[:200]
