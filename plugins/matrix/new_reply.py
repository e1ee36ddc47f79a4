"""Begins replies that no event asked for."""

from __future__ import annotations

from bot.api import (
    Author,
    ConversationKey,
    Failed,
    NotFound,
    Refused,
    Replies,
    say,
)
from plugins.matrix.account import Account
from plugins.matrix.errors import MatrixError
from plugins.matrix.port import ReplySink, make_sink
from plugins.matrix.pressed_message import MatrixLastMessage

PLACE_GONE = say("I am not in that room any more.")
PERSON_UNREACHABLE = say("I cannot send this person a direct message.")
UNREACHABLE = say("The homeserver cannot be reached just now; try again soon.")


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
            room = await account.rooms.open_direct(audience.id, account.budget)
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
