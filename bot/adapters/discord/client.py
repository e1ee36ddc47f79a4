"""The discord.py client: the least intents, nothing cached, every event passed on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import discord
import structlog

from bot.adapters.discord.inbound.command_tree import Tree, fill
from bot.adapters.discord.inbound.form_recovery import AgainButton, opens_again
from bot.adapters.discord.inbound.handlers import Handlers
from bot.adapters.discord.outbound.buttons import AnswerButton, is_ours
from bot.adapters.discord.outbound.poster import NO_PINGS
from bot.adapters.discord.transport.backoff import Backoff
from bot.adapters.discord.transport.timing import Timing
from bot.commands.declaration import Command
from bot.config.platforms import DiscordSettings
from bot.types import ActionName

_log = structlog.get_logger(__name__)

_LONGEST_WAIT_S = 300.0

# The library warns of what is missing for voice, which this bot does not have.
discord.VoiceClient.warn_nacl = False
discord.VoiceClient.warn_dave = False


def intents_for(settings: DiscordSettings) -> discord.Intents:
    """Servers and messages; what is said without naming the bot only where it is configured."""
    return discord.Intents(
        guilds=True,
        guild_messages=True,
        dm_messages=True,
        message_content=settings.message_content,
    )


class OneConnection(discord.Client):
    """One connection for all servers."""

    def __init__(
        self,
        settings: DiscordSettings,
        surface: Handlers,
        commands: Iterable[Command],
        backoff: Backoff,
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
            max_ratelimit_timeout=_LONGEST_WAIT_S,
            **options,
        )
        self.surface = surface
        self._backoff = backoff
        self._timing = timing
        self.tree = Tree(self, surface.interactions, user_install=settings.user_install)
        fill(self.tree, tuple(commands), surface.interactions, settings.guilds)
        self.add_dynamic_items(AnswerButton, AgainButton)

    @property
    def us(self) -> int:
        """The bot's own id."""
        return self.user.id if self.user is not None else 0

    # --- the connection -------------------------------------------------------------------------

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        if not initial:
            await asyncio.sleep(self._timing.identify_pause)

    async def on_connect(self) -> None:
        self._backoff.opened()
        _log.info("discord.connected", application=self.application_id)

    async def on_resumed(self) -> None:
        self._backoff.resumed()
        _log.info("discord.resumed")

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        _log.exception("discord.event_failed", what=event_method)

    # --- what people do -------------------------------------------------------------------------

    async def on_message(self, message: discord.Message) -> None:
        self.surface.start("message", self.surface.messages.on_message(message, self.us))

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        self.surface.start("edit", self.surface.messages.on_edited(payload.message, self.us))

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        gone = {payload.message_id}
        self.surface.start("deletion", self.surface.messages.on_deleted(gone))

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        gone = payload.message_ids
        self.surface.start("deletion", self.surface.messages.on_deleted(gone))

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        gone = payload.thread_id
        self.surface.start("deletion", self.surface.messages.on_thread_deleted(gone))

    async def on_answer_button(
        self, interaction: discord.Interaction[Any], action: ActionName, turn: str, value: str
    ) -> None:
        """A button of ours was pressed."""
        await self.surface.interactions.on_button(interaction, action, turn, value)

    async def on_form_again(self, interaction: discord.Interaction[Any], name: str) -> None:
        """A form is to be opened once more."""
        await self.surface.interactions.on_form_again(interaction, name)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        if interaction.type is discord.InteractionType.modal_submit:
            await self.surface.interactions.on_form(interaction)
        if interaction.type is not discord.InteractionType.component:
            return
        custom_id = interaction.custom_id or ""
        if not (is_ours(custom_id) or opens_again(custom_id)):
            await self.surface.interactions.on_unknown_button(interaction)


class ManyConnections(OneConnection, discord.AutoShardedClient):
    """One connection for each shard. `away` is set while any of them is."""

    def __init__(self, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self.away = asyncio.Event()
        self._missing: set[int] = set()

    async def on_shard_disconnect(self, shard_id: int) -> None:
        self._missing.add(shard_id)
        self.away.set()

    async def on_shard_connect(self, shard_id: int) -> None:
        self._back(shard_id)

    async def on_shard_resumed(self, shard_id: int) -> None:
        self._back(shard_id)

    def _back(self, shard_id: int) -> None:
        self._missing.discard(shard_id)
        if not self._missing:
            self.away.clear()
