"""Where an interaction came from, and how its person is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.background_tasks import BUSY, REFUSAL, Refusal
from bot.adapters.form_recovery import FORM_RETURNED
from bot.adapters.slack.inbound.modal_views import form_origin, format_values, parse_values
from bot.adapters.slack.inbound.users import PLATFORM
from bot.adapters.slack.outbound.ephemeral import EphemeralMessages
from bot.types import ConversationKey

Body = Mapping[str, Any]


def place_of(body: Body) -> tuple[str, str | None]:
    """Channel and thread of an interaction; ephemeral messages have them in their container."""
    place = {**(body.get("container") or {}), **(body.get("message") or {})}
    return str(body["channel"]["id"]), place.get("thread_ts")


def team_of(body: Body) -> str:
    """The workspace of an interaction; empty where Slack does not say."""
    return str((body.get("team") or {}).get("id") or (body.get("user") or {}).get("team_id") or "")


def refusal_of(client: AsyncWebClient, body: Body) -> Refusal:
    """How to tell the person who acted that the bot is too busy for it. What they typed into a form
    is given back."""
    view = body.get("view")
    user = str(body.get("user_id") or body["user"]["id"])
    if view is not None:
        channel, thread = form_origin(view)[1], None
    else:
        channel, thread = place_of({"channel": {"id": body.get("channel_id")}, **body})
    key = ConversationKey(PLATFORM, team_of(body), channel, thread)
    ephemeral = EphemeralMessages(client, key, user)

    async def send() -> None:
        if view is not None and (typed := format_values(parse_values(view))):
            await ephemeral.return_values(f"{BUSY} {FORM_RETURNED}", typed)
        else:
            await ephemeral.send_ephemeral(REFUSAL)

    return Refusal(str(body["trigger_id"]) if view is not None else f"{key}:{user}", send)
