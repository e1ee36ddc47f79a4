"""The terminal adapter: a chat in the terminal, or lines from a pipe."""

from bot.adapters.terminal.adapter import TerminalAdapter

__all__ = ["TerminalAdapter"]
