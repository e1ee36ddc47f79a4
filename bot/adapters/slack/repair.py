"""After a restart: what was being written says that it was interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.base import Core, Reply
from bot.adapters.slack.blocks import INTERRUPTED, MAX_PAGE, button_block, escape
from bot.adapters.slack.sink import FAILURES, error_of
from bot.types import Action

_log = structlog.get_logger(__name__)


async def repair(client: AsyncWebClient, core: Core, unfinished: Sequence[Reply]) -> None:
    """After a restart: answers that were being written say that they were interrupted."""
    for reply in unfinished:
        channel = reply.address.get("channel", "")
        last = reply.address.get("messages", "").rpartition(",")[2]
        thread = reply.conversation.rpartition(":t=")[2] if ":t=" in reply.conversation else None
        try:
            if channel and last:
                kept = await _kept(client, channel, last, thread or last)
                mark = [
                    {"type": "markdown", "text": INTERRUPTED},
                    button_block((Action("regenerate", "Try again"),), reply.turn),
                ]
                await client.chat_update(
                    channel=channel, ts=last, text=INTERRUPTED, blocks=[*kept, *mark]
                )
        except SlackApiError as exc:
            _log.info("slack.repair_refused", turn=reply.turn, error=error_of(exc))
        except FAILURES as exc:
            _log.warning("slack.repair_failed", turn=reply.turn, error=error_of(exc))
            continue
        await core.replies.save(replace(reply, finished=True))


async def _kept(client: AsyncWebClient, channel: str, ts: str, root: str) -> list[dict[str, Any]]:
    """What a message showed, without small print and buttons."""
    answer = await client.conversations_replies(
        channel=channel, ts=root, oldest=ts, latest=ts, inclusive=True, limit=2
    )
    found: list[dict[str, Any]] = answer["messages"]
    message = next((m for m in found if m["ts"] == ts), {})
    small = ("context", "actions")
    blocks = [b for b in message.get("blocks") or () if b["type"] not in small]
    if not blocks and (text := str(message.get("text") or "")):
        blocks = [{"type": "markdown", "text": escape(text[:MAX_PAGE])}]
    return blocks
