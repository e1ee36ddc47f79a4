"""Introduces the bot on a server that it was added to."""

from __future__ import annotations

import discord

from bot.adapters.discord.transport import payloads
from bot.adapters.protocol import Core


async def introduce(core: Core, guild: discord.Guild) -> None:
    """Say in the channel of the server's own messages how to ask; once for a server."""
    channel = guild.system_channel
    if channel is not None:
        await core.introduce(payloads.key_of(channel, guild.id, direct=False), "workspace")
