"""Looks up what a bot token of Discord stands for: its application, and the servers it is in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import discord

from bot.adapters.discord.setup.manifest import NAMES, invite_link
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.discord.transport.gateway import CONTENT_REFUSED, final_error
from bot.catalogue.sentence import say
from bot.config.platforms import DiscordSettings
from bot.errors import AdapterError

_WHERE = say("Copy the one that Reset Token shows on the page Bot of your application.")
_KINDS = (
    (re.compile(r"xox\S*|xapp-\S*"), say("That is a token of Slack.")),
    (re.compile(r"\d{15,21}"), say("That is the application's id.")),
    (re.compile(r"[0-9a-f]{64}"), say("That is the application's public key.")),
    (re.compile(r"https?://.*"), say("That is an address.")),
    (
        re.compile(r"[A-Za-z0-9_-]{32}"),
        say("That is the application's client secret, of the page OAuth2."),
    ),
    (re.compile(r"mfa\.\S*"), say("That is the token of a person; a bot must have its own.")),
)
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that the bot is in, with the names of the permissions that it lacks there."""

    id: int
    name: str
    lacks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """The application of a token."""

    application: int
    name: str
    servers: Sequence[Server] = ()
    problems: Sequence[str] = ()
    """What is to be changed in the Developer Portal, one sentence each."""

    @property
    def invite(self) -> str:
        """The address under which somebody adds the bot to a server."""
        return invite_link(self.application)

    @property
    def usable(self) -> bool:
        """Whether it may write somewhere."""
        return any(not server.lacks for server in self.servers)


def tidy(token: str) -> str:
    """A token as it was pasted, without what is copied along with it."""
    return re.sub(r"^(?:Bot\s+|DISCORD_TOKEN=)", "", token.strip()).strip("\"'` ")


def wrong_kind(token: str) -> str | None:
    """Why a text can be no bot token; None if it may be one."""
    for pattern, what in _KINDS:
        if pattern.fullmatch(token):
            return say("{what} A bot token is needed. {where}", what=what, where=_WHERE)
    if not _SHAPE.fullmatch(token):
        return say(
            "A bot token has three parts with dots between them; this has not. {where}",
            where=_WHERE,
        )
    return None


async def look_up(settings: DiscordSettings, token: str) -> Account:
    """Ask Discord about a token. Changes nothing. Raises `AdapterError` with what to do."""
    async with discord.Client(intents=discord.Intents.none()) as client:
        try:
            await client.login(token)
            application = await client.application_info()
            guilds: list[Any] = await client.http.get_guilds(200, with_counts=False)
        except FAILURES as error:
            if (final := final_error(error)) is not None:
                raise final from None
            what = type(error).__name__
            raise AdapterError(
                say("Discord cannot be reached ({what}): check the network.", what=what)
            ) from None
        name = client.user.name if client.user is not None else application.name
    return Account(
        application.id,
        name,
        tuple(_read_server(guild) for guild in guilds),
        tuple(_find_problems(settings, application)),
    )


def _find_problems(settings: DiscordSettings, application: discord.AppInfo) -> list[str]:
    """What is to be changed about an application, one sentence each."""
    found = []
    flags = application.flags
    granted = flags.gateway_message_content or flags.gateway_message_content_limited
    if settings.message_content and not granted:
        found.append(CONTENT_REFUSED)
    if application.interactions_endpoint_url:
        found.append(
            "Commands go elsewhere: clear Interactions Endpoint URL in the Developer Portal under "
            "General Information."
        )
    return found


def _read_server(guild: Any) -> Server:
    # The library's own objects leave out what the bot may do in a server.
    return Server(int(guild["id"]), str(guild["name"]), _missing_permissions(guild))


def _missing_permissions(guild: Any) -> tuple[str, ...]:
    """The names of the permissions that the bot needs and lacks in a server, as the API has it."""
    allowed = discord.Permissions(int(guild.get("permissions", 0)))
    if allowed.administrator:
        return ()
    return tuple(label for name, label in NAMES.items() if not getattr(allowed, name))


def describe_missing(server: str, lacks: Sequence[str]) -> str:
    """What the bot lacks in a server, and where to give it that."""
    return (
        f"In {server} the bot lacks {', '.join(lacks)}: give its role these permissions under "
        "Server Settings, Roles."
    )


async def check(settings: DiscordSettings, token: str) -> Sequence[str]:
    """What an operator should change, one sentence each. Looks, and changes nothing."""
    try:
        account = await look_up(settings, token)
    except AdapterError as error:
        return [str(error)]
    advice = [*account.problems]
    if not account.servers:
        advice.append(f"The bot is in no server yet: open {account.invite}")
    advice += [describe_missing(one.name, one.lacks) for one in account.servers if one.lacks]
    present = {server.id for server in account.servers}
    advice += [
        f"discord.guilds names {number}, but the bot is not in that server: invite it, or take the "
        "number out of config.yaml."
        for number in settings.guilds
        if number not in present
    ]
    return advice
