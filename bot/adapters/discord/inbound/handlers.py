"""The event handlers of one run of the adapter, and the tasks that they start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import discord

from bot.adapters.background_tasks import BackgroundTasks
from bot.adapters.discord.inbound.handover import Taking
from bot.adapters.discord.inbound.interaction_replies import InteractionReplies
from bot.adapters.discord.inbound.interactions import Interactions
from bot.adapters.discord.inbound.introduction import introduce
from bot.adapters.discord.inbound.membership import Membership
from bot.adapters.discord.inbound.messages import Messages
from bot.adapters.discord.inbound.modals import Modals
from bot.adapters.discord.inbound.presses import Presses
from bot.adapters.discord.outbound.client_holder import ClientHolder
from bot.adapters.discord.outbound.reply_plan import ReplyMaker
from bot.adapters.discord.transport.timing import Timing
from bot.adapters.forms import Forms
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
        replies = ReplyMaker(client_holder, core.replies, timing, self._background_tasks.start)
        self.messages = Messages(
            core,
            replies,
            self._background_tasks,
            membership,
            chain=settings.reply_chain,
            content=settings.message_content,
        )
        inbox, tasks = self.messages.inbox, self._background_tasks
        answers = InteractionReplies(core, replies, tasks, inbox, membership)
        forms = Forms(core)
        modals = Modals(forms)
        self.interactions = Interactions(core, answers, forms, modals)
        self.presses = Presses(core, answers, modals)
        self._taking = Taking(core, replies, self.messages.inbox)

    def start_introduction(self, guild: discord.Guild) -> None:
        """Introduce the bot on a server, where the configuration says so, as a background task."""
        if self._settings.introduction:
            self._background_tasks.start(introduce(self._core, guild), "introduction")

    async def handle_received(self, payload: Mapping[str, Any]) -> None:
        """Handle an event that was stored, in whichever process. Raises `UnknownFormat`."""
        await self._taking.handle(payload)

    async def close(self) -> None:
        """Cancel the tasks that still run, and wait for them to end."""
        await self._background_tasks.close()
