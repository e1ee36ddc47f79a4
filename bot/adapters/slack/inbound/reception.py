"""Takes in what Slack sends: what will be answered is stored first, and acknowledged after that.

The events of a channel are stored and handed over in the order in which they came, although it may
take longer to look at one than at the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.adapters.event_order import EventOrder, Ticket
from bot.adapters.protocol import Core, ReceivedEvents
from bot.adapters.slack.inbound.interactions import command_id
from bot.adapters.slack.inbound.messages import Messages
from bot.adapters.slack.inbound.users import PLATFORM
from bot.errors import StorageError
from bot.types import Author, ConversationKey

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question or a command, before it is read: Slack's id of it, the id that the event will
    have, where and whose it is."""

    key: str
    event: str
    channel: str
    user: str


class Reception:
    """Hands each request to Bolt, here or in another process (`Core.received`)."""

    def __init__(self, app: AsyncApp, core: Core, messages: Messages, own_id: str) -> None:
        self._app = app
        self._core = core
        self._messages = messages
        self._own_id = own_id
        self._storing, self._handing_over = EventOrder(), EventOrder()

    async def dispatch(self, request: AsyncBoltRequest) -> BoltResponse:
        """Have a request handled; returns what is to be answered to Slack."""
        received, channel = self._core.received, _channel_of(request.body)
        if received is None or channel is None:
            return await self._dispatch(request)
        storing, handing_over = self._storing.take(channel), self._handing_over.take(channel)
        try:
            handled_here = await self._store(received, request.body, storing)
            async with handing_over:
                if handled_here:
                    return await self._dispatch(request)
                return BoltResponse(status=200, body="")
        finally:
            handing_over.leave()

    async def _store(self, received: ReceivedEvents, body: Mapping[str, Any], turn: Ticket) -> bool:
        """Store what is asked when it is its `turn`; returns whether it is handled here."""
        async with turn:
            asked = await self._asked(body)
        if asked is None:
            return True
        person = Author(PLATFORM, asked.user, "").key
        try:  # without a pause before it, so that the writes are in order, too
            given = await received.put(
                PLATFORM, asked.key, asked.event, asked.channel, person, body
            )
        except StorageError as error:  # then it lives as long as this process
            _log.warning("slack.event_not_stored", reason=str(error))
            return True
        return given == "here"

    async def handle(self, body: Mapping[str, Any]) -> None:
        """Handle a request that was stored, and acknowledged by whoever received it."""
        await self._dispatch(AsyncBoltRequest(mode="socket_mode", body=dict(body)))

    async def _dispatch(self, request: AsyncBoltRequest) -> BoltResponse:
        """Have Bolt handle a request. An event without a listener counts as handled, so that Slack
        does not send it again."""
        response: BoltResponse = await self._app.async_dispatch(request)
        if response.status == 404 and request.body.get("type") == "event_callback":
            return BoltResponse(status=200, body="")
        return response

    async def _asked(self, body: Mapping[str, Any]) -> _Asked | None:
        """What a request asks of the bot; None for all that is not claimed by an id: buttons,
        forms, edits, and what others say to each other."""
        team, event = str(body.get("team_id")), body.get("event")
        if "command" in body and "trigger_id" in body:
            asked = _Asked(
                str(body["trigger_id"]),
                command_id(body),
                str(body["channel_id"]),
                str(body["user_id"]),
            )
        elif isinstance(event, dict) and await self._messages.asks(event, team, self._own_id):
            key, channel = str(body.get("event_id") or ""), str(event["channel"])
            asked = _Asked(key, f"{channel}:{event['ts']}", channel, str(event["user"]))
        else:
            return None
        if not asked.key:
            return None
        author = Author(PLATFORM, asked.user, "")
        admitted = self._core.admits(author, ConversationKey(PLATFORM, team, asked.channel))
        return asked if admitted else None


def _channel_of(body: Mapping[str, Any]) -> str | None:
    """The channel within which a message or a command keeps its order; None for anything else."""
    event = body.get("event")
    channel = event.get("channel") if isinstance(event, dict) else body.get("channel_id")
    return channel if isinstance(channel, str) else None
