"""The Discord adapter: gateway connection, commands, forms and replies."""

from bot.adapters.discord.adapter import DiscordAdapter
from bot.adapters.discord.setup.manifest import manifest
from bot.adapters.discord.transport.timing import Timing

__all__ = ["DiscordAdapter", "Timing", "manifest"]
