"""What commands and presses have in common: acknowledged, answered, handed to the core."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, TypeVar

import discord
import structlog

from bot.adapters.background_tasks import BackgroundTasks, Refusal, refuse
from bot.adapters.discord.inbound.membership import Membership
from bot.adapters.discord.outbound.port import ReplySink
from bot.adapters.discord.outbound.poster import Poster
from bot.adapters.discord.outbound.reply_plan import (
    InteractionReply,
    InteractionToken,
    ReplyMaker,
)
from bot.adapters.discord.transport import payloads
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.inbox import Inbox
from bot.adapters.protocol import Core
from bot.events import ActionCall, CommandCall
from bot.replies.protocol import Sink
from bot.types import Author, ConversationKey

_log = structlog.get_logger(__name__)

Interaction: TypeAlias = "discord.Interaction[Any]"
E = TypeVar("E", CommandCall, ActionCall)
Give: TypeAlias = Callable[[E], Awaitable[bool]]
"""Gives an event to the process that is to answer it; returns whether another one has it."""


def place_and_author(interaction: Interaction) -> tuple[ConversationKey, Author]:
    """The conversation in which somebody acted, and who they are."""
    channel: Any = interaction.channel or discord.Object(interaction.channel_id or 0)
    author = payloads.author_of(interaction.user, str(interaction.locale.value))
    direct = payloads.is_direct(interaction)
    return payloads.key_of(channel, interaction.guild_id, direct=direct), author


class InteractionReplies:
    """Answers interactions. `background_tasks` are the platform's, and `inbox` follows the
    answers; it owns neither."""

    def __init__(
        self,
        core: Core,
        replies: ReplyMaker,
        background_tasks: BackgroundTasks,
        inbox: Inbox,
        membership: Membership,
    ) -> None:
        self.maker = replies
        self.background_tasks = background_tasks
        self.inbox = inbox
        self.membership = membership
        self._core = core

    async def acknowledge(
        self, interaction: Interaction, *, thinking: bool = False, private: bool = False
    ) -> int | None:
        """Acknowledge, before anything else. Returns the placeholder's id, if there is one.

        If Discord does not take it (too late, or it is down) the answer goes to the channel; one
        that is `private` goes to the person.
        """
        try:
            answer = await interaction.response.defer(thinking=thinking, ephemeral=private)
        except FAILURES as exc:
            _log.warning("discord.defer_failed", error=str(exc)[:200])
            return None
        return answer.message_id if answer is not None and thinking else None

    def plan(
        self, interaction: Interaction, *, placeholder: int | None = None, private: bool = False
    ) -> InteractionReply:
        """How an interaction is answered, once it is acknowledged."""
        token: InteractionToken | None = None
        if interaction.response.is_done():
            ends_at = datetime.now(UTC) + timedelta(seconds=self.maker.timing.token_life)
            token = InteractionToken(interaction.application_id, interaction.token, ends_at)
        return InteractionReply(
            channel=interaction.channel_id or 0,
            person=None if payloads.is_direct(interaction) else interaction.user.id,
            token=token,
            placeholder=placeholder,
            private=private,
        )

    def sink(
        self,
        plan: InteractionReply,
        key: ConversationKey,
        posters: Sequence[Poster] | None = None,
        **more: Any,
    ) -> ReplySink:
        """The reply, which ends if one of its messages is deleted."""
        sink = self.maker.reply_to_interaction(plan, key, posters, **more)
        return self.inbox.follow(sink, key)

    def start(self, call: E, sink: Sink, name: str, give: Give[E] | None = None) -> None:
        """Hand an event over as `accept` does, or refuse it where there are too many. Each person
        gets the refusal, since the platform waits for an answer."""
        self.background_tasks.start(
            self.accept(call, sink, give), name, Refusal(call.id, lambda: refuse(sink))
        )

    async def accept(self, call: E, sink: Sink, give: Give[E] | None = None) -> None:
        """Hand an event to the core, unless it is given to another process; one in a direct message
        gets the roles that Discord leaves out."""
        if call.direct:
            call = replace(call, author=await self.membership.with_roles(call.author))
        if give is None or not await give(call):
            await self._core.accept(call, sink)
