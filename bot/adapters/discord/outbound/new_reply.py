"""Begins replies that no event asked for: in a channel or thread, or to one person."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import discord

from bot.adapters.discord.outbound.client_holder import ClientHolder
from bot.adapters.discord.outbound.port import make_sink
from bot.adapters.discord.outbound.poster import ChannelPoster
from bot.adapters.discord.outbound.pressed_message import DiscordLastMessage
from bot.adapters.discord.transport import payloads
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.discord.transport.timing import Timing
from bot.catalogue.sentence import say
from bot.errors import Failed, NotFound, Refused
from bot.replies.protocol import Replies, Sink
from bot.types import Author, ConversationKey

PLACE_GONE = say("The channel or thread is no longer there.")
MAY_NOT_WRITE = say("I may not write in this channel or thread.")
PERSON_UNREACHABLE = say("I cannot send this person a direct message.")
UNREACHABLE = say("Discord cannot be reached just now; try again soon.")


async def open_reply(
    client_holder: ClientHolder,
    know_server: Callable[[int], Awaitable[None]],
    replies: Replies,
    timing: Timing,
    conversation: ConversationKey,
    audience: Author | None,
    turn: str,
) -> Sink:
    """Begin a reply, to everybody in a place or, as a direct message, to one person.

    It stands beneath what is stored of the reply of `turn`. `know_server` has discord.py know a
    server, by which it tells where the bot may write. Raises `NotFound`, `Refused`, `Failed`.
    """
    try:
        async with asyncio.timeout(timing.lookup):
            if audience is None:
                channel = await _find_place(client_holder, know_server, conversation)
            else:
                channel = await _find_direct(client_holder, audience)
                conversation = ConversationKey(payloads.PLATFORM, payloads.DIRECT, str(channel))
    except FAILURES as exc:
        raise Failed(UNREACHABLE) from exc
    stored = await replies.get(turn)
    earlier: Sequence[str] = ()
    if stored is not None and stored.address.get("channel") == str(channel):
        earlier = [n for n in stored.address.get("messages", "").split(",") if n]
    last = int(earlier[-1]) if earlier else None
    poster = ChannelPoster(client_holder, channel, last)
    pressed = DiscordLastMessage(client_holder, channel, last, turn) if last else None
    return make_sink([poster], replies, conversation, timing, earlier=earlier, pressed=pressed)


async def _find_direct(client_holder: ClientHolder, person: Author) -> int:
    """The channel of a person's direct messages."""
    try:
        client = await client_holder.client()
        return (await client.create_dm(discord.Object(int(person.id)))).id
    except discord.HTTPException as exc:
        if exc.status not in {400, 403, 404}:
            raise
        raise Refused(PERSON_UNREACHABLE) from exc


async def _find_place(
    client_holder: ClientHolder,
    know_server: Callable[[int], Awaitable[None]],
    conversation: ConversationKey,
) -> int:
    """The channel or thread of a conversation, if the bot may write there."""
    if conversation.workspace == payloads.PRIVATE:
        raise Refused(MAY_NOT_WRITE)  # a command was called there; the bot itself is not there
    place = payloads.place_of(conversation)
    client = await client_holder.client()
    if conversation.workspace != payloads.DIRECT:
        await know_server(int(conversation.workspace))
    try:
        channel = await client.fetch_channel(place)
    except discord.NotFound as exc:
        raise NotFound(PLACE_GONE) from exc
    except discord.Forbidden as exc:
        raise Refused(MAY_NOT_WRITE) from exc
    if not _may_write(channel):
        raise Refused(MAY_NOT_WRITE)
    return place


def _may_write(channel: Any) -> bool:
    """Whether the bot may write there, as far as it is known before it tries."""
    messageable = isinstance(channel, discord.abc.Messageable)
    us = getattr(getattr(channel, "guild", None), "me", None)
    if us is None or not messageable:
        return messageable  # direct messages, or a server that is not known yet
    permissions = channel.permissions_for(us)
    if not isinstance(channel, discord.Thread):
        return bool(permissions.view_channel and permissions.send_messages)
    locked = channel.locked and not permissions.manage_threads
    return bool(permissions.send_messages_in_threads and not locked)
