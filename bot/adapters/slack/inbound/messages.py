"""Handles messages: decides whether to answer and where, collects context; edits, deletions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.background_tasks import REFUSAL, Refusal
from bot.adapters.protocol import Core
from bot.adapters.recent_questions import EDITED_PREFIX, RecentQuestion, RecentQuestions, SilentSink
from bot.adapters.slack.inbound.history import HistoryReader
from bot.adapters.slack.inbound.keyed_locks import KeyedLocks
from bot.adapters.slack.inbound.text import find_mentions, is_from_a_person, to_readable
from bot.adapters.slack.inbound.users import PLATFORM
from bot.adapters.slack.outbound.agent_status import AgentStatus
from bot.adapters.slack.outbound.ephemeral import EphemeralMessages
from bot.adapters.slack.outbound.port import ReplySink, make_sink
from bot.adapters.slack.outbound.render import button_block
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.adapters.slack.transport.timing import Timing
from bot.events import Message, MessageDeleted
from bot.types import Action, ConversationKey

_log = structlog.get_logger(__name__)

Event = Mapping[str, Any]


class Messages:
    """Turns messages into events."""

    def __init__(
        self,
        core: Core,
        client: AsyncWebClient,
        timing: Timing,
        history_reader: HistoryReader,
        agent_status: AgentStatus,
    ) -> None:
        self._core = core
        self._client = client
        self._timing = timing
        self._history_reader = history_reader
        self._agent_status = agent_status
        self._locks = KeyedLocks()
        self.recent_questions: RecentQuestions[ReplySink] = RecentQuestions(core, PLATFORM)

    async def on_mention(self, event: Event, team: str, own_id: str) -> None:
        """Handle a message in a channel that mentions the bot."""
        if not is_from_a_person(event, own_id):
            return
        async with self._locks.lock_for(_place(event)):
            await self._ask(event, await self._where(event, team, own_id), own_id)

    async def on_message(self, event: Event, team: str, own_id: str) -> None:
        """Handle a message event: a direct message, a follow-up, an edit, a deletion."""
        match event.get("subtype"):
            case "message_deleted":
                await self._deleted(event, str(event.get("deleted_ts")))
            case "message_changed":
                await self._changed(event, own_id)
            case _ if is_from_a_person(event, own_id):
                async with self._locks.lock_for(_place(event)):
                    if await self._is_for_us(event, team, own_id):
                        await self._ask(event, await self._here(event, team, own_id), own_id)

    def refusal(self, event: Event, team: str, own_id: str) -> Refusal | None:
        """How to tell the author of a message that the bot is too busy for it; None where it cannot
        be for the bot."""
        mention = event.get("type") == "app_mention"
        if not is_from_a_person(event, own_id) or not (mention or _may_be_for_us(event)):
            return None
        key, user = _key(event, team), str(event["user"])

        async def send() -> None:
            if mention or await self._is_for_us(event, team, own_id):
                await EphemeralMessages(self._client, key, user).send_ephemeral(REFUSAL)

        return Refusal(f"{key}:{user}", send)

    async def _is_for_us(self, event: Event, team: str, own_id: str) -> bool:
        """Whether it is direct, or a follow-up in a thread that addresses nobody else."""
        if _is_direct(event):
            return True
        key = _key(event, team)
        if not _may_be_for_us(event) or not await self._core.replies.known_thread(key):
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
        text = to_readable(str(event.get("text") or ""), own_id)
        return self._core.answers_in_place(text, files=bool(event.get("files")))

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

    async def _ask(self, event: Event, key: ConversationKey, own_id: str) -> None:
        channel, ts, root = key.channel, str(event["ts"]), event.get("thread_ts")
        id_ = f"{channel}:{ts}"
        if id_ in self.recent_questions:
            return  # delivered again
        user = str(event["user"])
        author, text = await asyncio.gather(
            self._history_reader.users.author(user),
            self._history_reader.readable_text(event, own_id),
        )
        sink = make_sink(
            self._client, self._core.replies, key, self._timing,
            user=user, agent_status=self._agent_status, question=text,
        )  # fmt: skip
        recent = RecentQuestion(id_, text, key, author, sink)
        self.recent_questions.remember(id_, recent)
        message = Message(
            id=id_,
            conversation=key,
            author=recent.author,
            text=recent.text,
            direct=_is_direct(event),
            attachments=self._history_reader.files.attachments_of(event),
            context=await self._history_reader.read_thread_context(channel, root, own_id, ts),
            earlier=self._history_reader.make_reader(channel, root, own_id, ts),
        )
        await self._core.accept(message, sink)

    # --- a question is deleted or edited --------------------------------------------------------

    async def _deleted(self, event: Event, ts: str) -> None:
        """Handle a deleted message: cancel its turn, and remove an unfinished answer."""
        before = {"channel": event["channel"], **(event.get("previous_message") or {}), "ts": ts}
        async with self._locks.lock_for(_place(before)):
            id_ = f"{event['channel']}:{ts}"
            recent = self.recent_questions.pop(id_)
            if recent is not None and recent.sink is not None:
                recent.sink.stop_showing()
            elif recent is None:
                recent = await self._find_from_earlier_process(id_)
            if recent is None:
                return
            gone = MessageDeleted(
                f"deleted.{id_}", recent.conversation, recent.author, recent.event
            )
            await self._core.accept(gone, SilentSink())

    async def _find_from_earlier_process(self, event: str) -> RecentQuestion[ReplySink] | None:
        """Find a deleted question of an earlier process; remove its answer if it was cut off."""
        question = await self._core.question(PLATFORM, event)
        if question is None:
            return None
        if question.cut_off and (reply := await self._core.replies.get(question.turn)):
            for ts in filter(None, reply.address.get("messages", "").split(",")):
                await self.remove(reply.address.get("channel", ""), ts)
        return RecentQuestion.from_earlier_process(question)

    async def remove(self, channel: str, ts: str) -> None:
        """Delete a message of the bot; a failure is logged."""
        try:
            await self._client.chat_delete(channel=channel, ts=ts)
        except FAILURES as exc:
            _log.info("slack.delete_failed", error=error_of(exc))

    async def _changed(self, event: Event, own_id: str) -> None:
        """Handle an edited question: offer to answer the new text."""
        message = event.get("message") or {}
        if message.get("subtype") == "tombstone":  # deleted, but a thread hangs on it
            await self._deleted(event, str(message.get("ts")))
            return
        before = event.get("previous_message") or {}
        if not is_from_a_person(message, own_id) or message.get("text") == before.get("text"):
            return  # we are writing ourselves, or Slack has looked a link up
        async with self._locks.lock_for(_place({**message, "channel": event["channel"]})):
            ts = str(message.get("ts"))
            recent = await self.recent_questions.find(f"{event['channel']}:{ts}")
            if recent is None or not recent.turn:
                return
            if not self._core.admits(recent.author, recent.conversation):
                return
            text = await self._history_reader.readable_text(message, own_id)
            if not text or text == recent.text:
                return
            recent.text = text
            if recent.edit_offered:
                return  # the offer that stands there answers the text as it is when it is taken up
            recent.edit_offered = True
            await self._offer(recent, ts)

    async def _offer(self, recent: RecentQuestion[ReplySink], ts: str) -> None:
        again = Action("regenerate", "Answer the new one", f"{EDITED_PREFIX}{ts}")
        words = "You have changed your question."
        small = {"type": "context", "elements": [{"type": "mrkdwn", "text": words}]}
        try:
            await self._client.chat_postMessage(
                channel=recent.conversation.channel,
                thread_ts=recent.conversation.thread,
                text=words,
                blocks=[small, button_block((again,), recent.turn)],
            )
        except FAILURES as exc:
            recent.edit_offered = False
            _log.info("slack.offer_failed", error=error_of(exc))


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


def _place(event: Event) -> str:
    """Key of the events that are handled in order: a thread, a message, a direct conversation."""
    own = None if str(event["channel"]).startswith("D") else event.get("ts")
    return f"{event['channel']}:{event.get('thread_ts') or own}"
