"""Removes the bot's own name from the beginning of an answer."""

from __future__ import annotations

import re

_OWN_LABELS = ("parlance:", "assistant:")
_ECHO = re.compile(r"\s*\**(?:parlance|assistant)\**\s*:\**\s*", re.IGNORECASE)
_MAX_HELD_CHARACTERS = 8_000
"""Of an answer that begins as an echo would; what goes on longer is shown."""
_SPACE_OR_STARS = re.compile(r"[\s*]+")


class EchoFilter:
    """Removes "Parlance:" from the beginning of an answer while it streams.

    A model that reads names before what others say may write one before its own words.
    """

    def __init__(self) -> None:
        self._held = ""
        self._done = False

    def feed(self, text: str) -> str:
        """What can be shown of what has come so far."""
        if self._done:
            return text
        self._held += text
        start = _SPACE_OR_STARS.sub("", self._held).lower()  # more may show that this is an echo
        if len(self._held) <= _MAX_HELD_CHARACTERS and any(
            own.startswith(start) for own in _OWN_LABELS
        ):
            return ""
        return self._end()

    def finish(self) -> str:
        """The answer is over: what was held back."""
        return "" if self._done else self._end()

    def _end(self) -> str:
        self._done = True
        echo = _ECHO.match(self._held)
        return self._held[echo.end() :] if echo else self._held
