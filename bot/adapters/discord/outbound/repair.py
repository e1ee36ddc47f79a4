"""Marks answers as interrupted that were being written when the bot stopped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import discord
import structlog

from bot.adapters.discord.outbound.client_holder import ClientHolder
from bot.adapters.discord.outbound.poster import ChannelPoster
from bot.adapters.discord.outbound.render import (
    INTERRUPTED,
    MAX_MESSAGE_CHARS,
    STATUS_MARK,
    Payload,
)
from bot.adapters.discord.transport import payloads
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.protocol import Core
from bot.catalogue.languages import translate
from bot.catalogue.sentence import say
from bot.replies.protocol import Reply
from bot.types import Action, ConversationKey

_log = structlog.get_logger(__name__)

_STATUS = re.compile(rf"^(?:-# )?{STATUS_MARK}.*$\n?", re.MULTILINE)


async def repair(unfinished: Sequence[Reply], core: Core, client_holder: ClientHolder) -> None:
    """Mark each reply as interrupted; one that cannot be reached any more counts as finished."""
    for reply in unfinished:
        try:
            await _mark(reply, await _make_mark(core, reply), client_holder)
        except discord.HTTPException as exc:
            if exc.status not in {401, 403, 404}:
                _log.warning("discord.repair_failed", turn=reply.turn, error=str(exc)[:200])
                continue
        except FAILURES as exc:
            _log.warning("discord.repair_failed", turn=reply.turn, error=str(exc)[:200])
            continue
        await core.replies.save(replace(reply, finished=True))


async def _make_mark(core: Core, reply: Reply) -> Payload:
    """What stands below an interrupted answer, in the language of its place."""
    place = ConversationKey.parse(reply.conversation)
    locale = await core.find_language(place, answer=reply.turn)
    again = Action("regenerate", translate(say("Try again"), locale))
    return Payload(translate(INTERRUPTED, locale), (again,))


async def _mark(reply: Reply, mark: Payload, client_holder: ClientHolder) -> None:
    numbers = [int(n) for n in reply.address.get("messages", "").split(",") if n]
    if not reply.address:
        await _mark_in_thread(reply, mark, client_holder)
        return
    if not numbers or not reply.address.get("channel"):
        return
    client = await client_holder.client()
    number = int(reply.address["channel"])
    message = await client.get_partial_messageable(number).fetch_message(numbers[-1])
    poster = ChannelPoster(client_holder, number)
    text = _STATUS.sub("", message.content).rstrip()
    text = f"{text}\n{mark.content}" if text else mark.content
    if len(text) <= MAX_MESSAGE_CHARS:
        await poster.edit(message.id, replace(mark, content=text), reply.turn)
        return
    await poster.edit(message.id, Payload(message.content), reply.turn)
    await poster.send(mark, reply.turn, "")


async def _mark_in_thread(reply: Reply, mark: Payload, client_holder: ClientHolder) -> None:
    """Mark an answer without messages, in its thread or, without one, in its channel."""
    key = ConversationKey.parse(reply.conversation)
    for place in dict.fromkeys((payloads.place_of(key), int(key.channel))):
        with suppress(discord.NotFound):
            await ChannelPoster(client_holder, place).send(mark, reply.turn, "")
            return
