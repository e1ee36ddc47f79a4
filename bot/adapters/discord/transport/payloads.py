"""Converts Discord's objects into the core's types: authors, conversations, texts, files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import discord

from bot.adapters.attachments import too_large
from bot.adapters.discord.transport.errors import FAILURES
from bot.catalogue.sentence import say
from bot.control_characters import strip_controls
from bot.errors import Failed
from bot.events import Attachment, ContextMessage
from bot.types import Author, ConversationKey

PLATFORM = "discord"
DIRECT = "@dm"
PRIVATE = "@private"
_DOWNLOAD_TIMEOUT_S = 60.0
_LOOKUP_TIMEOUT_S = 2.5
_MENTION = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_CHANNEL = re.compile(r"<#(\d+)>")
_EMOJI = re.compile(r"<a?:(\w+):\d+>")
_SMALL_PRINT = re.compile(r"^(?:-# |⏳ ).*$\n?", re.MULTILINE)


def author_of(person: Any, locale: str | None = None) -> Author:
    """A Discord user or member as an `Author`; the role that everybody has is left out."""
    guild = getattr(person, "guild", None)
    everyone = guild.id if guild is not None else 0
    roles = frozenset(str(r.id) for r in getattr(person, "roles", ()) if r.id != everyone)
    return Author(PLATFORM, str(person.id), person.display_name, roles, locale)


def is_direct(interaction: discord.Interaction[Any]) -> bool:
    """Whether it happens in the bot's own direct messages. Commands can also be called in those of
    other people and in groups, which have no server either."""
    return interaction.guild_id is None and interaction.context.dm_channel


def is_direct_message(message: discord.Message) -> bool:
    """Whether somebody wrote it to the bot alone."""
    return message.guild is None and isinstance(message.channel, discord.DMChannel)


def key_of(channel: Any, guild: int | None, *, direct: bool) -> ConversationKey:
    """Where a message is: server, channel, and thread within the channel.

    Without a server it is `@dm`, the bot's own direct messages, or `@private`: other people's.
    """
    workspace = str(guild) if guild is not None else DIRECT if direct else PRIVATE
    parent = getattr(channel, "parent_id", None)
    if isinstance(channel, discord.Thread) and parent:
        return ConversationKey(PLATFORM, workspace, str(parent), str(channel.id))
    return ConversationKey(PLATFORM, workspace, str(channel.id))


def place_of(key: ConversationKey) -> int:
    """The channel or thread in which a conversation's messages stand."""
    return int(key.thread or key.channel)


def is_from_a_person(message: discord.Message) -> bool:
    """Whether it was written by somebody: not a bot, a webhook, or Discord itself (a pin …)."""
    usual = message.type in {discord.MessageType.default, discord.MessageType.reply}
    return usual and not message.author.bot and message.webhook_id is None


def names_us(message: discord.Message, own_id: int) -> bool:
    """Whether the message mentions the bot, or the role that Discord made for it."""
    if any(person.id == own_id for person in message.mentions):
        return True
    return any(r.tags is not None and r.tags.bot_id == own_id for r in message.role_mentions)


def is_to_others(message: discord.Message, own_id: int) -> bool:
    """Whether the message speaks to somebody else: it mentions people, and not the bot."""
    return bool(message.mentions) and not names_us(message, own_id)


def to_readable(message: discord.Message, own_id: int) -> str:
    """The message's text as people see it: names for mentions, and without the bot's own."""
    people = {p.id: p.display_name for p in message.mentions}
    roles = {r.id: r.name for r in message.role_mentions}
    ours = {r.id for r in message.role_mentions if r.tags is not None and r.tags.bot_id == own_id}

    def person(match: re.Match[str]) -> str:
        number = int(match[1])
        return "" if number == own_id else "@" + people.get(number, "someone")

    def role(match: re.Match[str]) -> str:
        number = int(match[1])
        return "" if number in ours else "@" + roles.get(number, "a role")

    def channel(match: re.Match[str]) -> str:
        guild = message.guild
        found = guild.get_channel_or_thread(int(match[1])) if guild is not None else None
        return "#" + (found.name if found is not None else "a channel")

    text = _MENTION.sub(person, message.content)
    text = _CHANNEL.sub(channel, _ROLE.sub(role, text))
    return _EMOJI.sub(r":\1:", text).strip()


