"""The form of what a tool wants to know in the middle of its work."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.adapters.forms import validate_form
from bot.catalogue.sentence import say
from bot.commands.declaration import Command
from bot.console.chat.service import ChatService
from bot.console.forms import form_of
from bot.console.pages.chat import CHAT_PATH, ChatPages
from bot.console.site import Site, go_to
from bot.console.visit import Visit
from bot.errors import NotFound
from bot.events import CommandCall
from bot.turns.inquiries_elsewhere import GONE


class ChatForms:
    """A page with the fields of an inquiry, which is for the person who is asked alone."""

    def __init__(self, site: Site, chat: ChatService, pages: ChatPages) -> None:
        self._site = site
        self._chat = chat
        self._pages = pages

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of this page."""
        return [
            self._site.route("/chat/{thread}/form/{name}", self._show),
            self._site.route("/chat/{thread}/form/{name}", self._send, method="POST"),
        ]

    async def _form(self, request: Request, visit: Visit) -> Command:
        name = request.path_params["name"]
        found = await self._site.app.core.inquiry_form(name, visit.asker.author.key)
        if found is None:
            raise NotFound(GONE)
        return found

    async def _show(self, request: Request, visit: Visit) -> Response:
        await self._pages.find(request, visit)
        return self._page(request, visit, await self._form(request, visit), {}, {})

    def _page(
        self,
        request: Request,
        visit: Visit,
        form: Command,
        given: Mapping[str, str],
        wrong: Mapping[str, str],
    ) -> Response:
        thread = request.path_params["thread"]
        return self._site.page(
            visit, "chat_form.html", form=form, given=given, wrong=wrong, thread=thread,
            status=400 if wrong else 200,
        )  # fmt: skip

    async def _send(self, request: Request, visit: Visit) -> Response:
        conversation = await self._pages.find(request, visit)
        form = await self._form(request, visit)
        sent = form_of(request)
        given = {
            option.name: sent[f"option-{option.name}"]
            for option in form.options
            if sent.get(f"option-{option.name}", "").strip()
        }
        if wrong := validate_form(form, given):
            return self._page(request, visit, form, given, wrong)
        author = visit.asker.author
        await self._site.changes.add(author.key, say("answered what I asked"), form.title)
        call = CommandCall(
            secrets.token_hex(12), conversation.key, author, form.name, given, direct=True
        )
        await self._chat.adapter.call(self._site.app.core, conversation, call)
        return go_to(f"{CHAT_PATH}/{conversation.thread}#end")
