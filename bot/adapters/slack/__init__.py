"""The Slack adapter: Socket Mode or HTTP, commands, forms and replies through the Web API."""

from bot.adapters.slack.adapter import SlackAdapter
from bot.adapters.slack.transport.timing import Timing

__all__ = ["SlackAdapter", "Timing"]
