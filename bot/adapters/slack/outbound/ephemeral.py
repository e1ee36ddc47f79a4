"""Ephemeral messages for the asker alone."""

from __future__ import annotations

from collections.abc import Awaitable

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.slack.outbound.escaping import escape_markup
from bot.adapters.slack.outbound.render import (
    MAX_MARKDOWN_CHARS,
    MAX_PLAIN_CHARS,
    Block,
    button_block,
    notice_line,
)
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.replies.pages import split_text
from bot.types import ConversationKey, Notice

_log = structlog.get_logger(__name__)

_MAX_SECTIONS = 3
"""Pieces of a text in one message; together they fit the longest message."""


class EphemeralMessages:
    """Sends messages that one person alone can see.

    An empty `user` is nobody in particular: everybody in the place sees what is sent then.
    """

    def __init__(self, client: AsyncWebClient, place: ConversationKey, user: str) -> None:
        self._client = client
        self._place = place
        self._user = user

    async def send_ephemeral(self, notice: Notice, turn: str = "") -> None:
        """Show a notice to the person alone: ephemerally in a channel, else as a message.

        `turn` is what the notice's buttons belong to. Somebody in whose channel we are not gets a
        direct message.
        """
        parts = list(split_text(notice_line(notice), MAX_MARKDOWN_CHARS))
        for number, part in enumerate(parts, 1):
            blocks: list[Block] = [{"type": "markdown", "text": part}]
            if notice.actions and number == len(parts):
                blocks.append(button_block(notice.actions, turn))
            await self.show(escape_markup(part[:2000]), blocks)

    async def return_values(self, words: str, text: str) -> None:
        """Show the person their own text unchanged, after an explaining sentence."""
        pieces = [piece for piece in split_text(text, MAX_PLAIN_CHARS) if piece.strip()]
        for first in range(0, len(pieces), _MAX_SECTIONS):
            said = [] if first else [words]
            blocks = [_section(one) for one in [*said, *pieces[first : first + _MAX_SECTIONS]]]
            if not await self.show(words, blocks):
                _log.warning("slack.form_values_lost", user=self._user)
                return

    async def show(self, text: str, blocks: list[Block], *, in_thread: bool = True) -> bool:
        """Show a message to the person alone; returns whether that succeeded.

        Outside of a thread in which there are answers already (`in_thread`) Slack would not show
        it: it goes to the channel.
        """
        post = self._client.chat_postMessage
        open_to_all = self._place.channel.startswith("D") or not self._user
        if open_to_all and await self.try_request(
            post(
                channel=self._place.channel,
                thread_ts=self._place.thread,
                text=text,
                blocks=blocks,
            )
        ):
            return True
        if not self._user:
            return False
        if not self._place.channel.startswith("D") and await self.try_request(
            self._client.chat_postEphemeral(
                channel=self._place.channel,
                user=self._user,
                thread_ts=self._place.thread if in_thread else None,
                text=text,
                blocks=blocks,
            )
        ):
            return True
        return await self.try_request(post(channel=self._user, text=text, blocks=blocks))

    async def try_request(self, request: Awaitable[object]) -> bool:
        """Make a call that may fail; returns whether it succeeded."""
        try:
            await request
        except FAILURES as exc:
            _log.info("slack.request_failed", error=error_of(exc))
            return False
        return True


def _section(text: str) -> Block:
    """A block that Slack shows literally: no markup, mentions or emoji."""
    return {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}
