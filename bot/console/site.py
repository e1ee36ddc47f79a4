"""The pages of the console as an ASGI app, and what each of them is given."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import structlog
from jinja2 import DictLoader, Environment, StrictUndefined, select_autoescape
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bot.adapters.protocol import Adapter
from bot.app import App
from bot.catalogue.sentence import say
from bot.console.formatting import FILTERS
from bot.console.guard import HEADERS, SAFE_METHODS, Hosts, is_own_path
from bot.console.places import PlaceNames
from bot.console.speech import install, speak, speak_as_accepted
from bot.console.static_files import StaticFiles
from bot.console.uploads import FORM_FIELD, UnknownForm, UploadForm, Uploads
from bot.console.visit import COOKIE, SECURE_COOKIE, Refusal, Visit, Visits
from bot.errors import NotFound, UserFacingError
from bot.http.messages import ASGIApp, HttpError, Message, Receive, Send
from bot.http.messages import Request as BoundedRequest
from bot.sign_in.changes import ChangeRecord
from bot.sign_in.links import SignInLinks, Visitor
from bot.sign_in.proxy import ProxySignIn
from bot.sign_in.sessions import Session, Sessions

log = structlog.get_logger(__name__)

CONSOLE_PATH: Final = "/console"
_COOKIE_IN_EFFECT: Final = "console.cookie"
"""The entry of a request's scope with the cookie that it is answered by, where that is not the one
of the browser."""
MAX_FORM_FIELDS: Final = 100
MAX_FORM_BYTES: Final = 64 * 1024
FORM_TIMEOUT_S: Final = 10.0
_HERE: Final = Path(__file__).parent
_REFUSALS: Final[Mapping[Refusal, tuple[int, str, str]]] = {
    "outside": (
        401,
        say("You are not signed in"),
        say("Ask me for a link: run `parlance console` where I run, or write /console to me."),
    ),
    "unknown": (
        503,
        say("I cannot tell who you are just now"),
        say("Your chat platform is not connected, or you have left it. Try again in a minute."),
    ),
    "denied": (
        403,
        say("You may not use the console"),
        say("An admin can allow it with /settings."),
    ),
}

_FORM_REFUSALS: Final[Mapping[int, str]] = {
    400: say("Something of it is missing, or it has too many fields."),
    408: say("It did not arrive in time."),
    413: say("It is too large, or has too many files."),
    503: say("Too much is being sent to me just now. Try again in a minute."),
    507: say("There is no room for it on my disk."),
}

Page: TypeAlias = Callable[[Request, Visit], Awaitable[Response]]
"""What answers a request of somebody who is in."""


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """A page that is listed beside all others; `admins` says that only they are shown it."""

    path: str
    name: str
    admins: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages share: the running bot, who is in, and the templates."""

    app: App
    adapters: Sequence[Adapter]
    since: str
    """When the process began, in UTC."""
    links: SignInLinks
    sessions: Sessions
    proxy: ProxySignIn
    changes: ChangeRecord
    hosts: Hosts
    visits: Visits = field(repr=False)
    places: PlaceNames = field(repr=False)
    templates: Environment = field(repr=False)
    uploads: Uploads = field(repr=False)
    navigation: Sequence[NavigationEntry] = ()

    def render(self, template: str, /, **values: Any) -> str:
        """Render a template; all values are escaped."""
        return self.templates.get_template(template).render(**values)

    def page(
        self, visit: Visit, template: str, /, *, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """Answer with a page, in the frame that all pages have."""
        shown = [one for one in self.navigation if visit.asker.admin or not one.admins]
        html = self.render(template, visit=visit, navigation=shown, **values)
        return HTMLResponse(html, status, {"cache-control": "no-store"})

    def refuse(self, status: int, title: str, words: str, visit: Visit | None = None) -> Response:
        """Answer that something is not done, and why."""
        values: dict[str, Any] = {"title": title, "words": words}
        if visit is not None:
            return self.page(visit, "refused.html", status=status, **values)
        html = self.render("outside.html", **values)
        return HTMLResponse(html, status, {"cache-control": "no-store"})

    # --- how pages are declared -------------------------------------------------------------------

    def route(
        self,
        path: str,
        page: Page,
        *,
        method: str = "GET",
        admins: bool = False,
        files: bool = False,
    ) -> Route:
        """A page for those who are in; with `admins`, for admins alone. A form must be one of the
        session; the page finds it with `form_of`, and one that may have `files` with `upload_of`.
        """

        async def answer(request: Request) -> Response:
            visit = await self.visits.find(cookie_of(request))
            if isinstance(visit, str):
                return self.refuse(*_REFUSALS[visit])
            await speak(visit.asker.author.locale)
            if admins and not visit.asker.admin:
                return self.refuse(403, say("This page is for admins"), say("Ask an admin."), visit)
            if method in SAFE_METHODS:
                return await self._answer(path, page, request, visit)
            try:
                form = await self._read_form(request, visit, files=files)
            except UnknownForm:
                words = say("Go back, load the page again, and try once more.")
                return self.refuse(403, say("This form is out of date"), words, visit)
            except HttpError as error:
                title = say("This form was not taken")
                return self.refuse(error.status, title, _FORM_REFUSALS[error.status], visit)
            request.state.form = form
            try:
                return await self._answer(path, page, request, visit)
            finally:
                await form.close()

        return Route(path, answer, methods=[method])

    async def _read_form(self, request: Request, visit: Visit, *, files: bool) -> UploadForm:
        """The form of a request. Raises `UnknownForm` and `HttpError`."""
        if files:
            bounded = BoundedRequest(request.scope, request.receive)
            return await self.uploads.read(bounded, visit.knows_form)
        fields = await read_form(request)
        if not visit.knows_form(fields.get(FORM_FIELD, "")):
            raise UnknownForm
        return UploadForm(fields)

    async def _answer(self, path: str, page: Page, request: Request, visit: Visit) -> Response:
        """What a page answers; an error is told to whoever looks."""
        try:
            return await page(request, visit)
        except NotFound as error:
            return self.refuse(404, say("This is not here"), str(error), visit)
        except UserFacingError as error:
            return self.refuse(400, say("This was not done"), str(error), visit)
        except Exception:  # a page's top: whatever it was, whoever looks is told
            error_id = secrets.token_hex(4)
            log.exception("console.page_failed", path=path, error_id=error_id)
            words = say(
                "Something went wrong on our side. The log says what under {error_id}.",
                error_id=error_id,
            )
            return self.refuse(500, say("This did not work"), words, visit)


def form_of(request: Request) -> Mapping[str, str]:
    """The fields of the form that a request brought, each with its last value."""
    return upload_of(request).fields


def upload_of(request: Request) -> UploadForm:
    """The form that a request brought, with its files."""
    form: UploadForm = request.state.form
    return form


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, each with its last value. Raises `HttpError` for one that is too large,
    too slow, or has too many."""
    body = await BoundedRequest(request.scope, request.receive).body(MAX_FORM_BYTES, FORM_TIMEOUT_S)
    try:
        return dict(
            parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
        )
    except ValueError:
        raise HttpError(400) from None


def read_static() -> StaticFiles:
    """The files that ship."""
    return StaticFiles(_HERE / "static")


def cookie_of(request: Request) -> str:
    """The session's cookie: the browser's, or the one of somebody whom the proxy has let in."""
    in_effect: str | None = request.scope.get(_COOKIE_IN_EFFECT)
    if in_effect is not None:
        return in_effect
    name = SECURE_COOKIE if request.url.scheme == "https" else COOKIE
    return request.cookies.get(name, "")


def set_cookie(request: Request, response: Response, value: str, max_age_s: int) -> None:
    """Set the session's cookie, or with an empty value take it away."""
    secure = request.url.scheme == "https"
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        value,
        max_age=max_age_s,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


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


def make_templates(static: StaticFiles) -> Environment:
    """The templates, with what they write values by."""
    folder = _HERE / "templates"
    made = Environment(
        # Read now, and not while a page is made: reading a file holds the event loop.
        loader=DictLoader({one.name: one.read_text("utf-8") for one in folder.iterdir()}),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    install(made)
    made.filters.update(FILTERS)
    made.globals["root"] = CONSOLE_PATH
    made.globals["static"] = f"{CONSOLE_PATH}/static/{static.version}"
    return made


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
            scope = {**scope, _COOKIE_IN_EFFECT: cookie}
            letting_in = Response()
            set_cookie(request, letting_in, cookie, site.sessions.lifetime_s if cookie else 0)
            added += [one for one in letting_in.raw_headers if one[0] == b"set-cookie"]
        await inner(scope, receive, send_with_headers)

    return guarded


def go_to(path: str, default: str = f"{CONSOLE_PATH}/") -> RedirectResponse:
    """Send the browser on to a page of this console, never to another site."""
    return RedirectResponse(path if is_own_path(path) else default, 303)


def parse_moment(text: str) -> datetime | None:
    """Read a date or moment of a form; None for anything else. Without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.astimezone()
