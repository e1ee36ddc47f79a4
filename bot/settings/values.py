"""The settings of one channel as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """How the bot behaves in one channel: config.yaml, then what an admin set at run time."""

    thread_per_mention: bool = True
    follow_up: bool = True
    """Answer in a thread that the bot has joined without being mentioned."""
    knowledge_base: str | None = None
    persona: str = ""
    language: str = ""
    """Language of the bot's own sentences, as a locale; empty: that of the person."""
    file_over_chars: int = 6000
    """An answer longer than this is also attached as a file."""
