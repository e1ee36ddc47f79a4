"""Looks up what the tokens of a Slack app stand for, and what the app lacks."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from bot.adapters.slack.setup.manifest import scopes
from bot.adapters.slack.transport.client import API_URL, Client
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.adapters.slack.transport.tokens import Token, token_error
from bot.catalogue.sentence import say, say_number
from bot.config.platforms import SlackSettings
from bot.errors import AdapterError

_TIMEOUT_S = 30.0
_MAX_NAMED_SCOPES = 3
_BOT = say("Copy the Bot User OAuth Token from the page OAuth & Permissions; it begins with xoxb-.")
_APP = say("Make one on the page Basic Information, under App-Level Tokens; it begins with xapp-.")
_WANTED = {"bot": ("xoxb-", _BOT), "app": ("xapp-", _APP)}
_KINDS = (
    (re.compile(r"xoxb-\S*"), say("That is the bot token.")),
    (re.compile(r"xapp-\S*"), say("That is the app-level token.")),
    (re.compile(r"xoxp-\S*"), say("That is the token of a person.")),
    (re.compile(r"xoxe\S*"), say("That is a configuration token.")),
    (re.compile(r"[0-9a-f]{32}"), say("That is the signing secret or the client secret.")),
    (re.compile(r"A[A-Z0-9]{8,}"), say("That is the app's id.")),
    (re.compile(r"https?://.*"), say("That is an address.")),
    (re.compile(r"[\w-]{20,80}\.[\w-]{5,20}\.[\w-]{20,80}"), say("That is a token of Discord.")),
)


@dataclass(frozen=True, slots=True)
class Account:
    """The app of a bot token, in its workspace."""

    app: str
    name: str
    workspace: str
    channels: Sequence[str] = ()
    """Names of channels that the bot is in, some of them."""
    problems: Sequence[str] = ()
    """What is to be changed about the app, one sentence each."""


def tidy(token: str) -> str:
    """A token as it was pasted, without what is copied along with it."""
    return re.sub(r"^(?:Bearer\s+|SLACK_\w+=)", "", token.strip()).strip("\"'` ")


def wrong_kind(token: str, wanted: Token) -> str | None:
    """Why a text can be no bot token, or no app-level token; None if it may be one."""
    begins, where = _WANTED[wanted]
    if token.startswith(begins) and len(token) > len(begins) and not re.search(r"\s", token):
        return None
    for pattern, what in _KINDS:
        if pattern.fullmatch(token) and not token.startswith(begins):
            return say("{what} {where}", what=what, where=where)
    return say("This is no token of that kind. {where}", where=where)


async def look_up(settings: SlackSettings, token: str, base_url: str = "") -> Account:
    """Ask Slack about a bot token. Changes nothing. Raises `AdapterError` with what to do."""
    async with _client(token, base_url) as client:
        try:
            me = await client.auth_test()
            granted = next((v for k, v in me.headers.items() if k.lower() == "x-oauth-scopes"), "")
            app = ""
            if "users:read" in str(granted):
                bot = await client.bots_info(bot=str(me.get("bot_id", "")))
                app = str((bot.get("bot") or {}).get("app_id", ""))
            channels: list[str] = []
            if "channels:read" in str(granted):
                kinds = "public_channel,private_channel" if "groups:read" in str(granted) else None
                found = await client.users_conversations(types=kinds, limit=20)
                channels = [str(channel["name"]) for channel in found["channels"]]
        except FAILURES as error:
            raise _explained(error, "bot") from None
    lacks = sorted(scopes(settings).keys() - {s.strip() for s in str(granted).split(",")})
    return Account(app, str(me["user"]), str(me["team"]), channels, _describe_missing(lacks))


async def check_app_token(token: str, app: str, base_url: str = "") -> None:
    """Ask Slack whether it opens a connection for an app-level token of this app.

    Raises `AdapterError` with what to do.
    """
    named = re.match(r"xapp-\d+-(A[A-Z0-9]+)-", token)
    if app and named and named[1] != app:
        raise AdapterError(
            say(
                "The two tokens are of two apps: make the app-level token in the same app as the "
                "bot token, {app}.",
                app=app,
            )
        )
    async with _client(token, base_url) as client:
        try:
            await client.apps_connections_open(app_token=token)
        except FAILURES as error:
            raise _explained(error, "app") from None


@asynccontextmanager
async def _client(token: str, base_url: str) -> AsyncIterator[Client]:
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield Client(token=token, base_url=base_url or API_URL, session=session)


def _explained(error: BaseException, token: Token) -> AdapterError:
    if (refused := token_error(error, token)) is not None:
        return refused
    what = error_of(error)
    if what in {"ratelimited", "rate_limited"}:
        return AdapterError(say("Slack has been asked too often; try again in a minute."))
    return AdapterError(say("Slack cannot be reached ({what}): check the network.", what=what))


def _describe_missing(lacks: Sequence[str]) -> Sequence[str]:
    if not lacks:
        return ()
    named = ", ".join(lacks[:_MAX_NAMED_SCOPES])
    if len(lacks) > _MAX_NAMED_SCOPES:
        named += ", …"
    return (
        say_number(
            "The app lacks {n} scope ({scopes}): paste the manifest under App Manifest, save, and "
            "install the app again.",
            "The app lacks {n} scopes ({scopes}): paste the manifest under App Manifest, save, and "
            "install the app again.",
            len(lacks),
            scopes=named,
        ),
    )
