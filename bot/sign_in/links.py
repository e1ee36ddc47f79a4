"""Links into the console: each works once, for a few minutes, in the process that made it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bot.sign_in.digest import digest_of
from bot.types import ConversationKey

LINK_LIFETIME_S: Final = 600.0
MAX_OPEN_LINKS: Final = 256
"""Links that can be open at once; making a further one ends the oldest."""
_LINK_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who comes in (`Author.key`), and their direct message with the bot, in which they asked for
    the link. `operator` says that it was made by whoever runs the bot, at its own machine."""

    person: str
    place: ConversationKey
    operator: bool = False


@dataclass(frozen=True, slots=True)
class _Link:
    visitor: Visitor
    ends_at: float = field(repr=False)


class SignInLinks:
    """The open links, by the digest of their secret part. They end with the process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, _Link] = {}

    def make(self, visitor: Visitor) -> str:
        """Make a link for somebody; returns its secret part. Earlier ones of theirs end."""
        now = self._clock()
        self._open = {
            digest: link
            for digest, link in self._open.items()
            if link.ends_at > now and link.visitor.person != visitor.person
        }
        while len(self._open) >= MAX_OPEN_LINKS:
            del self._open[next(iter(self._open))]
        token = secrets.token_urlsafe(_LINK_BYTES)
        self._open[digest_of(token)] = _Link(visitor, now + LINK_LIFETIME_S)
        return token

    def is_open(self, token: str) -> bool:
        """Whether a link would let somebody in; it is not spent by asking."""
        link = self._open.get(digest_of(token))
        return link is not None and link.ends_at > self._clock()

    def spend(self, token: str) -> Visitor | None:
        """Use a link; None if it was used before, has ended, or never was."""
        link = self._open.pop(digest_of(token), None)
        return link.visitor if link is not None and link.ends_at > self._clock() else None
