"""The console of a running bot: made when the first request comes, so that none costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bot.adapters.protocol import Adapter
from bot.app import App
from bot.catalogue.sentence import say
from bot.console.chat.service import ChatService
from bot.console.gateway import create_app
from bot.console.guard import Hosts
from bot.console.pages import document_evaluations, health, sign_in
from bot.console.pages.agents import AgentPages
from bot.console.pages.chat import ChatPages
from bot.console.pages.chat_beside import BesidePages
from bot.console.pages.chat_forms import ChatForms
from bot.console.pages.document_additions import DocumentAdding
from bot.console.pages.documents import DocumentPages
from bot.console.pages.documents_access import DocumentAccess
from bot.console.pages.documents_review import DocumentReviewPages
from bot.console.pages.documents_search import DocumentSearchPage
from bot.console.pages.duel import DuelPages
from bot.console.pages.now import NowPage
from bot.console.pages.settings import SettingPages
from bot.console.pages.turns import TurnPages
from bot.console.pages.usage import UsagePage
from bot.console.places import PlaceNames
from bot.console.site import NavigationEntry, Site, make_templates, read_static
from bot.console.uploads import Uploads
from bot.console.visit import Visits
from bot.http.messages import ASGIApp
from bot.sign_in.changes import ChangeRecord
from bot.sign_in.proxy import ProxySignIn
from bot.sign_in.sessions import Sessions

NAVIGATION = (
    NavigationEntry("/", say("Now")),
    NavigationEntry("/chat", say("Chat")),
    NavigationEntry("/turns", say("Turns")),
    NavigationEntry("/usage", say("Usage")),
    NavigationEntry("/documents", say("Documents")),
    NavigationEntry("/duel", say("Duel")),
    NavigationEntry("/agents", say("Agents")),
    NavigationEntry("/settings", say("Settings")),
    NavigationEntry("/health", say("Health"), admins=True),
)


class Console:
    """The pages, as an ASGI app (`part`). `open` must be called before the first request, `close`
    at the end."""

    def __init__(self, app: App, adapters: Sequence[Adapter], since: str) -> None:
        config = app.installation.config
        static = read_static()
        sessions = Sessions(app.database, timedelta(hours=config.console.session_hours))
        site = Site(
            app=app,
            adapters=adapters,
            since=since,
            links=app.sign_in.links,
            sessions=sessions,
            proxy=ProxySignIn(config.console.proxy),
            changes=ChangeRecord(app.database),
            hosts=Hosts(config.http.host, config.http.public_url),
            visits=Visits(sessions, app.core.platforms, app.services.authorize),
            places=PlaceNames(app.core.platforms),
            templates=make_templates(static),
            uploads=Uploads(config.data_dir, app.services.max_attachment_bytes),
            navigation=NAVIGATION,
        )
        self._site, self._now, self._use = site, NowPage(site), UsagePage(site)
        self._chat = ChatService(site)
        chat = ChatPages(site, self._chat)
        documents = DocumentAccess(site)
        self._adding = DocumentAdding(site, documents)
        routes = [
            *sign_in.routes(site),
            *self._now.routes(),
            *BesidePages(site, self._chat, chat).routes(),
            *chat.routes(),
            *ChatForms(site, self._chat, chat).routes(),
            *TurnPages(site).routes(),
            *self._use.routes(),
            *DuelPages(site, self._chat).routes(),
            *DocumentPages(site, documents, self._adding).routes(),
            *self._adding.routes(),
            *DocumentSearchPage(site, documents).routes(),
            *DocumentReviewPages(site, documents).routes(),
            *document_evaluations.routes(site),
            *AgentPages(site).routes(),
            *SettingPages(site).routes(),
            *DuelPages(site, self._chat).routes(),
            *health.routes(site),
        ]
        self.part: ASGIApp = create_app(site, static, routes)

    async def open(self) -> None:
        """Connect the chat as a platform."""
        await self._chat.open()

    def drop(self, person: str) -> None:
        """Give up what is in memory of somebody (`Author.key`); may be called in any thread."""
        self._chat.drop(person)

    async def close(self) -> None:
        """End the streams, which browsers open again, the chat, what is being added, and what
        platforms are asked."""
        await self._now.close()
        await self._use.close()
        await self._adding.close()
        await self._chat.close()
        await self._site.places.close()
