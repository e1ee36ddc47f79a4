"""The client that is logged in, and what it may ask of Discord."""

from __future__ import annotations

import asyncio

import discord

from bot.adapters.discord.transport.rate_limits import REQUESTS
from bot.replies.edit_budget import EditBudget, EditBudgets
from bot.replies.reply_options import DefaultReplyOptions, ReplyOptions


class ClientHolder:
    """Holds the client that is logged in; it changes when the adapter reconnects.

    `budgets` are those of the client's channels, which lie within that of all its `requests`, and
    `reply_options` hold for all replies.
    """

    def __init__(self, patience_s: float = 30.0, options: ReplyOptions | None = None) -> None:
        self.reply_options: ReplyOptions = options or DefaultReplyOptions()
        share = self.reply_options.edit_share
        self.requests = EditBudget(REQUESTS.shared(share))
        self.budgets = EditBudgets(share, self.requests)
        self.own_id = 0
        """The bot's own id; 0 before the first client has logged in."""
        self._client: discord.Client | None = None
        self._there = asyncio.Event()
        self._patience_s = patience_s
        self._closed = False

    def set(self, client: discord.Client | None) -> None:
        """Set the current client; None while there is none."""
        self._client = client
        if client is None:
            self._there.clear()
        else:
            self._there.set()
            self.own_id = client.user.id if client.user is not None else self.own_id

    @property
    def logged_in(self) -> bool:
        """Whether there is a client now."""
        return self._client is not None

    def share_among(self, processes: int) -> None:
        """Take an equal part of all requests, as so many processes make some. A channel's edits are
        made by the one that answers there."""
        self.requests.change(REQUESTS.shared(self.reply_options.edit_share / processes))

    def close(self) -> None:
        """Release everybody who waits for a client; there will be none any more."""
        self._closed = True
        self._there.set()

    async def client(self) -> discord.Client:
        """The current client, waiting for one if needed. Raises `OSError` if none comes in time."""
        async with asyncio.timeout(self._patience_s):
            while self._client is None:
                if self._closed:
                    raise ConnectionError("the connection to Discord is closed")
                await self._there.wait()
        return self._client
