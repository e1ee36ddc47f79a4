"""The discord.py client: minimal intents, no caches; passes every event to the handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import discord
import structlog

from bot.adapters.discord.inbound.command_tree import Tree, fill
from bot.adapters.discord.inbound.form_recovery import ReopenFormButton, is_reopen_button
from bot.adapters.discord.inbound.handlers import Handlers
from bot.adapters.discord.outbound.buttons import AnswerButton, is_answer_button
from bot.adapters.discord.outbound.poster import NO_PINGS
from bot.adapters.discord.transport.timing import Timing
from bot.commands.declaration import Command
from bot.config.platforms import DiscordSettings
from bot.types import ActionName

_log = structlog.get_logger(__name__)

_MAX_RATE_LIMIT_WAIT_S = 300.0

# The library warns of what is missing for voice, which this bot does not have.
discord.VoiceClient.warn_nacl = False
discord.VoiceClient.warn_dave = False


def intents_for(settings: DiscordSettings) -> discord.Intents:
    """The gateway intents: servers and messages; message content only where it is configured."""
    return discord.Intents(
        guilds=True,
        guild_messages=True,
        dm_messages=True,
        message_content=settings.message_content,
    )


class WritingClient(discord.Client):
    """A client that is told of no events: it makes requests, in a process beside the one that is
    connected."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True),  # discord.py warns where these are missing
            allowed_mentions=NO_PINGS,
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            max_ratelimit_timeout=_MAX_RATE_LIMIT_WAIT_S,
            **options,
        )


class DiscordClient(discord.Client):
    """A client with one gateway connection for all servers."""

    def __init__(
        self,
        settings: DiscordSettings,
        handlers: Handlers,
        commands: Iterable[Command],
        timing: Timing,
        **options: Any,
    ) -> None:
        super().__init__(
            intents=intents_for(settings),
            allowed_mentions=NO_PINGS,
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            guild_ready_timeout=timing.ready_timeout,
            max_ratelimit_timeout=_MAX_RATE_LIMIT_WAIT_S,
            **options,
        )
        self.handlers = handlers
        self._is_open = False
        self._timing = timing
        self.tree = Tree(self, handlers.interactions, user_install=settings.user_install)
        fill(self.tree, tuple(commands), handlers.interactions, settings.guilds)
        self.add_dynamic_items(AnswerButton, ReopenFormButton)

    @property
    def own_id(self) -> int:
        """The bot's own id."""
        return self.user.id if self.user is not None else 0

    # --- the connection -------------------------------------------------------------------------

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        if not initial:
            await asyncio.sleep(self._timing.identify_pause)

    @property
    def connected(self) -> bool:
        """Whether the gateway's events arrive."""
        return self._is_open

    async def on_connect(self) -> None:
        self._is_open = True
        _log.info("discord.connected", application=self.application_id)

    async def on_disconnect(self) -> None:
        self._is_open = False

    async def on_resumed(self) -> None:
        self._is_open = True
        _log.info("discord.resumed")

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        _log.exception("discord.event_failed", what=event_method)

    # --- what people do -------------------------------------------------------------------------

    async def on_message(self, message: discord.Message) -> None:
        self.handlers.messages.on_message(message, self.own_id)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        self.handlers.messages.on_edited(payload.message, self.own_id)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        self.handlers.messages.on_deleted(payload.channel_id, {payload.message_id})

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        self.handlers.messages.on_deleted(payload.channel_id, payload.message_ids)

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        self.handlers.messages.on_thread_deleted(payload.thread_id)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        self.handlers.start_introduction(guild)

    async def on_answer_button(
        self, interaction: discord.Interaction[Any], action: ActionName, turn: str, value: str
    ) -> None:
        """Handle a press of an `AnswerButton`."""
        await self.handlers.presses.on_button(interaction, action, turn, value)

    async def on_reopen_form(self, interaction: discord.Interaction[Any], name: str) -> None:
        """Handle a press of a `ReopenFormButton`."""
        await self.handlers.interactions.on_reopen_form(interaction, name)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        if interaction.type is discord.InteractionType.modal_submit:
            await self.handlers.interactions.on_form(interaction)
        if interaction.type is not discord.InteractionType.component:
            return
        custom_id = interaction.custom_id or ""
        if not (is_answer_button(custom_id) or is_reopen_button(custom_id)):
            await self.handlers.presses.on_unknown_button(interaction)


class ShardedDiscordClient(DiscordClient, discord.AutoShardedClient):
    """A client with one connection for each shard."""

    def __init__(self, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self._open_shards: set[int] = set()

    @property
    def connected(self) -> bool:
        """Whether the events of every shard arrive."""
        return len(self._open_shards) == self.shard_count

    async def on_shard_disconnect(self, shard_id: int) -> None:
        self._open_shards.discard(shard_id)

    async def on_shard_connect(self, shard_id: int) -> None:
        self._open_shards.add(shard_id)

    async def on_shard_resumed(self, shard_id: int) -> None:
        self._open_shards.add(shard_id)
