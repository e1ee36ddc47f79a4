"""Coming in and going out: the page of a link, spending it, signing out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from bot.catalogue.sentence import say
from bot.console.cookies import cookie_of, set_cookie
from bot.console.gateway import sign_in
from bot.console.site import CONSOLE_PATH, Site, go_to
from bot.console.visit import Visit

ENTER_PATH: Final = "/enter/{token}"
_NO_LINK: Final = (
    say("This link is used up"),
    say(
        "A link works once, and for ten minutes. Ask me for another: run `parlance console` where "
        "I run, or write /console to me."
    ),
)


def routes(site: Site) -> Sequence[BaseRoute]:
    """The routes of this page. What looks at a link ahead of a person does not spend it: only the
    button does."""

    async def show(request: Request) -> Response:
        token = request.path_params["token"]
        if not await site.links.is_open(token):
            return site.refuse(410, *_NO_LINK)
        html = site.render("enter.html", token=token)
        return HTMLResponse(html, 200, {"cache-control": "no-store"})

    async def enter(request: Request) -> Response:
        visitor = await site.links.spend(request.path_params["token"])
        if visitor is None:
            return site.refuse(410, *_NO_LINK)
        cookie = await sign_in(site, visitor, await site.sessions.find(cookie_of(request)))
        response = go_to(f"{CONSOLE_PATH}/")
        set_cookie(request, response, cookie, site.sessions.lifetime_s)
        return response

    async def leave(request: Request, visit: Visit) -> Response:
        await site.sessions.end(visit.session)
        await site.changes.add(visit.asker.author.key, say("signed out"))
        response = site.refuse(
            200, say("You are signed out"), say("Ask me for a link to come back.")
        )
        set_cookie(request, response, "", 0)
        return response

    return [
        Route(ENTER_PATH, show, methods=["GET"]),
        Route(ENTER_PATH, enter, methods=["POST"]),
        site.route("/leave", leave, method="POST"),
    ]
