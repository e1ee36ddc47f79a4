"""The discord.py client: the least intents, nothing cached, every event passed on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import discord
import structlog

from bot.adapters.discord.commands import Tree, fill
from bot.adapters.discord.components import AnswerButton, is_ours
from bot.adapters.discord.gateway import Backoff
from bot.adapters.discord.outlets import NO_PINGS
from bot.adapters.discord.sink import Timing
from bot.adapters.discord.surface import Surface
from bot.command import Command
from bot.config.platforms import DiscordSettings
from bot.types import ActionName

_log = structlog.get_logger(__name__)

_LONGEST_WAIT_S = 300.0


def intents_for(settings: DiscordSettings) -> discord.Intents:
    """Servers and messages; what is said without naming the bot only where it is configured."""
    return discord.Intents(
        guilds=True,
        guild_messages=True,
        dm_messages=True,
        message_content=settings.message_content,
    )


class OneConnection(discord.Client):
    """One connection for all servers. `away` is set while there is none."""

    def __init__(
        self,
        settings: DiscordSettings,
        surface: Surface,
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
        self.away = asyncio.Event()
        self.connected = asyncio.Event()
        self._backoff = backoff
        self._timing = timing
        self.tree = Tree(self, surface, user_install=settings.user_install)
        fill(self.tree, tuple(commands), surface, settings.guilds)
        self.add_dynamic_items(AnswerButton)

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
        self.away.clear()
        self.connected.set()
        _log.info("discord.connected", application=self.application_id)

    async def on_resumed(self) -> None:
        self._backoff.resumed()
        self.away.clear()
        _log.info("discord.resumed")

    async def on_disconnect(self) -> None:
        self.away.set()

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        _log.exception("discord.event_failed", what=event_method)

    # --- what people do -------------------------------------------------------------------------

    async def on_message(self, message: discord.Message) -> None:
        self.surface.errands.start(self.surface.on_message(message, self.us), "message")

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        self.surface.errands.start(self.surface.on_edited(payload.message, self.us), "edit")

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        self.surface.errands.start(self.surface.on_deleted([payload.message_id]), "deletion")

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        self.surface.errands.start(self.surface.on_deleted(payload.message_ids), "deletion")

    async def on_answer_button(
        self, interaction: discord.Interaction[Any], action: ActionName, turn: str, value: str
    ) -> None:
        """A button of ours was pressed."""
        await self.surface.on_button(interaction, action, turn, value)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        if interaction.type is not discord.InteractionType.component:
            return
        data: Any = interaction.data or {}
        if not is_ours(str(data.get("custom_id", ""))):
            await self.surface.on_unknown_button(interaction)


class ManyConnections(OneConnection, discord.AutoShardedClient):
    """One connection for each shard."""
