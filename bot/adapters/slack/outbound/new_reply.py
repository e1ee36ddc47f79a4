"""Begins replies that no event asked for: in a channel or thread, or to one person."""

from __future__ import annotations

import asyncio

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.slack.outbound.port import ReplySink, make_sink
from bot.adapters.slack.outbound.pressed_message import SlackLastMessage
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.adapters.slack.transport.timing import Timing
from bot.catalogue.sentence import say
from bot.errors import Failed, NotFound, Refused
from bot.replies.protocol import Replies
from bot.types import Author, ConversationKey

PLACE_GONE = say("The channel is no longer there, or I am not in it any more.")
MAY_NOT_WRITE = say("I may not write in this channel.")
PERSON_UNREACHABLE = say("I cannot send this person a direct message.")
UNREACHABLE = say("Slack cannot be reached just now; try again soon.")
_GONE_ERRORS = frozenset({"channel_not_found"})
_REFUSED_ERRORS = frozenset({
    "access_denied", "channel_is_limited_access", "method_not_supported_for_channel_type",
    "no_permission",
})  # fmt: skip
_PERSON_ERRORS = frozenset({
    "access_denied", "channel_not_found", "invalid_user_combination", "missing_scope",
    "no_permission", "not_enough_users", "user_disabled", "user_not_found", "user_not_visible",
})  # fmt: skip


async def open_reply(
    client: AsyncWebClient,
    replies: Replies,
    timing: Timing,
    conversation: ConversationKey,
    audience: Author | None,
    turn: str,
) -> ReplySink:
    """Begin a reply, to everybody in a place or, as a direct message, to one person.

    An ephemeral message could be neither edited nor found again, so it is not used. Raises
    `NotFound`, `Refused`, `Failed`.
    """
    try:
        async with asyncio.timeout(timing.lookup):
            if audience is None:
                place = conversation
                await _check_place(client, conversation.channel)
            else:
                place = await _find_direct(client, conversation, audience)
    except FAILURES as exc:
        raise Failed(UNREACHABLE) from exc
    stored = await replies.get(turn)
    earlier: list[str] = []
    if stored is not None and stored.address.get("channel") == place.channel:
        earlier = [ts for ts in stored.address.get("messages", "").split(",") if ts]
    last = earlier[-1] if earlier else ""
    pressed = SlackLastMessage(client, place.channel, last, place.thread or last) if last else None
    return make_sink(
        client, replies, place, timing,
        user=audience.id if audience is not None else "", earlier=earlier, pressed=pressed,
    )  # fmt: skip


async def _check_place(client: AsyncWebClient, channel: str) -> None:
    """Raise `NotFound` or `Refused` if the bot cannot write in a channel."""
    try:
        found = (await client.conversations_info(channel=channel)).get("channel") or {}
    except SlackApiError as exc:
        error = error_of(exc)
        if error in _GONE_ERRORS:
            raise NotFound(PLACE_GONE) from exc
        if error in _REFUSED_ERRORS:
            raise Refused(MAY_NOT_WRITE) from exc
        if error == "missing_scope":
            return  # an app of an earlier manifest; it shows when the message is sent
        raise
    direct = found.get("is_im") or found.get("is_mpim")
    if found.get("is_archived") or not (direct or found.get("is_member")):
        raise Refused(MAY_NOT_WRITE)


async def _find_direct(
    client: AsyncWebClient, conversation: ConversationKey, person: Author
) -> ConversationKey:
    """A person's direct conversation; the one of `conversation` keeps its thread."""
    try:
        opened = (await client.conversations_open(users=person.id)).get("channel") or {}
    except SlackApiError as exc:
        if error_of(exc) not in _PERSON_ERRORS:
            raise
        raise Refused(PERSON_UNREACHABLE) from exc
    channel = str(opened.get("id"))
    if channel == conversation.channel:
        return conversation
    return ConversationKey(conversation.platform, conversation.workspace, channel)
