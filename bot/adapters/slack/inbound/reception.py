"""Takes in what Slack sends: what will be answered is stored first, and acknowledged after that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.adapters.protocol import Core
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

    async def dispatch(self, request: AsyncBoltRequest) -> BoltResponse:
        """Have a request handled; returns what is to be answered to Slack."""
        received, body = self._core.received, request.body
        if received is None or (asked := await self._asked(body)) is None:
            return await self._dispatch(request)
        person = Author(PLATFORM, asked.user, "").key
        try:
            given = await received.put(
                PLATFORM, asked.key, asked.event, asked.channel, person, body
            )
        except StorageError as error:  # then it lives as long as this process
            _log.warning("slack.event_not_stored", reason=str(error))
            given = "here"
        if given != "here":
            return BoltResponse(status=200, body="")
        return await self._dispatch(request)

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