def to_context_message(message: discord.Message, own_id: int) -> ContextMessage:
    """A message as a `ContextMessage`; the bot's own lose the small print below the answer."""
    from_us = message.author.id == own_id
    text = to_readable(message, own_id)
    if from_us:
        text = _SMALL_PRINT.sub("", text).strip()
    return ContextMessage(
        author=message.author.display_name,
        text=text,
        from_us=from_us,
        id=str(message.id),
        attachments=attachments_of(message.attachments),
        by=f"{PLATFORM}:{message.author.id}",
    )


async def reply_chain(
    message: discord.Message, own_id: int, depth: int
) -> tuple[ContextMessage, ...]:
    """The messages that this one replies to, oldest first, at most `depth`.

    What cannot be looked up in time is left out; the answer does not wait for it.
    """
    context_messages: list[ContextMessage] = []
    try:
        async with asyncio.timeout(_LOOKUP_TIMEOUT_S):
            current = message
            while len(context_messages) < depth:
                earlier = await _replied_to(current)
                if earlier is None:
                    break
                context_messages.append(to_context_message(earlier, own_id))
                current = earlier
    except FAILURES:
        pass  # deleted, hidden from us, or too slow: what there is will do
    return tuple(reversed([q for q in context_messages if q.text or q.attachments]))


async def _replied_to(message: discord.Message) -> discord.Message | None:
    reference = message.reference
    if message.type is not discord.MessageType.reply or reference is None:
        return None
    if isinstance(reference.resolved, discord.Message):
        return reference.resolved
    if isinstance(reference.resolved, discord.DeletedReferencedMessage):
        return None
    if reference.message_id is None:
        return None
    return await message.channel.fetch_message(reference.message_id)


def attachments_of(items: Sequence[discord.Attachment]) -> tuple[Attachment, ...]:
    """The files of a message, none of them fetched yet."""
    return tuple(_attachment(i.url, i.filename, i.size, i.content_type) for i in items)


def attachments_from_data(items: Sequence[Mapping[str, Any]]) -> tuple[Attachment, ...]:
    """The files of a form, from the attachment objects in its payload."""
    return tuple(
        _attachment(str(i["url"]), str(i["filename"]), int(i["size"]), i.get("content_type"))
        for i in items
    )


def _attachment(url: str, name: str, size: int, content_type: str | None) -> Attachment:
    return Attachment(name, size, content_type, Download(url, name, size))


@dataclass(frozen=True, slots=True)
class Download:
    """Fetches a file from Discord's storage, which is what `Attachment.read` does."""

    url: str = field(repr=False)
    name: str
    size: int

    async def __call__(self, limit: int) -> bytes:
        return await fetch(self.url, self.name, self.size, limit)


async def fetch(url: str, name: str, size: int, limit: int) -> bytes:
    """Download a file from Discord's storage.

    Raises `Refused` if it is larger than `limit` bytes, `Failed` if it cannot be fetched.
    """
    if size > limit:
        raise too_large(name, size, limit)
    timeout = aiohttp.ClientTimeout(total=_DOWNLOAD_TIMEOUT_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            answer.raise_for_status()
            data = bytearray()
            async for block in answer.content.iter_chunked(65536):
                data += block
                if len(data) > limit:
                    raise too_large(name, len(data), limit)
            return bytes(data)
    except (aiohttp.ClientError, OSError) as exc:
        raise Failed(
            say("{name} could not be fetched from Discord; please attach it again.", name=name)
        ) from exc


def thread_title(text: str) -> str:
    """A name for the thread of a question: its first line, at most 80 characters."""
    line = " ".join(strip_controls(text).split())
    if not line:
        return "Question"
    if len(line) <= 80:
        return line
    cut = line.rfind(" ", 40, 80)
    return line[: cut if cut > 0 else 79] + "…"
