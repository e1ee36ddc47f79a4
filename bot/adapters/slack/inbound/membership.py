"""Asks Slack who somebody is now: their groups, and which channels they are in."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.lookup_cache import LookupCache
from bot.adapters.slack.inbound.users import PLATFORM, UserDirectory
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.adapters.slack.transport.timing import Timing
from bot.commands.checks import Asker
from bot.types import ConversationKey

_log = structlog.get_logger(__name__)

_CHANNEL_TYPES = "public_channel,private_channel,mpim"
_MAX_PAGE_CHANNELS = 999
_MAX_PAGES = 5


class Membership:
    """Looks up the channels of people; what Slack cannot tell is a no.

    Of private channels Slack names those alone that the bot is in as well. `team` is the workspace.
    An answer about one place is used again for `Timing.lookup_reuse` seconds, one about many
    channels for `Timing.channels_reuse`.
    """

    def __init__(
        self, client: AsyncWebClient, users: UserDirectory, timing: Timing, team: str
    ) -> None:
        self._client = client
        self._users = users
        self._timing = timing
        self._team = team
        self._channels: LookupCache[str, frozenset[str]] = LookupCache(self._fetch_channels)

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        """The person as they are now in a place; None if they are not in it."""
        user = _user(person)
        try:
            async with asyncio.timeout(self._timing.lookup):
                author = await self._users.present_author(user, self._timing.lookup_reuse)
                direct = place.channel.startswith("D")
                if author is None or not await (
                    self._is_direct_with(user, place.channel)
                    if direct
                    else self._is_in(user, place.channel)
                ):
                    return None
        except FAILURES as exc:
            _log.info("slack.asker_lookup_failed", place=str(place), error=error_of(exc))
            return None
        return Asker(author, place, direct)

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        """Those of the channels, as config.yaml writes them, that a person is in; a workspace
        counts if it is theirs."""
        user, age = _user(person), self._timing.channels_reuse
        try:
            async with asyncio.timeout(self._timing.lookup):
                if await self._users.present_author(user, age) is None:
                    return frozenset()
                theirs = await self._channels.get(user, age)
        except FAILURES as exc:
            _log.info("slack.channel_lookup_failed", error=error_of(exc))
            return frozenset()
        workspace = f"{PLATFORM}:{self._team}"
        known = {workspace, *(f"{workspace}:{channel}" for channel in theirs)}
        return frozenset(known.intersection(channels))

    async def find_channel(self, name: str) -> str | None:
        """The id of a channel that the bot is in, by its name or id. Raises one of `FAILURES`."""
        cursor = ""
        for _ in range(_MAX_PAGES):
            answer = await self._client.users_conversations(
                types=_CHANNEL_TYPES,
                exclude_archived=True,
                limit=_MAX_PAGE_CHANNELS,
                cursor=cursor,
            )
            for channel in answer.get("channels") or ():
                if name in {channel.get("id"), channel.get("name")}:
                    return str(channel["id"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                break
        return None

    async def channel_name(self, channel: str) -> str:
        """A channel as Slack shows it; empty for a direct message. Raises one of `FAILURES`."""
        found = (await self._client.conversations_info(channel=channel)).get("channel") or {}
        name = "" if found.get("is_im") else str(found.get("name") or "")
        return f"#{name}" if name else ""

    async def _is_in(self, user: str, channel: str) -> bool:
        return channel in await self._channels.get(user, self._timing.lookup_reuse)

    async def _is_direct_with(self, user: str, channel: str) -> bool:
        """Whether a direct conversation is the bot's with this person."""
        found = (await self._client.conversations_info(channel=channel)).get("channel") or {}
        return bool(found.get("is_im")) and found.get("user") == user

    async def _fetch_channels(self, user: str) -> frozenset[str]:
        """Ids of the channels that somebody is in, of at most `_MAX_PAGES` pages."""
        found: set[str] = set()
        cursor = ""
        for _ in range(_MAX_PAGES):
            answer = await self._client.users_conversations(
                user=user,
                types=_CHANNEL_TYPES,
                exclude_archived=False,
                limit=_MAX_PAGE_CHANNELS,
                cursor=cursor or None,
            )
            found.update(str(channel.get("id")) for channel in answer.get("channels") or ())
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
        return frozenset(found)


def _user(person: str) -> str:
    return person.removeprefix(f"{PLATFORM}:")
