"""The Web API client: no link previews, and what all replies through it share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.adapters.slack.transport.rate_limits import ConnectionErrors
from bot.replies.edit_budget import EditBudgets
from bot.replies.reply_options import DefaultReplyOptions, ReplyOptions

API_URL = AsyncWebClient.BASE_URL
"""Where Slack's Web API is."""


class Client(AsyncWebClient):
    """A preview fetches an address that the model wrote, maybe because a document told it to.

    Slack takes the switches with a new message alone, not with an edit or a stream. `budgets` are
    those of the client's methods, and `reply_options` hold for the replies that use it; their
    notices pass through `write_commands`. No post is repeated by itself.
    """

    def __init__(self, *arguments: Any, options: ReplyOptions | None = None, **more: Any) -> None:
        super().__init__(*arguments, **{"retry_handlers": [ConnectionErrors()], **more})
        self.reply_options: ReplyOptions = options or DefaultReplyOptions()
        self.write_commands: Callable[[str], str] = str
        self.budgets = EditBudgets(self.reply_options.edit_share)

    async def chat_postMessage(self, **arguments: Any) -> AsyncSlackResponse:
        return await super().chat_postMessage(
            **{**arguments, "unfurl_links": False, "unfurl_media": False}
        )
