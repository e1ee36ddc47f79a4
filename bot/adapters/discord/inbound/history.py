"""What was said in a channel or thread: read when a skill asks, for whom it is allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

import discord

from bot.adapters.discord.outbound.poster import ClientHolder
from bot.adapters.discord.transport import payloads
from bot.adapters.discord.transport.errors import FAILURES
from bot.errors import Denied, Failed, Refused
from bot.events import ContextMessage, Reader

MOST_LOOKED_AT = 1500
"""Messages that are looked at, at most, for as many as were asked for."""
_READ_S = 60.0
_OURS = frozenset(
    {
        discord.MessageType.default,
        discord.MessageType.reply,
        discord.MessageType.chat_input_command,
        discord.MessageType.context_menu_command,
    }
)
"""Our own messages; that a thread was opened, say, is Discord's."""

HIDDEN = (
    "Discord does not show me what others write here: an operator has to switch on Message Content "
    "Intent in the Developer Portal under Bot, and set discord.message_content to true."
)
NOT_THEIRS = "You may not read the earlier messages here, so I do not read them out to you either."
NOT_OURS = (
    "I may not read the earlier messages here: give my role View Channels and Read Message History."
)

Allowed = Callable[[], Awaitable[bool]]
"""Whether the person who asks may read there."""


def reads_history(permissions: discord.Permissions) -> bool:
    """Whether somebody with these permissions sees what was said before."""
    return permissions.view_channel and permissions.read_message_history


def reader(
    link: ClientHolder, us: int, channel: int, allowed: Allowed, *, before: int | None = None
) -> Reader:
    """Reads a channel or thread up to a message, of which it is the first not to be read."""

    async def read(limit: int) -> Sequence[ContextMessage]:
        if not await allowed():
            raise Denied(NOT_THEIRS)
        try:
            async with asyncio.timeout(_READ_S):
                return await _read(await link.client(), us, channel, limit, before)
        except (discord.Forbidden, discord.NotFound) as exc:
            raise Refused(NOT_OURS) from exc
        except FAILURES as exc:
            raise Failed("Discord does not hand the earlier messages out; try again soon.") from exc

    return read


def thread_reader(
    link: ClientHolder, us: int, root: discord.Message, allowed: Allowed
) -> Reader | None:
    """Reads the thread that was opened from a message, the message itself included."""
    if not root.flags.has_thread and root.thread is None:
        return None
    rest = reader(link, us, root.id, allowed)  # a message and its thread have the same id
    first = payloads.quote_of(root, us)

    async def read(limit: int) -> Sequence[ContextMessage]:
        found = [quote for quote in await rest(limit) if quote.id != first.id]
        return [first, *found][-limit:]

    return read


def answer_reader(
    link: ClientHolder, us: int, answer: discord.Message, allowed: Allowed, thread: Any
) -> Reader:
    """Reads what stood before an answer; in a thread that was opened for a question, and has
    nothing else before it, that is what stood before the question."""
    here = reader(link, us, answer.channel.id, allowed, before=answer.id)
    if not isinstance(thread, discord.Thread) or thread.owner_id != us:
        return here
    above = reader(link, us, thread.parent_id, allowed, before=thread.id)

    async def read(limit: int) -> Sequence[ContextMessage]:
        found = await here(limit)
        own = str(thread.id)
        if any(not quote.from_us and quote.id != own for quote in found):
            return found
        return await above(limit)

    return read


async def _read(
    client: discord.Client, us: int, channel: int, limit: int, before: int | None
) -> Sequence[ContextMessage]:
    place = client.get_partial_messageable(channel)
    edge = discord.Object(before) if before is not None else None
    history: Any = place.history(limit=min(MOST_LOOKED_AT, 2 * limit + 50), before=edge)
    found: list[ContextMessage] = []
    async with aclosing(history) as messages:
        async for message in messages:
            said = _said(message, us)
            if said is None:
                continue
            quote = payloads.quote_of(said, us)
            if quote.text or quote.attachments:
                found.append(quote)
            elif not quote.from_us:
                raise Refused(HIDDEN)
            if len(found) >= limit:
                break
    return found[::-1]


def _said(message: discord.Message, us: int) -> discord.Message | None:
    """What a person or we said; None for other bots, and for what Discord itself writes."""
    if message.type is discord.MessageType.thread_starter_message:
        root = message.reference.resolved if message.reference else None
        return _said(root, us) if isinstance(root, discord.Message) else None
    if message.author.id == us:
        return message if message.type in _OURS else None
    if not payloads.is_from_a_person(message):
        return None
    wordless = message.stickers or message.activity or message.poll or message.message_snapshots
    return message if message.content or not wordless else None
