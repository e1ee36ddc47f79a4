"""The event handlers of one run of the adapter, and the tasks that they start."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import discord

from bot.adapters.background_tasks import BackgroundTasks, Refusal
from bot.adapters.discord.inbound.interactions import Interactions
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

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run the handling of an event as a background task; returns at once."""
        self._background_tasks.start(work, name)

    def start_message(self, message: discord.Message, own_id: int) -> None:
        """Handle a message as a background task; where there are too many, its author is told."""
        self._background_tasks.start(
            self.messages.on_message(message, own_id),
            "message",
            Refusal(
                f"{message.channel.id}:{message.author.id}",
                lambda: self.messages.refuse(message, own_id),
            )
            if self.messages.may_be_for_us(message, own_id)
            else None,
        )

    async def close(self) -> None:
        """Cancel the tasks that still run, and wait for them to end."""
        await self._background_tasks.close()
