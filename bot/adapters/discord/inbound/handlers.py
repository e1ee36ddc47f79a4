"""The event handlers of one run of the adapter, and the tasks that they start."""

from __future__ import annotations

import discord

from bot.adapters.background_tasks import BackgroundTasks
from bot.adapters.discord.inbound.interactions import Interactions
from bot.adapters.discord.inbound.introduction import introduce
from bot.adapters.discord.inbound.membership import Membership
from bot.adapters.discord.inbound.messages import Messages
from bot.adapters.discord.outbound.poster import ClientHolder
from bot.adapters.discord.transport.timing import Timing
from bot.adapters.protocol import Core
from bot.config.platforms import DiscordSettings


class Handlers:
    """Owns the handlers of messages and interactions, and their background tasks."""

    def __init__(
        self,
        core: Core,
        client_holder: ClientHolder,
        timing: Timing,
        settings: DiscordSettings,
        membership: Membership,
        max_tasks: int,
    ) -> None:
        self._core = core
        self._settings = settings
        self._background_tasks = BackgroundTasks("discord", max_tasks)
        self.messages = Messages(
            core,
            client_holder,
            timing,
            self._background_tasks,
            membership,
            chain=settings.reply_chain,
            content=settings.message_content,
        )
        self.interactions = Interactions(
            core, client_holder, timing, self._background_tasks, self.messages, membership
        )

    def start_introduction(self, guild: discord.Guild) -> None:
        """Introduce the bot on a server, where the configuration says so, as a background task."""
        if self._settings.introduction:
            self._background_tasks.start(introduce(self._core, guild), "introduction")

    async def close(self) -> None:
        """Cancel the tasks that still run, and wait for them to end."""
        await self._background_tasks.close()
