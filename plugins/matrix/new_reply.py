"""Begins replies that no event asked for, and mends those that a restart cut off."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace

import structlog

from bot.api import (
    Action,
    Author,
    ConversationKey,
    Core,
    Failed,
    NotFound,
    Refused,
    Replies,
    Reply,
    say,
)
from plugins.matrix.account import Account
from plugins.matrix.button_row import ButtonRow
from plugins.matrix.buttons import buttons_of
from plugins.matrix.errors import MATRIX_FAILURES, MatrixError
from plugins.matrix.events import newest_content
from plugins.matrix.history import History
from plugins.matrix.port import ReplySink, make_sink
from plugins.matrix.pressed_message import MatrixLastMessage
from plugins.matrix.render import INTERRUPTED, Payload, edit_content, kept_text, relation

_log = structlog.get_logger(__name__)

PLACE_GONE = say("I am not in that room any more.")
PERSON_UNREACHABLE = say("I cannot send this person a direct message.")
UNREACHABLE = say("The homeserver cannot be reached just now; try again soon.")
_AGAIN = buttons_of((Action("regenerate", say("Try again")),))


async def open_reply(
    account: Account,
    replies: Replies,
    conversation: ConversationKey,
    audience: Author | None,
    turn: str,
) -> ReplySink:
    """Begin a reply, to everybody in a room or thread or, in a direct room, to one person. Raises
    `NotFound`, `Refused` and `Failed`."""
    place = conversation
    try:
        if audience is not None:
            room = await account.rooms.open_direct(audience.id)
            place = conversation if room == conversation.channel else account.rooms.key(room)
        elif conversation.channel not in account.rooms:
            raise NotFound(PLACE_GONE)
    except MatrixError as exc:
        raise (Refused(PERSON_UNREACHABLE) if exc.is_refusal else Failed(UNREACHABLE)) from exc
    except OSError as exc:
        raise Failed(UNREACHABLE) from exc
    stored = await replies.get(turn)
    earlier: list[str] = []
    if stored is not None and stored.address.get("room") == place.channel:
        earlier = [one for one in stored.address.get("messages", "").split(",") if one]
    pressed = MatrixLastMessage(account, place.channel, earlier[-1], turn) if earlier else None
    asker = audience.id if audience is not None else ""
    return make_sink(account, replies, place, asker=asker, earlier=earlier, pressed=pressed)


async def repair(account: Account, core: Core, unfinished: Sequence[Reply]) -> None:
    """Mark each reply as interrupted; one that is permanently unreachable counts as finished."""
    timing = account.timing
    for reply in unfinished:
        for attempt in range(timing.attempts):
            if attempt:
                await asyncio.sleep(timing.retry_base * 2 ** (attempt - 1))
            try:
                await _mark(account, reply)
            except MATRIX_FAILURES as exc:
                _log.warning("matrix.repair_failed", turn=reply.turn, error=str(exc)[:200])
                if not (isinstance(exc, MatrixError) and exc.is_refusal):
                    continue
            await core.replies.save(replace(reply, finished=True))
            break


async def _mark(account: Account, reply: Reply) -> None:
    """Add the mark to the last message of a reply, or post it where nothing was shown yet."""
    key = ConversationKey.parse(reply.conversation)
    room = reply.address.get("room") or key.channel
    last = reply.address.get("messages", "").rpartition(",")[2]
    event = await History(account).event(room, last) if last else None
    shown = newest_content(event) if event is not None else {}
    if last and not shown:
        return  # it was deleted
    kept = kept_text(shown)
    payload = Payload("\n\n".join(filter(None, (kept, INTERRUPTED))), _AGAIN, ends=len(kept))
    content = payload.content(reply.turn, key)
    content = edit_content(content, last) if last else content | relation(key.thread, None)
    once = uuid.uuid4().hex if last else f"interrupted.{reply.turn}"
    await account.budget.end()
    sent = await account.client.send(room, content, once)
    ButtonRow(account).show(room, last or sent, payload.emojis, final=True)
