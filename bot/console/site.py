"""What all pages of the console share, and how each is declared."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import structlog
from jinja2 import DictLoader, Environment, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.adapters.protocol import Adapter
from bot.app import App
from bot.catalogue.sentence import say
from bot.console.cookies import cookie_of
from bot.console.formatting import FILTERS
from bot.console.forms import read_form
from bot.console.guard import SAFE_METHODS, Hosts, is_own_path
from bot.console.places import PlaceNames
from bot.console.speech import install, speak
from bot.console.static_files import StaticFiles
from bot.console.uploads import FORM_FIELD, UnknownForm, UploadForm, Uploads
from bot.console.visit import Refusal, Visit, Visits
from bot.errors import NotFound, UserFacingError
from bot.http.messages import HttpError
from bot.http.messages import Request as BoundedRequest
from bot.sign_in.changes import ChangeRecord
from bot.sign_in.links import SignInLinks
from bot.sign_in.proxy import ProxySignIn
from bot.sign_in.service import CONSOLE_PATH
from bot.sign_in.sessions import Sessions

__all__ = [
    "CONSOLE_PATH",
    "NavigationEntry",
    "Page",
    "Site",
    "go_to",
    "make_templates",
    "parse_moment",
    "read_static",
]

log = structlog.get_logger(__name__)

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


@functools.cache
def read_static() -> StaticFiles:
    """The files that ship; all consoles of a process share them."""
    return StaticFiles(_HERE / "static")


@functools.cache
def make_templates(static: StaticFiles) -> Environment:
    """The templates, with what they write values by. All consoles of a process share them, so that
    each template is compiled once."""
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


def go_to(path: str, default: str = f"{CONSOLE_PATH}/") -> RedirectResponse:
    """Send the browser on to a page of this console, never to another site."""
    return RedirectResponse(path if is_own_path(path) else default, 303)


def parse_moment(text: str) -> datetime | None:
    """Read a date or moment of a form; None for anything else. Without a zone it is by this
    machine's clocks."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.astimezone()
