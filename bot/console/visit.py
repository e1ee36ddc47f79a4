"""Who is looking at the console: the person of a session, with the rights that they have now."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from bot.adapters.lookup_cache import LookupCache
from bot.commands.authorization import Authorize
from bot.commands.checks import Asker
from bot.console.guard import form_token
from bot.sign_in.links import Visitor
from bot.sign_in.sessions import Session, Sessions
from bot.turns.platforms import Platforms
from bot.types import Author

COOKIE: Final = "parlance_session"
SECURE_COOKIE: Final = "__Host-parlance_session"
"""The name of the cookie over https: no other site of the same domain can set one of that name."""
_RIGHTS_REUSE_S: Final = 15.0
"""For how long a platform is not asked again who somebody is."""


Refusal: TypeAlias = Literal["outside", "unknown", "denied"]
"""Why somebody is not let in: there is no session; their platform cannot tell who they are just
now, or they have left it; they may not use the console."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who is in. `form` is the value that their forms carry."""

    session: Session
    asker: Asker
    form: str = field(repr=False)

    def knows_form(self, given: str) -> bool:
        """Whether a form that was sent is one of this session."""
        return hmac.compare_digest(given.encode(), self.form.encode())


class Visits:
    """Finds the visit of a cookie; asks the platform who the person is, as for a message."""

    def __init__(self, sessions: Sessions, platforms: Platforms, authorize: Authorize) -> None:
        self._sessions = sessions
        self._platforms = platforms
        self._authorize = authorize
        self._askers = LookupCache(self._look_up)

    async def find(self, cookie: str) -> Visit | Refusal:
        """The visit of a session's cookie, or why there is none."""
        session = await self._sessions.find(cookie)
        if session is None:
            return "outside"
        asker = await self.asker_of(session.visitor)
        if asker is None:
            return "unknown"
        if not (await self._authorize(asker, "console", asker.conversation)).allowed:
            return "denied"
        return Visit(session, asker, form_token(cookie))

    async def asker_of(self, visitor: Visitor) -> Asker | None:
        """Somebody as they are now, in the direct message in which they asked for their link."""
        return await self._askers.get(visitor, _RIGHTS_REUSE_S)

    async def _look_up(self, visitor: Visitor) -> Asker | None:
        """The person as they are now. The operator is one where no platform can tell, and an admin:
        whoever can run `parlance` on this machine can read and change all of it."""
        asker = await self._platforms.asker_now(visitor.person, visitor.place)
        if not visitor.operator:
            return asker
        platform, _, ident = visitor.person.partition(":")
        author = asker.author if asker is not None else Author(platform, ident, ident)
        return Asker(author, visitor.place, direct=True, admin=True)
