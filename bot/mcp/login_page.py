"""The page to which a browser comes back from a login at a server of tools."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Final

from bot.catalogue.sentence import say
from bot.errors import UserFacingError
from bot.http.messages import ASGIApp, Request, Response, endpoint
from bot.mcp.logins import Logins

_HEADERS: Final[Mapping[str, str]] = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def login_page(logins: Logins) -> ASGIApp:
    """The part of the HTTP port to which browsers come back."""

    async def answer(request: Request) -> Response:
        try:
            word = await logins.take_code(request.query)
        except UserFacingError as error:
            return _page(400, str(error))
        return _page(
            200,
            say("You are nearly there. Write this to me in the chat, which shows that it was you:"),
            f"/connect confirm {word}",
        )

    return endpoint("GET", answer)


def client_page(logins: Logins) -> ASGIApp:
    """The part of the HTTP port where servers read what this client is."""

    async def answer(request: Request) -> Response:
        try:
            described = await logins.description()
        except UserFacingError:
            return Response(404)
        headers = {"content-type": "application/json", "cache-control": "max-age=3600"}
        return Response(200, json.dumps(described).encode(), headers)

    return endpoint("GET", answer)


def _page(status: int, words: str, call: str = "") -> Response:
    shown = f"<p><code>{html.escape(call)}</code></p>" if call else ""
    text = f"<!doctype html><title>Parlance</title><p>{html.escape(words)}</p>{shown}"
    return Response(status, text.encode(), _HEADERS)
