"""What every request to the console passes before a page: the guard, and the operator's proxy."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.catalogue.sentence import say
from bot.console.cookies import COOKIE_IN_EFFECT, cookie_of, set_cookie
from bot.console.guard import HEADERS, SAFE_METHODS
from bot.console.site import Site
from bot.console.speech import speak_as_accepted
from bot.console.static_files import StaticFiles
from bot.http.messages import ASGIApp, Message, Receive, Send
from bot.sign_in.links import Visitor
from bot.sign_in.sessions import Session


async def sign_in(site: Site, visitor: Visitor, before: Session | None) -> str:
    """Begin a session, which ends the one that the browser had before; returns its cookie."""
    if before is not None:
        await site.sessions.end(before)
    await site.changes.add(visitor.person, say("signed in"))
    return await site.sessions.begin(visitor)


async def cookie_by_proxy(site: Site, request: Request, cookie: str) -> str:
    """The cookie by which a request is answered: its own, or where the operator's proxy names
    somebody else, a new one. Beside what the proxy says no other session counts."""
    address = request.client.host if request.client is not None else ""
    named = site.proxy.visitor(address, request.headers.getlist(site.proxy.header))
    if named is None:
        return cookie
    session = await site.sessions.find(cookie)
    if session is not None and session.visitor.person == named.person:
        return cookie
    if request.method in SAFE_METHODS:
        return await sign_in(site, named, session)
    if session is not None:
        await site.sessions.end(session)
    return ""


def create_app(site: Site, static: StaticFiles, routes: Sequence[BaseRoute]) -> ASGIApp:
    """The ASGI app that is mounted at `CONSOLE_PATH`: every request passes the guard."""

    async def not_here(_: Request, __: Exception) -> Response:
        return site.refuse(404, say("This is not here"), say("There is no such page."))

    inner = Starlette(
        routes=[Route("/static/{version}/{name}", static.answer), *routes],
        exception_handlers={404: not_here, 405: not_here},
    )

    async def guarded(scope: Message, receive: Receive, send: Send) -> None:
        request = Request(scope)
        await speak_as_accepted(request.headers.get("accept-language", ""))
        host = request.headers.get("host", "")
        added: list[tuple[bytes, bytes]] = []

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                more = [(n.encode(), v.encode()) for n, v in HEADERS.items()]
                message["headers"] = [
                    *message["headers"],
                    *added,
                    *(one for one in more if one[0] not in own),
                ]
            await send(message)

        async def refuse(status: int, words: str) -> None:
            response = site.refuse(status, say("This is not answered"), words)
            await response(scope, receive, send_with_headers)

        if not site.hosts.knows(host):
            await refuse(421, say("I am not known by this name."))
            return
        if scope["method"] not in SAFE_METHODS and not site.hosts.is_same_origin(
            host, request.headers.get("origin", ""), request.headers.get("sec-fetch-site", "")
        ):
            await refuse(403, say("This was sent by another site."))
            return
        if site.hosts.is_public(host):
            scope = {**scope, "scheme": "https"}  # as far as the operator's proxy
        request = Request(scope)
        cookie = await cookie_by_proxy(site, request, before := cookie_of(request))
        if cookie != before:
            scope = {**scope, COOKIE_IN_EFFECT: cookie}
            letting_in = Response()
            set_cookie(request, letting_in, cookie, site.sessions.lifetime_s if cookie else 0)
            added += [one for one in letting_in.raw_headers if one[0] == b"set-cookie"]
        await inner(scope, receive, send_with_headers)

    return guarded
