"""Posts an answer in a thread that is opened with its first message."""

from __future__ import annotations

from typing import Any

import discord
import structlog

from bot.adapters.discord.outbound.client_holder import ClientHolder
from bot.adapters.discord.outbound.poster import ChannelPoster
from bot.adapters.discord.outbound.render import Payload

_log = structlog.get_logger(__name__)

_THREAD_EXISTS_CODE = 160004
_UNKNOWN_MESSAGE_CODE = 10008
_TOO_MANY_REQUESTS = 429


class QuestionGone(Exception):
    """The message that is to be answered was deleted, so its answer is posted nowhere."""


class ThreadPoster(ChannelPoster):
    """Posts in the thread of the message `prompt`, which has the message's id as its own.

    Where Discord lets the bot open none, it posts in the channel, as a reply to the message.
    `archive_after_min` is the channel's setting: after so many minutes the thread is archived.
    """

    def __init__(
        self,
        client_holder: ClientHolder,
        channel: int,
        prompt: int,
        title: str,
        archive_after_min: Any = 1440,
    ) -> None:
        super().__init__(client_holder, prompt)
        self._parent = channel
        self._title = title
        self._archive_after_min = archive_after_min
        self._opened = False

    @property
    def is_open(self) -> bool:
        """Whether it posts in the thread."""
        return self._opened and self.channel != self._parent

    async def send(self, payload: Payload, turn: str, nonce: str) -> int:
        if not self._opened:
            await self._open()
        return await super().send(payload, turn, nonce)

    async def typing(self) -> None:
        if self.is_open:
            await super().typing()

    async def _open(self) -> None:
        """Open the thread. Raises one of `FAILURES` if Discord is down, and `QuestionGone`."""
        client = await self._client_holder.client()
        prompt = self.channel
        try:
            await client.http.start_thread_with_message(
                self._parent,
                prompt,
                name=self._title,
                auto_archive_duration=self._archive_after_min,
            )
        except discord.HTTPException as exc:
            if exc.code == _UNKNOWN_MESSAGE_CODE:
                raise QuestionGone from exc
            if exc.status >= 500 or exc.status == _TOO_MANY_REQUESTS:
                raise
            if exc.code != _THREAD_EXISTS_CODE:
                _log.info("discord.thread_not_created", status=exc.status, code=exc.code)
                self.channel, self._prompt = self._parent, prompt
        self._opened = True
