"""Marks answers as interrupted that were being written when the bot stopped."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace

import structlog

from bot.api import Action, ConversationKey, Core, Reply, say, translate
from plugins.matrix.account import Account
from plugins.matrix.button_row import ButtonRow
from plugins.matrix.buttons import buttons_of
from plugins.matrix.errors import MATRIX_FAILURES, MatrixError
from plugins.matrix.events import newest_content
from plugins.matrix.history import History
from plugins.matrix.render import INTERRUPTED, Payload, edit_content, kept_text, relation

_log = structlog.get_logger(__name__)


async def repair(account: Account, core: Core, unfinished: Sequence[Reply]) -> None:
    """Mark each reply as interrupted; one that is permanently unreachable counts as finished."""
    timing = account.timing
    for reply in unfinished:
        for attempt in range(timing.attempts):
            if attempt:
                await asyncio.sleep(timing.retry_base * 2 ** (attempt - 1))
            try:
                await _mark(account, core, reply)
            except MATRIX_FAILURES as exc:
                _log.warning("matrix.repair_failed", turn=reply.turn, error=str(exc)[:200])
                if not (isinstance(exc, MatrixError) and exc.is_refusal):
                    continue
            await core.replies.save(replace(reply, finished=True))
            break


async def _mark(account: Account, core: Core, reply: Reply) -> None:
    """Add the mark to the last message of a reply, or post it where nothing was shown yet."""
    key = ConversationKey.parse(reply.conversation)
    room = reply.address.get("room") or key.channel
    last = reply.address.get("messages", "").rpartition(",")[2]
    event = await History(account).event(room, last) if last else None
    shown = newest_content(event) if event is not None else {}
    if last and not shown:
        return  # it was deleted
    kept, locale = kept_text(shown), await core.find_language(key, answer=reply.turn)
    text = "\n\n".join(filter(None, (kept, translate(INTERRUPTED, locale))))
    again = Action("regenerate", translate(say("Try again"), locale))
    payload = Payload(text, buttons_of([again]), ends=len(kept))
    content = payload.content(reply.turn, key)
    content = edit_content(content, last) if last else content | relation(key.thread, None)
    once = uuid.uuid4().hex if last else f"interrupted.{reply.turn}"
    await account.budget.end()
    sent = await account.client.send(room, content, once)
    ButtonRow(account).show(room, last or sent, payload.emojis, final=True)
