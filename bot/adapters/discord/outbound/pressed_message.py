"""The message whose button was pressed: its buttons go, and what was chosen stands in it."""

from __future__ import annotations

import discord
import structlog

from bot.adapters.discord.outbound.client_holder import ClientHolder
from bot.adapters.discord.outbound.poster import ChannelPoster, Poster
from bot.adapters.discord.outbound.render import MAX_MESSAGE_CHARS, Payload, notice_line
from bot.adapters.discord.transport.errors import FAILURES
from bot.types import Notice

_log = structlog.get_logger(__name__)


class DiscordPressedMessage:
    """Implements `bot.replies.choice.PressedMessage`; `poster` is of the press."""

    def __init__(self, poster: Poster, message: discord.Message, turn: str) -> None:
        self._poster = poster
        self._message = message
        self._turn = turn

    async def settle(self, choice: Notice | None) -> bool:
        shown = self._message.content
        text = "\n".join(filter(None, (shown, notice_line(choice) if choice else "")))
        fits = len(text) <= MAX_MESSAGE_CHARS
        try:
            payload = Payload(text if fits else shown)
            await self._poster.edit(self._message.id, payload, self._turn)
        except FAILURES as exc:
            _log.info("discord.choice_not_shown", error=str(exc)[:200])
            return False
        return fits


class DiscordLastMessage:
    """The last message of a reply that goes on though nobody pressed a button in it: it settles as
    a pressed one does, if it has buttons. Implements `bot.replies.choice.PressedMessage`."""

    def __init__(self, client_holder: ClientHolder, channel: int, message: int, turn: str) -> None:
        self._client_holder = client_holder
        self._place = channel, message
        self._turn = turn
        self._found: DiscordPressedMessage | None = None

    async def settle(self, choice: Notice | None) -> bool:
        if self._found is None:
            channel, number = self._place
            try:
                client = await self._client_holder.client()
                message = await client.get_partial_messageable(channel).fetch_message(number)
            except FAILURES as exc:
                _log.info("discord.choice_not_shown", error=str(exc)[:200])
                return False
            if not message.components:
                return False
            poster = ChannelPoster(self._client_holder, channel)
            self._found = DiscordPressedMessage(poster, message, self._turn)
        return await self._found.settle(choice)
