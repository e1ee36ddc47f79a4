"""Messages: who is spoken to, where the answer belongs, what is context; edits and deletions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.protocol import Core
from bot.adapters.recent_questions import EDITED, Questions, RecentQuestions, SilentSink
from bot.adapters.slack.inbound.history import Reading
from bot.adapters.slack.inbound.ordering import Order
from bot.adapters.slack.inbound.text import is_from_a_person, mentioned
from bot.adapters.slack.inbound.users import PLATFORM
from bot.adapters.slack.outbound.agent_status import AgentSurface
from bot.adapters.slack.outbound.render import button_block
from bot.adapters.slack.outbound.sink import ReplySink
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
        reading: Reading,
        surface: AgentSurface,
    ) -> None:
        self._core = core
        self._client = client
        self._timing = timing
        self._reading = reading
        self._surface = surface
        self._order = Order()
        self.asked: Questions[ReplySink] = Questions(core, PLATFORM)

    async def on_mention(self, event: Event, team: str, us: str) -> None:
        """Somebody named us in a channel."""
        if not is_from_a_person(event, us):
            return
        async with self._order.of(_place(event)):
            await self._ask(event, await self._where(event, team), us)

    async def on_message(self, event: Event, team: str, us: str) -> None:
        """A message that we can see: direct, in a thread of ours, or not our business."""
        match event.get("subtype"):
            case "message_deleted":
                await self._deleted(event, str(event.get("deleted_ts")))
            case "message_changed":
                await self._changed(event, us)
            case _ if is_from_a_person(event, us):
                async with self._order.of(_place(event)):
                    if await self._is_for_us(event, team, us):
                        await self._ask(event, await self._here(event, team), us)

    async def _is_for_us(self, event: Event, team: str, us: str) -> bool:
        """Whether it is direct, or goes on in a thread of ours and is not for somebody else."""
        if _is_direct(event):
            return True
        text, key = str(event.get("text") or ""), _key(event, team)
        # One that names us comes a second time, as a mention.
        if key.thread is None or mentioned(text) or not (text.strip() or event.get("files")):
            return False
        if not await self._core.replies.known_thread(key):
            return False
        return (await self._core.channel_settings(key)).follow_up

    async def _where(self, event: Event, team: str) -> ConversationKey:
        """Where the answer belongs: in the thread, or in one that the question begins."""
        key = _key(event, team)
        if key.thread is None and (await self._core.channel_settings(key)).thread_per_mention:
            return ConversationKey(PLATFORM, team, key.channel, str(event["ts"]))
        return key

    async def _here(self, event: Event, team: str) -> ConversationKey:
        """In place; an agent has a thread for each question that is asked of it directly."""
        key = _key(event, team)
        if key.thread is None and _is_direct(event):
            thread = replace(key, thread=str(event["ts"]))
            if await self._surface.is_agent(thread):
                return thread
        return key

    async def _ask(self, event: Event, key: ConversationKey, us: str) -> None:
        channel, ts, root = key.channel, str(event["ts"]), event.get("thread_ts")
        id_ = f"{channel}:{ts}"
        if id_ in self.asked:
            return  # delivered again
        user = str(event["user"])
        author, text = await asyncio.gather(
            self._reading.people.author(user), self._reading.text(event, us)
        )
        sink = ReplySink(
            self._client, self._core.replies, key, self._timing,
            user=user, surface=self._surface, question=text,
        )  # fmt: skip
        asked = RecentQuestions(id_, text, key, author, sink)
        self.asked.remember(id_, asked)
        message = Message(
            id=id_,
            conversation=key,
            author=asked.author,
            text=asked.text,
            direct=_is_direct(event),
            attachments=self._reading.files.of(event),
            context=await self._reading.around(channel, root, us, ts),
            earlier=self._reading.before(channel, root, us, ts),
        )
        await self._core.accept(message, sink)

    # --- a question is deleted or edited --------------------------------------------------------

    async def _deleted(self, event: Event, ts: str) -> None:
        """It is gone: its turn is cancelled, and an unfinished answer taken away."""
        before = {"channel": event["channel"], **(event.get("previous_message") or {}), "ts": ts}
        async with self._order.of(_place(before)):
            id_ = f"{event['channel']}:{ts}"
            asked = self.asked.take(id_)
            if asked is not None and asked.sink is not None:
                asked.sink.retract()
            elif asked is None:
                asked = await self._from_before(id_)
            if asked is None:
                return
            gone = MessageDeleted(f"deleted.{id_}", asked.conversation, asked.author, asked.event)
            await self._core.accept(gone, SilentSink())

    async def _from_before(self, event: str) -> RecentQuestions[ReplySink] | None:
        """A deleted question that an earlier process was asked; an answer that its end cut off is
        taken away."""
        question = await self._core.question(PLATFORM, event)
        if question is None:
            return None
        if question.cut_off and (reply := await self._core.replies.get(question.turn)):
            for ts in filter(None, reply.address.get("messages", "").split(",")):
                await self.remove(reply.address.get("channel", ""), ts)
        return RecentQuestions.before(question)

    async def remove(self, channel: str, ts: str) -> None:
        """Delete a message of ours, if it is there."""
        try:
            await self._client.chat_delete(channel=channel, ts=ts)
        except FAILURES as exc:
            _log.info("slack.not_deleted", error=error_of(exc))

    async def _changed(self, event: Event, us: str) -> None:
        """A question was changed: offer to answer the new one."""
        message = event.get("message") or {}
        if message.get("subtype") == "tombstone":  # deleted, but a thread hangs on it
            await self._deleted(event, str(message.get("ts")))
            return
        before = event.get("previous_message") or {}
        if not is_from_a_person(message, us) or message.get("text") == before.get("text"):
            return  # we are writing ourselves, or Slack has looked a link up
        async with self._order.of(_place({**message, "channel": event["channel"]})):
            ts = str(message.get("ts"))
            asked = await self.asked.known(f"{event['channel']}:{ts}")
            if asked is None or not asked.turn:
                return
            text = await self._reading.text(message, us)
            if not text or text == asked.text:
                return
            asked.text = text
            if asked.offered:
                return  # the offer that stands there answers the text as it is when it is taken up
            asked.offered = True
            await self._offer(asked, ts)

    async def _offer(self, asked: RecentQuestions[ReplySink], ts: str) -> None:
        again = Action("regenerate", "Answer the new one", f"{EDITED}{ts}")
        words = "You have changed your question."
        small = {"type": "context", "elements": [{"type": "mrkdwn", "text": words}]}
        try:
            await self._client.chat_postMessage(
                channel=asked.conversation.channel,
                thread_ts=asked.conversation.thread,
                text=words,
                blocks=[small, button_block((again,), asked.turn)],
            )
        except FAILURES as exc:
            asked.offered = False
            _log.info("slack.no_offer", error=error_of(exc))


def _key(event: Event, team: str) -> ConversationKey:
    return ConversationKey(PLATFORM, team, str(event["channel"]), event.get("thread_ts"))


def _is_direct(event: Event) -> bool:
    return event.get("channel_type") == "im" or str(event["channel"]).startswith("D")


def _place(event: Event) -> str:
    """What has its order: a thread, a message with what belongs to it, a direct conversation."""
    own = None if str(event["channel"]).startswith("D") else event.get("ts")
    return f"{event['channel']}:{event.get('thread_ts') or own}"
