"""Handles events of Slack's agent surface: opened, conversation started, Stop pressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.protocol import Core
from bot.adapters.recent_questions import SilentSink
from bot.adapters.slack.inbound.users import PLATFORM, UserDirectory
from bot.adapters.slack.outbound.agent_status import AgentStatus
from bot.adapters.slack.outbound.sink import ReplySink
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

    async def on_opened(self, event: Event) -> None:
        """Handle an opened tab of the app; the messages tab gets suggestions."""
        if event.get("tab") == "messages":
            channel, team = str(event["channel"]), str(event.get("team") or "")
            commands = await self._commands_for(str(event.get("user") or ""), team, channel)
            await self._agent_status.on_opened(channel, commands)

    async def on_thread(self, event: Event) -> None:
        """Handle a conversation that a person begins in an assistant app."""
        thread = event.get("assistant_thread") or {}
        if thread.get("channel_id") and thread.get("thread_ts"):
            channel, ts = str(thread["channel_id"]), str(thread["thread_ts"])
            team = str((thread.get("context") or {}).get("team_id") or "")
            commands = await self._commands_for(str(thread.get("user_id") or ""), team, channel)
            await self._agent_status.on_thread_started(channel, ts, commands)

    async def _commands_for(self, user: str, team: str, channel: str) -> Sequence[Command]:
        """The commands whose examples may be suggested to a person in a direct conversation."""
        key = ConversationKey(PLATFORM, team, channel)
        return await self._core.commands_for(Author(PLATFORM, user, user), key, direct=True)

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

    def _lazy(self, key: ConversationKey, user: str) -> ReplySink:
        replies = self._core.replies
        return ReplySink(self._client, replies, key, self._timing, user=user, lazy=True)
