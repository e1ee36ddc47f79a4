"""Handles presses of buttons; acknowledges each first."""

from __future__ import annotations

import discord

from bot.adapters.background_tasks import BUSY, Refusal
from bot.adapters.discord.inbound import history
from bot.adapters.discord.inbound.interaction_replies import (
    Interaction,
    InteractionReplies,
    place_and_author,
)
from bot.adapters.discord.inbound.membership import may_write
from bot.adapters.discord.inbound.modals import Modals
from bot.adapters.discord.outbound.poster import reply_ephemeral
from bot.adapters.discord.outbound.pressed_message import DiscordPressedMessage
from bot.adapters.discord.transport import payloads
from bot.adapters.inbox import EDITED_PREFIX
from bot.adapters.protocol import Core
from bot.catalogue.sentence import say
from bot.events import ACTIONS_WITH_REPLY, ActionCall
from bot.types import ActionName

GONE_BUTTON = say(
    "This button is from an earlier version and does nothing any more; please ask again."
)
GONE_QUESTION = say("The question is no longer there; please ask again.")
MAY_NOT_WRITE = say("You may not write here, so this cannot be shared.")


class Presses:
    """Turns presses of buttons into events."""

    def __init__(self, core: Core, answers: InteractionReplies, modals: Modals) -> None:
        self._core = core
        self._answers = answers
        self._modals = modals

    async def on_button(
        self, interaction: Interaction, action: ActionName, turn: str, value: str
    ) -> None:
        """Handle a button under an answer."""
        _, author = place_and_author(interaction)
        form = await self._core.inquiry_form(value, author.key) if action == "answer" else None
        if form is not None and await self._modals.open(interaction, form, {}):
            return
        await self._answers.acknowledge(interaction)
        if action == "regenerate" and value.startswith(EDITED_PREFIX):
            number = int(value.removeprefix(EDITED_PREFIX))
            self._answers.background_tasks.start(
                self._ask_edited(interaction, turn, number),
                "asked again",
                Refusal(str(interaction.id), lambda: reply_ephemeral(interaction, BUSY)),
            )
            return
        if action == "share" and not may_write(interaction):
            await reply_ephemeral(interaction, MAY_NOT_WRITE)
            return
        call = self._build_action_call(interaction, action, turn, value)
        lazy = action not in ACTIONS_WITH_REPLY
        plan, pressed = self._answers.plan(interaction), None
        posters = self._answers.maker.posters_for(plan)
        if action == "resume" and interaction.message is not None:
            pressed = DiscordPressedMessage(posters[0], interaction.message, turn)
        sink = self._answers.sink(plan, call.conversation, posters, lazy=lazy, pressed=pressed)
        self._answers.start(call, sink, action)

    def _build_action_call(
        self, interaction: Interaction, action: ActionName, turn: str, value: str
    ) -> ActionCall:
        key, author = place_and_author(interaction)
        earlier = None
        if action == "regenerate" and interaction.message is not None:
            own_id, may_read = interaction.client.own_id, history.make_permission_check(interaction)
            earlier = history.make_answer_reader(
                self._answers.maker.client_holder,
                own_id,
                interaction.message,
                may_read,
                interaction.channel,
            )
        return ActionCall(
            id=str(interaction.id),
            conversation=key,
            author=author,
            action=action,
            turn=turn,
            value=value,
            direct=payloads.is_direct(interaction),
            at=interaction.created_at,
            earlier=earlier,
        )

    async def on_unknown_button(self, interaction: Interaction) -> None:
        """Handle a button of an earlier version that is not known any more."""
        await reply_ephemeral(interaction, GONE_BUTTON)

    async def _ask_edited(self, interaction: Interaction, turn: str, number: int) -> None:
        """Answer the current text of a question that was edited."""
        key, _ = place_and_author(interaction)
        async with self._answers.inbox.turn_in(key):
            message = await self._find(interaction, number)
            if message is None:
                await reply_ephemeral(interaction, GONE_QUESTION)
                return
            own_id = interaction.client.own_id
            call = self._build_action_call(
                interaction, "regenerate", turn, payloads.to_readable(message, own_id)
            )
            sink = self._answers.sink(self._answers.plan(interaction), call.conversation)
            own = message.author.id == interaction.user.id
            if own:
                self._answers.inbox.answer_again(str(number), call, sink)
            await self._answers.accept(call, sink)
        if own:  # the core refuses everybody else
            await interaction.delete_original_response()

    async def _find(self, interaction: Interaction, number: int) -> discord.Message | None:
        """Find a message in the interaction's channel or its parent; None if it is in neither."""
        client = await self._answers.maker.client_holder.client()
        parent = getattr(interaction.channel, "parent_id", None)
        for place in (interaction.channel_id, parent):
            if place is None:
                continue
            try:
                return await client.get_partial_messageable(place).fetch_message(number)
            except discord.NotFound:
                continue
        return None
