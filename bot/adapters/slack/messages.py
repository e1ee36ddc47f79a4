"""Messages: who is spoken to, where the answer belongs; deletions."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.base import Core
from bot.adapters.slack.sink import ReplySink, SilentSink
from bot.adapters.slack.timing import Timing
from bot.types import Author, ConversationKey, Message, Retraction

PLATFORM = "slack"
_REMEMBERED = 2000
_MENTION = re.compile(r"<@([UW]\w+)(?:\|([^>]*))?>")
_SPECIAL = re.compile(r"<!(\w+)(?:\^[^>|]*)?(?:\|([^>]*))?>")
_CHANNEL = re.compile(r"<#\w+(?:\|([^>]*))?>")
_LINK = re.compile(r"<((?:https?|mailto):[^>|]+)(?:\|([^>]*))?>")
_IGNORED = frozenset({"file_share", "thread_broadcast"})
"""Subtypes that are messages of people all the same."""


def readable(text: str, us: str) -> str:
    """What a person wrote: without our own mention, and without Slack's escapes."""
    text = _MENTION.sub(lambda m: "" if m[1] == us else "@" + (m[2] or m[1]), text)
    text = _CHANNEL.sub(lambda m: "#" + (m[1] or "a channel"), text)
    text = _SPECIAL.sub(lambda m: m[2] or "@" + m[1], text)
    text = _LINK.sub(lambda m: m[1].removeprefix("mailto:"), text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()


def is_from_a_person(event: Mapping[str, Any], us: str) -> bool:
    """Whether somebody wrote it: not a bot, not ourselves, not Slack's own notes."""
    subtype = event.get("subtype")
    usual = subtype is None or subtype in _IGNORED
    return usual and not event.get("bot_id") and event.get("user") not in (None, us)


class Messages:
    """Turns messages into events."""

    def __init__(self, core: Core, client: AsyncWebClient, timing: Timing) -> None:
        self._core = core
        self._client = client
        self._timing = timing
        self._asked: OrderedDict[str, tuple[ConversationKey, Author, ReplySink]] = OrderedDict()

    async def on_mention(self, event: Mapping[str, Any], team: str, us: str) -> None:
        """Somebody named us in a channel."""
        if is_from_a_person(event, us):
            await self._ask(event, await self._place(event, team), us)

    async def on_message(self, event: Mapping[str, Any], team: str, us: str) -> None:
        """A message that we can see: direct, in a thread of ours, or not our business."""
        if event.get("subtype") == "message_deleted":
            await self._deleted(event)
            return
        if not is_from_a_person(event, us):
            return
        channel, thread = str(event["channel"]), event.get("thread_ts")
        key = ConversationKey(PLATFORM, team, channel, thread)
        if event.get("channel_type") == "im" or channel.startswith("D"):
            await self._ask(event, key, us)
            return
        # One that names us comes a second time, as a mention.
        if thread is None or _MENTION.search(str(event.get("text") or "")):
            return
        if not await self._core.replies.known_thread(key):
            return
        if (await self._core.channel_settings(key)).follow_up:
            await self._ask(event, key, us)

    async def _place(self, event: Mapping[str, Any], team: str) -> ConversationKey:
        key = ConversationKey(PLATFORM, team, str(event["channel"]), event.get("thread_ts"))
        if key.thread is None and (await self._core.channel_settings(key)).thread_per_mention:
            return ConversationKey(PLATFORM, team, key.channel, str(event["ts"]))
        return key

    async def _ask(self, event: Mapping[str, Any], key: ConversationKey, us: str) -> None:
        id_ = f"{key.channel}:{event['ts']}"
        if id_ in self._asked:
            return  # delivered again
        user = str(event["user"])
        author = Author(PLATFORM, user, user)
        sink = ReplySink(self._client, self._core.replies, key, self._timing, user=user)
        self._asked[id_] = (key, author, sink)
        while len(self._asked) > _REMEMBERED:
            self._asked.popitem(last=False)
        text = readable(str(event.get("text") or ""), us)
        direct = key.channel.startswith("D")
        await self._core.accept(Message(id_, key, author, text, direct=direct), sink)

    async def _deleted(self, event: Mapping[str, Any]) -> None:
        id_ = f"{event['channel']}:{event.get('deleted_ts')}"
        asked = self._asked.pop(id_, None)
        if asked is None:
            return
        key, author, sink = asked
        sink.retract()
        await self._core.accept(Retraction(f"deleted.{id_}", key, author, id_), SilentSink())
