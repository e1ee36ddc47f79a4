"""Decodes Slack's messages: whether one is for the bot, where it is answered, what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.background_tasks import REFUSAL, BackgroundTasks, Refusal
from bot.adapters.inbox import Answer, Inbox, Incoming
from bot.adapters.protocol import Core
from bot.adapters.slack.command_names import CommandNames
from bot.adapters.slack.inbound.history import HistoryReader
from bot.adapters.slack.inbound.text import find_mentions, is_from_a_person, to_readable
from bot.adapters.slack.inbound.users import PLATFORM
from bot.adapters.slack.outbound.agent_status import AgentStatus
from bot.adapters.slack.outbound.ephemeral import EphemeralMessages
from bot.adapters.slack.outbound.offers import Offers
from bot.adapters.slack.outbound.port import make_sink
from bot.adapters.slack.transport.timing import Timing
from bot.events import Message
from bot.types import ConversationKey

Event = Mapping[str, Any]


class Messages:
    """Turns messages into events."""

    def __init__(
        self,
        core: Core,
        client: AsyncWebClient,
        timing: Timing,
        background_tasks: BackgroundTasks,
        history_reader: HistoryReader,
        agent_status: AgentStatus,
        names: CommandNames,
    ) -> None:
        self._names = names
        self._core = core
        self._client = client
        self._timing = timing
        self._history_reader = history_reader
        self._agent_status = agent_status
        self.offers = Offers(client)
        self.inbox = Inbox(
            core, PLATFORM, background_tasks, self.offers, retry_pause_s=timing.retry_base
        )

    # --- what Slack tells -----------------------------------------------------------------------

    def on_mention(self, event: Event, team: str, own_id: str) -> None:
        """Handle a message in a channel that mentions the bot."""
        if is_from_a_person(event, own_id):
            self._receive(event, team, own_id, mention=True)

    def on_message(self, event: Event, team: str, own_id: str) -> None:
        """Handle a message event: a direct message, a follow-up, an edit, a deletion."""
        match event.get("subtype"):
            case "message_deleted":
                self._deleted(event, str(event.get("deleted_ts")))
            case "message_changed":
                self._changed(event, own_id)
            case _ if is_from_a_person(event, own_id) and _may_be_for_us(event):
                self._receive(event, team, own_id, mention=False)

    def _receive(self, event: Event, team: str, own_id: str, *, mention: bool) -> None:
        channel = str(event["channel"])
        decode = partial(self._decode, event, team, own_id, mention=mention)
        refusal = self._refusal(event, team, mention=mention)
        self.inbox.receive(channel, f"{channel}:{event['ts']}", decode, refusal)

    def _deleted(self, event: Event, ts: str) -> None:
        channel = str(event["channel"])
        self.inbox.deleted(channel, [f"{channel}:{ts}"])

    def _changed(self, event: Event, own_id: str) -> None:
        message, before = event.get("message") or {}, event.get("previous_message") or {}
        channel, ts = str(event["channel"]), str(message.get("ts"))
        if message.get("subtype") == "tombstone":  # deleted, but a thread hangs on it
            self._deleted(event, ts)
        elif is_from_a_person(message, own_id) and message.get("text") != before.get("text"):
            read = partial(self._history_reader.readable_text, message, own_id)
            self.inbox.edited(channel, f"{channel}:{ts}", read)

    # --- whether it is for the bot, and where it is answered ------------------------------------

    async def asks(self, event: Event, team: str, own_id: str) -> bool:
        """Whether an event is a message of a person to the bot."""
        if not is_from_a_person(event, own_id):
            return False
        kind = event.get("type")
        return kind == "app_mention" or (kind == "message" and await self._is_for_us(event, team))

    async def _decode(
        self, event: Event, team: str, own_id: str, *, mention: bool
    ) -> Incoming | None:
        """Where a message is answered; None for one that does not address the bot."""
        if mention:
            key = await self._where(event, team, own_id)
        elif await self._is_for_us(event, team):
            key = await self._here(event, team, own_id)
        else:
            return None
        return Incoming(key, partial(self._read, event, own_id, key))

    def _refusal(self, event: Event, team: str, *, mention: bool) -> Refusal:
        """How to tell the author of a message that the bot is too busy for it."""
        key, user = _key(event, team), str(event["user"])

        async def send() -> None:
            if mention or await self._is_for_us(event, team):
                await EphemeralMessages(self._client, key, user).send_ephemeral(REFUSAL)

        return Refusal(f"{key}:{user}", send)

    async def _is_for_us(self, event: Event, team: str) -> bool:
        """Whether it is direct, or a follow-up in a thread that addresses nobody else."""
        if _is_direct(event):
            return True
        key = _key(event, team)
        if not _may_be_for_us(event) or not await self._core.replies.takes_part(key):
            return False
        return (await self._core.channel_settings(key)).follow_up

    async def _where(self, event: Event, team: str, own_id: str) -> ConversationKey:
        """The conversation of the answer: the thread, or a new one if the settings want it."""
        key = _key(event, team)
        if self._answers_in_place(event, own_id):
            return key
        if key.thread is None and (await self._core.channel_settings(key)).thread_per_mention:
            return ConversationKey(PLATFORM, team, key.channel, str(event["ts"]))
        return key

    def _answers_in_place(self, event: Event, own_id: str) -> bool:
        text = self._named(to_readable(str(event.get("text") or ""), own_id))
        return self._core.answers_in_place(text, files=bool(event.get("files")))

    def _named(self, text: str) -> str:
        return self._names.in_text(text, [command.name for command in self._core.commands])

    async def _here(self, event: Event, team: str, own_id: str) -> ConversationKey:
        """The conversation a message is in; for an agent each direct question has a thread."""
        key = _key(event, team)
        if self._answers_in_place(event, own_id):
            return key
        if key.thread is None and _is_direct(event):
            thread = replace(key, thread=str(event["ts"]))
            if await self._agent_status.is_agent(thread):
                return thread
        return key

    # --- the question ---------------------------------------------------------------------------

    async def _read(
        self, event: Event, own_id: str, key: ConversationKey
    ) -> tuple[Message, Answer]:
        """Read a question and its context, and make the reply to it."""
        channel, ts, root = str(event["channel"]), str(event["ts"]), event.get("thread_ts")
        user = str(event["user"])
        author, text = await asyncio.gather(
            self._history_reader.users.author(user),
            self._history_reader.readable_text(event, own_id),
        )
        text = self._named(text)
        message = Message(
            id=f"{channel}:{ts}",
            conversation=key,
            author=author,
            text=text,
            direct=_is_direct(event),
            attachments=self._history_reader.files.attachments_of(event),
            context=await self._history_reader.read_thread_context(channel, root, own_id, ts),
            earlier=self._history_reader.make_reader(channel, root, own_id, ts),
        )
        sink = make_sink(
            self._client, self._core.replies, key, self._timing,
            user=user, agent_status=self._agent_status, question=text, prompt=ts,
        )  # fmt: skip
        return message, self.inbox.follow(sink, key, f"{channel}:")


def _key(event: Event, team: str) -> ConversationKey:
    return ConversationKey(PLATFORM, team, str(event["channel"]), event.get("thread_ts"))


def _is_direct(event: Event) -> bool:
    return event.get("channel_type") == "im" or str(event["channel"]).startswith("D")


def _may_be_for_us(event: Event) -> bool:
    """Whether it is direct, or stands in a thread and addresses nobody. One that names us comes a
    second time, as a mention."""
    text = str(event.get("text") or "")
    in_thread = event.get("thread_ts") is not None and not find_mentions(text)
    return _is_direct(event) or (in_thread and bool(text.strip() or event.get("files")))
