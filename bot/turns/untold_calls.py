"""Tells people which calls of tools a dead process may have carried out or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import Final

import structlog

from bot.catalogue.sentence import join_sentences, say
from bot.errors import NotFound, UserFacingError
from bot.history.tool_calls import StoredCall, ToolCalls
from bot.replies.delivery import Delivery
from bot.types import ConversationKey, Notice

log = structlog.get_logger(__name__)

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 60.0


async def tell_untold_calls(
    calls: ToolCalls,
    open_reply: Callable[[ConversationKey], Awaitable[Delivery]],
    written: Callable[[str, str], str],
    leads: Callable[[str], bool],
) -> None:
    """Say it in each conversation, once, on the platforms that this process `leads`; tries again
    where one is not connected yet."""
    pause_s = _FIRST_PAUSE_S

    async def find() -> Sequence[StoredCall]:
        return [call for call in await calls.untold() if leads(_platform_of(call))]

    while untold := await find():
        for turn, found in groupby(untold, lambda call: call.id.turn):
            try:
                await _tell(tuple(found), open_reply, written)
            except NotFound:  # /approvals still lists it
                log.info("tool.nobody_to_tell", turn=turn)
            except UserFacingError as error:
                log.info("tool.not_told", turn=turn, reason=str(error))
                continue
            await calls.told(turn)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _platform_of(call: StoredCall) -> str:
    return ConversationKey.parse(call.conversation).platform


async def _tell(
    found: Sequence[StoredCall],
    open_reply: Callable[[ConversationKey], Awaitable[Delivery]],
    written: Callable[[str, str], str],
) -> None:
    place = ConversationKey.parse(found[0].conversation)
    reply = await open_reply(place)
    tools = join_sentences([f"**{name}**" for name in dict.fromkeys(c.tool for c in found)], ", ")
    words = say(
        "I was stopped in the middle of {tools}. It is not known whether it was done, and I do not "
        "do it again by myself. Please look; {approvals} lists it until you have.",
        tools=tools,
        approvals=written(place.platform, "/approvals"),
    )
    await reply.finish("complete", Notice(words))
