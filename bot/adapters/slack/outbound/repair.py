"""Marks answers as interrupted that were being written when the bot stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.protocol import Core
from bot.adapters.slack.outbound.escaping import escape
from bot.adapters.slack.outbound.pressed_message import fetch_message
from bot.adapters.slack.outbound.render import INTERRUPTED, MAX_PAGE_CHARS, button_block
from bot.adapters.slack.outbound.unconfirmed_posts import find_last_of
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.adapters.slack.transport.timing import Timing
from bot.catalogue.languages import translate
from bot.catalogue.sentence import say
from bot.replies.protocol import Reply
from bot.types import Action, ConversationKey

_log = structlog.get_logger(__name__)

_TRANSIENT_ERRORS = frozenset({
    "fatal_error", "internal_error", "ratelimited", "rate_limited", "request_timeout",
    "service_unavailable", "team_added_to_org",
})  # fmt: skip
_MISSING_ERRORS = frozenset({"message_not_found", "thread_not_found"})
_FOOTER_TYPES = ("context", "actions", "context_actions")
Block = dict[str, Any]


async def repair(
    client: AsyncWebClient, core: Core, unfinished: Sequence[Reply], timing: Timing
) -> None:
    """Mark each reply as interrupted; one that is permanently unreachable counts as finished.

    If Slack is down it is retried as the end of an answer is, and again at the next start.
    """
    for reply in unfinished:
        for attempt in range(timing.attempts):
            if attempt:
                await asyncio.sleep(timing.retry_base * 2 ** (attempt - 1))
            try:
                await _mark(client, core, reply)
            except FAILURES as exc:
                _log.warning("slack.repair_failed", turn=reply.turn, error=error_of(exc))
                if not _is_permanent(exc):
                    continue
            await core.replies.save(replace(reply, finished=True))
            break


async def _mark(client: AsyncWebClient, core: Core, reply: Reply) -> None:
    """Add the mark to the message, or post it in the thread if the message cannot be changed."""
    key = ConversationKey.parse(reply.conversation)
    channel = reply.address.get("channel", "") if reply.address else key.channel
    last = reply.address.get("messages", "").rpartition(",")[2]
    thread = key.thread
    if reply.address and (not channel or not (last or thread)):
        return
    last = last or await _find_posted(client, reply.turn, key) or ""
    locale = await core.find_language(key, answer=reply.turn)
    said = translate(INTERRUPTED, locale)
    again = Action("regenerate", translate(say("Try again"), locale))
    mark: list[Block] = [
        {"type": "markdown", "text": said},
        button_block((again,), reply.turn),
    ]
    if last and await _mark_in_place(client, channel, last, thread or last, mark):
        return
    await client.chat_postMessage(
        channel=channel, thread_ts=thread or last or None, text=said, blocks=mark
    )
    if (
        not last and thread
    ):  # there was a status line alone, in a session that nobody else would end
        with suppress(*FAILURES):
            await client.agents_sessions_setStatus(
                channel_id=channel, thread_ts=thread, status="active"
            )


async def _find_posted(client: AsyncWebClient, turn: str, place: ConversationKey) -> str | None:
    """A message of the answer that was posted and not noted; None also where Slack refuses to tell
    of it."""
    try:
        return await find_last_of(client, turn, place)
    except SlackApiError as exc:
        if not _is_permanent(exc):
            raise
        return None


async def _mark_in_place(
    client: AsyncWebClient, channel: str, ts: str, root: str, mark: list[Block]
) -> bool:
    """Add the mark to the message itself; True also if the message was deleted.

    Returns False if Slack refuses that; the message then stays unchanged.
    """
    try:
        kept = await _fetch_blocks(client, channel, ts, root)
        if kept is not None:
            await _append_mark(client, channel, ts, kept, mark)
    except SlackApiError as exc:
        if not _is_permanent(exc):
            raise
        _log.info("slack.repair_refused", error=error_of(exc))
        return error_of(exc) in _MISSING_ERRORS
    return True


async def _append_mark(
    client: AsyncWebClient, channel: str, ts: str, kept: list[Block], mark: list[Block]
) -> None:
    try:
        said = str(mark[0]["text"])
        await client.chat_update(channel=channel, ts=ts, text=said, blocks=[*kept, *mark])
    except SlackApiError as exc:
        if error_of(exc) != "streaming_state_conflict":
            raise
        await client.chat_stopStream(channel=channel, ts=ts, blocks=mark)  # it was being streamed


async def _fetch_blocks(
    client: AsyncWebClient, channel: str, ts: str, root: str
) -> list[Block] | None:
    """A message's blocks without small print and buttons; None if it is gone."""
    message = await fetch_message(client, channel, ts, root)
    if message is None:
        return None
    blocks = [b for b in message.get("blocks") or () if b["type"] not in _FOOTER_TYPES]
    if not blocks and (text := str(message.get("text") or "")):
        blocks = [{"type": "markdown", "text": escape(text[:MAX_PAGE_CHARS])}]
    return blocks


def _is_permanent(exc: BaseException) -> bool:
    """Whether Slack refuses the call permanently."""
    if not isinstance(exc, SlackApiError) or error_of(exc) in _TRANSIENT_ERRORS:
        return False
    if not isinstance(getattr(exc.response, "data", None), dict):
        return False  # something between Slack and us answered
    return bool(exc.response.status_code < 500 and exc.response.status_code != 429)
