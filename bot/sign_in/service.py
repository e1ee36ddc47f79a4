"""Where links into the console are asked for: by the command line, or in a chat."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.sign_in.links import SignInLinks, Visitor
from bot.storage.database import Database
from bot.types import ConversationKey

CONSOLE_PATH = "/console"
"""Where the HTTP port serves the console."""
ENTER_PATH = f"{CONSOLE_PATH}/enter/"
_NOT_SERVED = say("The console is switched off here.")
_NOT_REACHED = say(
    "The console can only be opened on the machine that I run on; whoever runs me can make it "
    "reachable for others."
)


class ConsoleSignIn:
    """Makes links; `open` must be set before, by what serves the console.

    `open()` has it served if it is not yet, and returns where this machine reaches it; `close()`
    ends what browsers keep open; `drop(person)`, called in any thread, gives up what it has in
    memory of somebody.
    `public_url` is where others do, None for nowhere.
    """

    def __init__(self, database: Database, public_url: str | None = None) -> None:
        self.links = SignInLinks(database)
        self.open: Callable[[], Awaitable[str]] | None = None
        self.close: Callable[[], Awaitable[None]] | None = None
        self.drop: Callable[[str], None] | None = None
        self._public_url = (public_url or "").rstrip("/")

    async def link(self, person: str, place: ConversationKey, *, near: bool = False) -> str:
        """Make a link for a person (`Author.key`), whose direct message is `place`; `near` says
        that they may be at this machine. Raises `Refused` where nobody could follow it."""
        return await self._make(Visitor(person, place), near=near)

    async def operator_link(self, person: str, place: ConversationKey) -> str:
        """Make a link for whoever runs the bot, at its own machine. Raises `Refused`."""
        return await self._make(Visitor(person, place, operator=True), near=True)

    def forget(self, person: str) -> None:
        """Give up what the console has in memory of somebody (`Author.key`)."""
        if self.drop is not None:
            self.drop(person)

    async def _make(self, visitor: Visitor, *, near: bool) -> str:
        if self.open is None:
            raise Refused(_NOT_SERVED)
        if not (self._public_url or near):
            raise Refused(_NOT_REACHED)
        local = await self.open()
        base = self._public_url if self._public_url and not visitor.operator else local
        return f"{base}{ENTER_PATH}{await self.links.make(visitor)}"
