"""Handles events of Slack's agent surface: opened, conversation started, Stop pressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.protocol import Core
from bot.adapters.silent_sink import SilentSink
from bot.adapters.slack.inbound.users import PLATFORM, UserDirectory
from bot.adapters.slack.outbound.agent_status import AgentStatus
from bot.adapters.slack.outbound.port import ReplySink, make_sink
from bot.adapters.slack.transport.timing import Timing
from bot.commands.declaration import Command
from bot.events import ActionCall
from bot.types import Author, ConversationKey

Event = Mapping[str, Any]


class AgentEvents:
    """Greets people, suggests questions, and stops answers."""

    def __init__(
        self,
        core: Core,
        client: AsyncWebClient,
        timing: Timing,
        users: UserDirectory,
        agent_status: AgentStatus,
    ) -> None:
        self._core = core
        self._client = client
        self._timing = timing
        self._users = users
        self._agent_status = agent_status

    async def on_opened(self, event: Event, team: str) -> None:
        """Handle an opened tab of the app; the messages tab gets suggestions."""
        if event.get("tab") == "messages":
            channel = str(event["channel"])
            if self._admits(event, team, channel):
                commands, locale = await self._prepare(event, team, channel)
                await self._agent_status.on_opened(channel, commands, locale)

    async def on_thread(self, event: Event, team: str) -> None:
        """Handle a conversation that a person begins in an assistant app."""
        thread = event.get("assistant_thread") or {}
        if not (thread.get("channel_id") and thread.get("thread_ts")):
            return
        channel, ts = str(thread["channel_id"]), str(thread["thread_ts"])
        if self._admits(thread, team, channel):
            commands, locale = await self._prepare(thread, team, channel)
            await self._agent_status.on_thread_started(channel, ts, commands, locale)

    async def _prepare(
        self, event: Event, team: str, channel: str
    ) -> tuple[Sequence[Command], str | None]:
        """The commands whose examples may be suggested to a person in a direct conversation, and
        the language in which they are greeted there."""
        key, author = ConversationKey(PLATFORM, team, channel), _author(event)
        commands = await self._core.commands_for(author, key, direct=True)
        person = await self._users.author(author.id)
        return commands, await self._core.find_language(key, person.locale)

    async def on_stopped(self, event: Event, team: str) -> None:
        """Handle Slack's own Stop: stop the turns of that thread, as the bot's button does."""
        channel, user = str(event["channel"]), str(event["user"])
        key = ConversationKey(PLATFORM, team, channel, event.get("thread_ts"))
        direct = channel.startswith("D")
        call = ActionCall(
            f"stopped:{channel}:{key.thread}:{event.get('event_ts')}",
            key, await self._users.author(user), "stop", "", direct=direct,
        )  # fmt: skip
        # In a direct conversation the answer itself says that it was stopped.
        sink = SilentSink() if direct else self._lazy(key, user)
        await self._core.accept(call, sink)
        await self._agent_status.on_stopped(key)

    def _admits(self, event: Event, team: str, channel: str) -> bool:
        """Whether a message of the person would be answered there."""
        return self._core.admits(_author(event), ConversationKey(PLATFORM, team, channel))

    def _lazy(self, key: ConversationKey, user: str) -> ReplySink:
        replies = self._core.replies
        return make_sink(self._client, replies, key, self._timing, user=user, lazy=True)


def _author(event: Event) -> Author:
    user = str(event.get("user") or event.get("user_id") or "")
    return Author(PLATFORM, user, user)
