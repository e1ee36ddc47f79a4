"""The exceptions that a request to Discord can raise."""

from __future__ import annotations

import aiohttp
import discord

FAILURES = (discord.DiscordException, aiohttp.ClientError, OSError, RuntimeError)
"""Exceptions that a request to Discord can raise (`RuntimeError`: the client was closed meanwhile;
`TimeoutError` is an `OSError`)."""
