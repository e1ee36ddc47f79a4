"""What a request to Discord can end with."""

from __future__ import annotations

import aiohttp
import discord

FAILURES = (discord.DiscordException, aiohttp.ClientError, OSError, RuntimeError)
"""What a request to Discord can end with (`RuntimeError`: the client was closed under it;
`TimeoutError` is an `OSError`)."""
