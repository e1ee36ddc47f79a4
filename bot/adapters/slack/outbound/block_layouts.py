"""Makes a call with the first of several layouts of a message's blocks that Slack accepts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError

from bot.adapters.slack.outbound.agent_status import AgentStatus
from bot.adapters.slack.outbound.render import Block
from bot.adapters.slack.transport.errors import error_of

_log = structlog.get_logger(__name__)

_INVALID_BLOCKS_ERRORS = frozenset({"invalid_blocks", "invalid_blocks_format"})


async def call_with_fallbacks(
    agent_status: AgentStatus,
    layouts: Sequence[list[Block]],
    call: Callable[[list[Block]], Awaitable[Any]],
) -> Any:
    """Make a call with the first of several block layouts that Slack accepts.

    The layouts are: Slack's own feedback buttons, ordinary buttons, plain text. If Slack refuses
    the first, it is not tried again in this run.
    """
    fancy, ordinary = layouts[:2]
    left = list(layouts if agent_status.is_available("feedback") else layouts[1:])
    while True:
        blocks = left.pop(0)
        try:
            answer = await call(blocks)
        except SlackApiError as exc:
            left = [layout for layout in left if layout != blocks]
            if error_of(exc) not in _INVALID_BLOCKS_ERRORS or not left:
                raise
            _log.info("slack.blocks_refused", error=error_of(exc))
            continue
        if blocks == ordinary != fancy and agent_status.is_available("feedback"):
            agent_status.mark_unavailable("feedback", "invalid_blocks")
        return answer
