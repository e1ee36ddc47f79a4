"""Discord: gateway, commands, and replies that always arrive."""

from bot.adapters.discord.adapter import DiscordAdapter
from bot.adapters.discord.setup.manifest import manifest
from bot.adapters.discord.transport.timing import Timing

__all__ = ["DiscordAdapter", "Timing", "manifest"]
