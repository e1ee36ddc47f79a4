"""Slack: Socket Mode or HTTP in, the Web API out."""

from bot.adapters.slack.adapter import SlackAdapter
from bot.adapters.slack.transport.timing import Timing

__all__ = ["SlackAdapter", "Timing"]
