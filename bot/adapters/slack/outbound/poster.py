"""Posts, edits, streams and deletes the messages of one reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.slack.outbound.agent_status import AgentStatus
from bot.adapters.slack.outbound.render import Block, Payload
from bot.adapters.slack.outbound.stream import Stream
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.types import ConversationKey

_log = structlog.get_logger(__name__)

_NO_ACCESS_ERRORS = frozenset({"not_in_channel", "channel_not_found"})
_INVALID_BLOCKS_ERRORS = frozenset({"invalid_blocks", "invalid_blocks_format"})


@dataclass(slots=True)
class Posted:
    """A posted message and what it shows; `stream` is set while Slack appends to it."""

    ts: str
    shown: Payload | None
    stream: Stream | None = None

    @property
    def text(self) -> str:
        """The answer's text in it."""
        if self.shown is not None:
            return self.shown.text
        return self.stream.sent if self.stream is not None else ""


class Poster:
    """Posts messages in a channel or thread. Every call can raise one of `FAILURES`.

    Where the bot is not a member, as with commands and menus, the answer goes to the person; an
    empty `user` is nobody in particular.
    """

    def __init__(
        self, client: AsyncWebClient, place: ConversationKey, user: str, agent_status: AgentStatus
    ) -> None:
        self._client = client
        self._place = place
        self._user = user
        self._agent_status = agent_status
        self._moved = False

    @property
    def channel(self) -> str:
        """Id of the channel that the messages are in."""
        return self._place.channel

    async def send(self, payload: Payload, turn: str) -> Posted:
        """Post a message."""
        try:
            return await self._send(payload, turn)
        except SlackApiError as exc:
            if error_of(exc) not in _NO_ACCESS_ERRORS or self._moved or not self._user:
                raise
        await self._move_to_direct_message()
        return await self._send(payload, turn)

    async def _move_to_direct_message(self) -> None:
        """Switch to direct messages with the person, and tell them why."""
        place = self._place
        words = f"I am not in <#{place.channel}>, so I answer here; invite me there with /invite."
        if place.channel.startswith("D"):
            words = "I am not in that conversation, so I answer here."
        told = await self._client.chat_postMessage(channel=self._user, text=words)
        self._place = ConversationKey(place.platform, place.workspace, str(told["channel"]))
        self._moved = True

    async def _send(self, payload: Payload, turn: str) -> Posted:
        answer = await self._call_with_fallbacks(
            [payload.blocks(turn, feedback=True), payload.blocks(turn), payload.plain_blocks(turn)],
            lambda blocks: self._client.chat_postMessage(
                channel=self._place.channel,
                thread_ts=self._place.thread,
                text=payload.fallback,
                blocks=blocks,
            ),
        )
        return Posted(str(answer["ts"]), payload)

    async def stream(self, text: str) -> Posted:
        """Post a message that text can be appended to."""
        stream = await Stream.begin(self._client, self._place, self._user, text)
        return Posted(stream.ts, None, stream)

    async def edit(self, posted: Posted, payload: Payload, turn: str) -> None:
        """Replace what a message shows; an open stream is closed with it."""
        if posted.shown == payload:
            return
        if await self._close(posted.stream, payload, turn):
            posted.shown = payload
            return
        await self._call_with_fallbacks(
            [payload.blocks(turn, feedback=True), payload.blocks(turn), payload.plain_blocks(turn)],
            lambda blocks: self._client.chat_update(
                channel=self._place.channel, ts=posted.ts, text=payload.fallback, blocks=blocks
            ),
        )
        posted.shown = payload

    async def _close(self, stream: Stream | None, payload: Payload, turn: str) -> bool:
        if stream is None or not stream.open:
            return False
        closed: bool = await self._call_with_fallbacks(
            [payload.footer_blocks(turn, feedback=True), payload.footer_blocks(turn)],
            lambda blocks: stream.end(payload.text, blocks),
        )
        return closed

    async def delete(self, posted: Posted) -> None:
        """Delete a message."""
        if posted.stream is not None and posted.stream.open:
            with suppress(*FAILURES):  # it may well be deleted all the same
                await posted.stream.end(posted.stream.sent, [])
        await self._client.chat_delete(channel=self._place.channel, ts=posted.ts)

    async def _call_with_fallbacks(
        self, ways: Sequence[list[Block]], call: Callable[[list[Block]], Awaitable[Any]]
    ) -> Any:
        """Make a call with the first of several block layouts that Slack accepts.

        The layouts are: Slack's own feedback buttons, ordinary buttons, plain text. If Slack
        refuses the first, it is not tried again in this run.
        """
        fancy, ordinary = ways[:2]
        left = [*ways] if self._agent_status.is_available("feedback") else [*ways[1:]]
        while True:
            blocks = left.pop(0)
            try:
                answer = await call(blocks)
            except SlackApiError as exc:
                left = [way for way in left if way != blocks]
                if error_of(exc) not in _INVALID_BLOCKS_ERRORS or not left:
                    raise
                _log.info("slack.blocks_refused", error=error_of(exc))
                continue
            if blocks == ordinary != fancy and self._agent_status.is_available("feedback"):
                self._agent_status.mark_unavailable("feedback", "invalid_blocks")
            return answer
