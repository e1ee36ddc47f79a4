"""Two models beside each other: the same question to both, each in a conversation of its own."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.catalogue.sentence import say
from bot.console.chat.conversation import Conversation
from bot.console.chat.service import ChatService
from bot.console.forms import form_of
from bot.console.pages.chat import CHAT_PATH, GONE_CHAT, NO_THREAD, ChatPages
from bot.console.site import Site, go_to
from bot.console.visit import Visit
from bot.errors import NotFound, UsageError

BESIDE_PATH: Final = f"{CHAT_PATH}/beside"
_PAIR: Final = re.compile(r"[0-9a-f]{12}")


class BesidePages:
    """The page, whose conversations have the ids `PAIR.1` and `PAIR.2`."""

    def __init__(self, site: Site, chat: ChatService, pages: ChatPages) -> None:
        self._site = site
        self._chat = chat
        self._pages = pages

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of this page."""
        route = self._site.route
        return [
            route("/chat/beside", self._new),
            route("/chat/beside", self._ask, method="POST", files=True),
            route("/chat/beside/{pair}", self._show),
            route("/chat/beside/{pair}", self._ask, method="POST", files=True),
        ]

    async def _new(self, _: Request, visit: Visit) -> Response:
        values = await self._pages.values(visit, self._pages.place(visit, NO_THREAD))
        names = values["models"]
        return self._site.page(
            visit, "chat_beside.html", sides=(), action=BESIDE_PATH,
            chosen=[*names[:2], *names[:1], ""][:2], **values,
        )  # fmt: skip

    async def _show(self, request: Request, visit: Visit) -> Response:
        sides, chosen = [], []
        for conversation in await self._find(request, visit):
            html, state = await conversation.html()
            sides.append({"conversation": conversation, "entries": html, "state": state})
            chosen.append(_model_of(conversation))
        pair = request.path_params["pair"]
        return self._site.page(
            visit, "chat_beside.html", sides=sides, chosen=chosen, action=f"{BESIDE_PATH}/{pair}",
            **await self._pages.values(visit, self._pages.place(visit, f"{pair}.1")),
        )  # fmt: skip

    async def _find(self, request: Request, visit: Visit) -> list[Conversation]:
        """The two conversations that an address names. Raises `NotFound` unless they are theirs."""
        pair = request.path_params["pair"]
        if _PAIR.fullmatch(pair) is None:
            raise NotFound(GONE_CHAT)
        return [await self._pages.open(visit, f"{pair}.{side}") for side in (1, 2)]

    async def _ask(self, request: Request, visit: Visit) -> Response:
        pair = request.path_params.get("pair")
        if pair is not None:
            await self._find(request, visit)
        pair = pair or secrets.token_hex(6)
        form = form_of(request)
        names = [form.get(f"model{side}", "").strip() for side in (1, 2)]
        if not all(names):
            raise UsageError(say("Choose two models."))
        for side, name in enumerate(names, 1):
            place = self._pages.place(visit, f"{pair}.{side}")
            await self._pages.hand_over(request, visit, place, name)
        return go_to(f"{BESIDE_PATH}/{pair}#end")


def _model_of(conversation: Conversation) -> str:
    """The model that the last question named."""
    return next((one.model for one in reversed([*conversation]) if one.view is None), "")
