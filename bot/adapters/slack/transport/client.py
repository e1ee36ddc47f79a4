"""The Web API client, with link previews switched off for all messages."""

from __future__ import annotations

from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse


class Client(AsyncWebClient):
    """A preview fetches an address that the model wrote, maybe because a document told it to.

    Slack takes the switches with a new message alone, not with an edit or a stream.
    """

    async def chat_postMessage(self, **arguments: Any) -> AsyncSlackResponse:
        return await super().chat_postMessage(
            **{**arguments, "unfurl_links": False, "unfurl_media": False}
        )
