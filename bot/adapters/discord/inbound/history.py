"""Reads earlier messages of a channel or thread, for people who are allowed to see them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

import discord

from bot.adapters.discord.outbound.client_holder import ClientHolder
from bot.adapters.discord.transport import payloads
from bot.adapters.discord.transport.errors import FAILURES
from bot.catalogue.sentence import say
from bot.errors import Denied, Failed, Refused
from bot.events import Attachment, ContextMessage, Reader
from bot.types import ConversationKey

MAX_MESSAGES_READ = 1500
"""Most messages that are read from Discord for one request."""
_READ_TIMEOUT_S = 60.0
_OWN_MESSAGE_TYPES = frozenset(
    {
        discord.MessageType.default,
        discord.MessageType.reply,
        discord.MessageType.chat_input_command,
        discord.MessageType.context_menu_command,
    }
)
"""Types of the bot's own messages that count; others, such as a thread's start, are Discord's."""

CONTENT_HIDDEN = say(
    "Discord does not show me what others write here; an operator can "
    "switch it on (Message Content Intent)."
)
PERSON_MAY_NOT_READ = say(
    "You may not read the earlier messages here, so I do not read them out to you either."
)
BOT_MAY_NOT_READ = say(
    "I may not read the earlier messages here: give my role View Channels and Read Message History."
)

PermissionCheck = Callable[[], Awaitable[bool]]
"""Tells whether the asking person may read the channel."""


def reads_history(permissions: discord.Permissions) -> bool:
    """Whether these permissions allow reading earlier messages."""
    return permissions.view_channel and permissions.read_message_history


def make_permission_check(interaction: discord.Interaction[Any]) -> PermissionCheck:
    """A check whether the person may read the channel; outside of servers everybody may."""
    return make_known(interaction.guild_id is None or reads_history(interaction.permissions))


def make_known(may: bool) -> PermissionCheck:
    """A check of what is known already."""

    async def may_read() -> bool:
        return may

    return may_read


def make_reader(
    client_holder: ClientHolder,
    own_id: int,
    channel: int,
    may_read: PermissionCheck,
    *,
    before: int | None = None,
) -> Reader:
    """A reader of a channel or thread; with `before`, of the messages before that id.

    The reader raises `Denied` if the person may not read there, `Refused` if the bot may not, and
    `Failed` if Discord cannot be reached.
    """

    async def read(limit: int) -> Sequence[ContextMessage]:
        if not await may_read():
            raise Denied(PERSON_MAY_NOT_READ)
        try:
            async with asyncio.timeout(_READ_TIMEOUT_S):
                return await _read(await client_holder.client(), own_id, channel, limit, before)
        except (discord.Forbidden, discord.NotFound) as exc:
            raise Refused(BOT_MAY_NOT_READ) from exc
        except FAILURES as exc:
            raise Failed(
                say("Discord does not hand the earlier messages out; try again soon.")
            ) from exc

    return read


def make_thread_reader(
    client_holder: ClientHolder, own_id: int, first: ContextMessage, may_read: PermissionCheck
) -> Reader:
    """A reader of the thread that was opened from a message, that message (`first`) included."""
    rest = make_reader(
        client_holder, own_id, int(first.id), may_read
    )  # a message and its thread have the same id

    async def read(limit: int) -> Sequence[ContextMessage]:
        found = [
            context_message
            for context_message in await rest(limit)
            if context_message.id != first.id
        ]
        return [first, *found][-limit:]

    return read


def make_answer_reader(
    client_holder: ClientHolder,
    own_id: int,
    answer: discord.Message,
    may_read: PermissionCheck,
    thread: Any,
) -> Reader:
    """A reader of the messages before an answer.

    In a thread that was opened for the question and holds nothing else before the answer, it reads
    the messages before the question.
    """
    here = make_reader(client_holder, own_id, answer.channel.id, may_read, before=answer.id)
    if not isinstance(thread, discord.Thread) or thread.owner_id != own_id:
        return here
    above = make_reader(client_holder, own_id, thread.parent_id, may_read, before=thread.id)

    async def read(limit: int) -> Sequence[ContextMessage]:
        found = await here(limit)
        own = str(thread.id)
        if any(
            not context_message.from_us and context_message.id != own for context_message in found
        ):
            return found
        return await above(limit)

    return read


async def fetch_files(
    client: discord.Client, conversation: ConversationKey, message: str
) -> Sequence[Attachment]:
    """The files of a message; none where it is gone, or hidden from us.

    A question that opened a thread stands in the channel, and so does what it replies to.
    """
    places = dict.fromkeys(filter(None, (conversation.thread, conversation.channel)))
    for place in places if message.isdigit() else ():
        try:
            found = await client.get_partial_messageable(int(place)).fetch_message(int(message))
        except (discord.NotFound, discord.Forbidden):
            continue
        return payloads.attachments_of(found.attachments)
    return ()


async def _read(
    client: discord.Client, own_id: int, channel: int, limit: int, before: int | None
) -> Sequence[ContextMessage]:
    place = client.get_partial_messageable(channel)
    edge = discord.Object(before) if before is not None else None
    history: Any = place.history(limit=min(MAX_MESSAGES_READ, 2 * limit + 50), before=edge)
    found: list[ContextMessage] = []
    async with aclosing(history) as messages:
        async for message in messages:
            said = _find_statement(message, own_id)
            if said is None:
                continue
            context_message = payloads.to_context_message(said, own_id)
            if context_message.text or context_message.attachments:
                found.append(context_message)
            elif not context_message.from_us:
                raise Refused(CONTENT_HIDDEN)
            if len(found) >= limit:
                break
    return found[::-1]


def _find_statement(message: discord.Message, own_id: int) -> discord.Message | None:
    """The message of a person or of the bot; None for other bots' and Discord's own."""
    if message.type is discord.MessageType.thread_starter_message:
        root = message.reference.resolved if message.reference else None
        return _find_statement(root, own_id) if isinstance(root, discord.Message) else None
    if message.author.id == own_id:
        return message if message.type in _OWN_MESSAGE_TYPES else None
    if not payloads.is_from_a_person(message):
        return None
    wordless = message.stickers or message.activity or message.poll or message.message_snapshots
    return message if message.content or not wordless else None
