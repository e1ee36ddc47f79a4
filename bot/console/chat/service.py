"""The chat of the console as it is served: its adapter, and the conversations that it shows."""

from __future__ import annotations

import asyncio

from bot.commands.checks import Asker
from bot.config.platforms import TerminalSettings
from bot.console.chat.adapter import ConsoleAdapter
from bot.console.chat.conversations import Conversations
from bot.console.chat.elsewhere import ChatElsewhere
from bot.console.chat.entries import EntryRenderer
from bot.console.chat.history import StoredTurns
from bot.console.chat.kept_files import KeptFiles
from bot.console.site import Site
from bot.history.conversation_turns import ConversationTurns
from bot.processes.crew import Duty, platform_lease
from bot.sign_in.links import Visitor
from bot.sign_in.places import CONSOLE
from bot.types import ConversationKey


class ChatService:
    """Connects the console to the core as a platform from `open` to `close`."""

    def __init__(self, site: Site) -> None:
        app = site.app
        self._site = site
        self.turns = ConversationTurns(app.database)
        shelf = KeptFiles()
        stored = StoredTurns(
            self.turns, app.services.suspensions, app.core.intake.dependencies.redact
        )
        self.conversations = Conversations(stored, EntryRenderer(site, shelf), shelf=shelf)
        self.elsewhere = ChatElsewhere(app.crew, self.conversations, stored)
        self.adapter = ConsoleAdapter(self.conversations, self._asker_at)
        self._operator = app.installation.config.section(TerminalSettings)
        self._leading = Duty(app.crew.leases, platform_lease(CONSOLE), app.core.take_over)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: asyncio.Task[None] | None = None
        self._beside: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Connect; returns once it is."""
        self._loop = asyncio.get_running_loop()
        self._running = asyncio.create_task(
            self.adapter.run(self._site.app.core), name="console: chat"
        )
        following = asyncio.create_task(self.elsewhere.run(), name="console: other processes")
        self._beside = [following]
        if self._site.app.crew.shared:
            leading = asyncio.create_task(self._leading.run(), name="console: leading")
            self._beside.append(leading)
        connected = asyncio.create_task(self.adapter.serving.wait())
        await asyncio.wait([self._running, connected], return_when=asyncio.FIRST_COMPLETED)
        if not connected.done():
            connected.cancel()
            await self._running

    def drop(self, person: str) -> None:
        """Give up what is in memory of somebody (`Author.key`); may be called in any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.conversations.forget, person)

    async def close(self) -> None:
        """End the streams, and disconnect."""
        self.conversations.end_streams()
        tasks = [*self._beside, *([] if self._running is None else [self._running])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _asker_at(self, person: str, home: ConversationKey) -> Asker | None:
        operator = (person, home) == (self._operator.person, self._operator.place)
        return await self._site.visits.asker_of(Visitor(person, home, operator=operator))
