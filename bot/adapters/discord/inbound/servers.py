"""The servers that the bot is in: as Discord's events tell them, or as they are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any

import discord

from bot.adapters.discord.outbound.client_holder import ClientHolder
from bot.adapters.discord.transport.timing import Timing
from bot.adapters.lookup_cache import LookupCache

MAX_SERVERS_OF_A_PERSON = 25
"""Servers that are asked about one person; a base is bound to few."""
_MAX_SERVERS_ASKED = 100
"""Servers whose roles are looked at where no events tell them."""
_MAX_SERVERS_KEPT = 100


class Servers:
    """Looks servers up in what the connection for events has told of them."""

    def __init__(self, client_holder: ClientHolder) -> None:
        self._client_holder = client_holder

    async def find(self, server: int) -> discord.Guild | None:
        """A server with its roles, its channels and the bot itself; None where the bot is not in
        it. Raises one of `FAILURES`."""
        client = await self._client_holder.client()
        await client.wait_until_ready()  # before that, its servers are not known
        guild = client.get_guild(server)
        return None if guild is None or guild.unavailable else guild

    async def know(self, server: int) -> None:
        """See to it that discord.py knows a server as far as it can. Raises one of `FAILURES`."""

    async def with_roles(self, roles: Collection[str]) -> Sequence[int]:
        """The ids of servers that have any of these roles. Raises one of `FAILURES`."""
        client = await self._client_holder.client()
        await client.wait_until_ready()
        numbers = [int(role) for role in roles if role.isdecimal()]
        found = (g.id for g in client.guilds if any(g.get_role(number) for number in numbers))
        return list(islice(found, MAX_SERVERS_OF_A_PERSON))


class AskedServers(Servers):
    """Asks Discord for servers, in a process without a connection for events.

    What it says of a server is used again for `Timing.lookup_reuse` seconds; discord.py then
    computes permissions from it as from what events tell. In which servers roles are is used again
    for `Timing.role_reuse` seconds.
    """

    def __init__(self, client_holder: ClientHolder, timing: Timing) -> None:
        super().__init__(client_holder)
        self._timing = timing
        self._found: LookupCache[int, discord.Guild | None] = LookupCache(
            self._ask, max_entries=_MAX_SERVERS_KEPT
        )
        self._roles: LookupCache[int, frozenset[str]] = LookupCache(self._ask_roles)
        self._ours: LookupCache[None, Sequence[int]] = LookupCache(self._ask_ours)

    async def find(self, server: int) -> discord.Guild | None:
        return await self._found.get(server, self._timing.lookup_reuse)

    async def know(self, server: int) -> None:
        await self.find(server)

    async def with_roles(self, roles: Collection[str]) -> Sequence[int]:
        ours = await self._ours.get(None, self._timing.role_reuse)
        known = await _all(*(self._roles.get(server, self._timing.role_reuse) for server in ours))
        found = (one for one, there in zip(ours, known, strict=True) if not there.isdisjoint(roles))
        return list(islice(found, MAX_SERVERS_OF_A_PERSON))

    async def _ask(self, server: int) -> discord.Guild | None:
        client = await self._client_holder.client()
        http, state = client.http, client._connection
        try:
            guild, channels, us = await _all(
                http.get_guild(server, with_counts=False),
                http.get_all_guild_channels(server),
                http.get_member(server, self._client_holder.own_id),
            )
        except (discord.NotFound, discord.Forbidden):
            self._forget(client, client.get_guild(server))
            return None
        self._forget(client, client.get_guild(server))
        data: Any = dict(guild) | {"channels": channels, "members": [us]}
        data |= {"emojis": [], "stickers": []}  # which nobody needs
        known = state._add_guild_from_data(data)
        for oldest in client.guilds[:-_MAX_SERVERS_KEPT]:
            self._forget(client, oldest)
        return known

    @staticmethod
    def _forget(client: discord.Client, guild: discord.Guild | None) -> None:
        if guild is not None:
            client._connection._remove_guild(guild)

    async def _ask_roles(self, server: int) -> frozenset[str]:
        client = await self._client_holder.client()
        return frozenset(str(role["id"]) for role in await client.http.get_roles(server))

    async def _ask_ours(self, _: None) -> Sequence[int]:
        client = await self._client_holder.client()
        return [guild.id async for guild in client.fetch_guilds(limit=_MAX_SERVERS_ASKED)]


async def _all(*requests: Any) -> list[Any]:
    """What several requests at the same time return; raises what the first that failed raised,
    when all have ended."""
    answers = await asyncio.gather(*requests, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers
