"""The conversations of the console: each belongs to one person, and is named after the direct
message in which they asked for their link."""

from __future__ import annotations

from typing import Final

from bot.types import ConversationKey

CONSOLE: Final = "console"
"""The name of the console as a platform."""
_DIRECT: Final = "@dm"


def console_place(home: ConversationKey, thread: str) -> ConversationKey:
    """The conversation with this id of the person whose direct message on their own platform is
    `home`."""
    return ConversationKey(CONSOLE, _DIRECT, home.scope("channel"), thread)


def home_of(place: ConversationKey) -> ConversationKey | None:
    """The direct message that a conversation of the console is named after; None for another."""
    if place.platform != CONSOLE:
        return None
    try:
        return ConversationKey.parse(place.channel)
    except ValueError:
        return None
