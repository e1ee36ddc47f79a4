"""The settings: places that have some, what holds in each and why, and changing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast, get_args
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.catalogue.sentence import say
from bot.commands.checks import Asker
from bot.config import Config
from bot.console.forms import form_of
from bot.console.place_rights import PlaceRights, key_of, parse_place
from bot.console.site import CONSOLE_PATH, Site, go_to
from bot.console.visit import Visit
from bot.errors import Denied, Failed, NotFound, UsageError
from bot.history.turn_search import TurnFilter, TurnSearch
from bot.models.selection import MODEL_CHOICE
from bot.settings.channel_settings import (
    COMMAND_PREFIX,
    PERSONAL_SETTINGS,
    SETTING_OPTIONS,
    ChosenSettings,
)
from bot.settings.choices_store import SqlPreferences
from bot.settings.effective import EffectiveSetting, EffectiveSettings
from bot.settings.place_search import PAGE_PLACES, PlaceSearch
from bot.skills.permitted_services import Permission, PermittedSettings
from bot.types import ConversationKey, Scope

COMMAND: Final = "settings"
MAX_SEARCH_CHARACTERS: Final = 200
_MAX_CONFIGURED_PLACES: Final = 200
_UNNAMED: Final = say("Say which setting, and for whom.")


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A place in the list: how many settings were chosen for exactly it, whether config.yaml says
    something of it, and the model that answers there."""

    key: str
    model: str
    number: int = 0
    configured: bool = False


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting, what a form for it looks like, and the scopes for which one may choose it."""

    setting: EffectiveSetting
    kind: str
    choices: Sequence[str]
    scopes: Sequence[Scope]
    chosen_for: Scope | None
    """The scope whose choice counts and can be taken back; None if there is none."""


class SettingPages:
    """The list of places, and the settings of one."""

    def __init__(self, site: Site) -> None:
        app = site.app
        self._site = site
        self._config: Config = app.installation.config
        self._service = app.services.settings
        self._rights = PlaceRights(app)
        self._search = PlaceSearch(app.database)
        self._turns = TurnSearch(app.database)
        self._preferences = SqlPreferences(app.database)

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of these pages."""
        return [
            self._site.route("/settings", self._list),
            self._site.route("/settings/place", self._show),
            self._site.route("/settings/place", self._change, method="POST"),
        ]

    # --- the places -------------------------------------------------------------------------------

    async def _list(self, request: Request, visit: Visit) -> Response:
        text = request.query_params.get("q", "").strip()[:MAX_SEARCH_CHARACTERS]
        after = request.query_params.get("after", "")
        rows: list[PlaceRow] = []
        more = ""
        if visit.asker.admin:
            found = await self._search.page(text, after=after, limit=PAGE_PLACES + 1)
            if len(found) > PAGE_PLACES:
                more = f"{CONSOLE_PATH}/settings?{urlencode({'q': text, 'after': found[-2].key})}"
            numbers = {one.key: one.number for one in found[:PAGE_PLACES]}
            configured = () if after else self._configured(text)
            for key in sorted({*configured, *numbers}):
                rows.append(await self._row(key, numbers.get(key, 0), key in configured))
        recent = () if after else await self._recent(visit, text, [row.key for row in rows])
        own = visit.asker.conversation.scope("channel")
        return self._site.page(
            visit,
            "settings.html",
            places=rows,
            more=more,
            paged=bool(after),
            q=text,
            own=await self._row(own),
            everywhere=await self._row("") if visit.asker.admin else None,
            recent=[await self._row(key) for key in recent if key != own],
        )

    async def _row(self, key: str, number: int = 0, configured: bool = False) -> PlaceRow:
        model, _ = await self._site.app.services.models.current(parse_place(key))
        return PlaceRow(key, model, number, configured)

    def _configured(self, text: str) -> Sequence[str]:
        """The places of config.yaml whose key has a text in it."""
        places = (*self._config.workspaces, *self._config.channels)
        return [key for key in places if text.lower() in key.lower()][:_MAX_CONFIGURED_PLACES]

    async def _recent(self, visit: Visit, text: str, listed: Sequence[str]) -> Sequence[str]:
        """Channels in which people, or who is no admin themselves, asked something last."""
        asker = visit.asker
        wanted = TurnFilter() if asker.admin else TurnFilter(person=asker.author.key)
        turns = (await self._turns.page(wanted)).turns
        keys = dict.fromkeys(
            ConversationKey.parse(one.conversation).scope("channel")
            for one in turns
            if one.private is False
        )
        return [key for key in keys if key not in listed and text.lower() in key.lower()]

    # --- one place --------------------------------------------------------------------------------

    async def _show(self, request: Request, visit: Visit) -> Response:
        place = parse_place(request.query_params.get("key", ""))
        asker = await self._asker(visit, place)
        rows = [row for row in await self._rows(asker) if asker.admin or row.scopes]
        access = await self._scopes(f"{COMMAND_PREFIX}message", asker)
        names = [name for name in self._chosen.names() if name.startswith(COMMAND_PREFIX)]
        return self._site.page(
            visit,
            "settings_place.html",
            key=key_of(place),
            direct=asker.direct,
            rows=rows,
            access_scopes=access,
            access_names=names if access else (),
            done=self._done(request),
        )

    async def _asker(self, visit: Visit, place: ConversationKey) -> Asker:
        """The person in the place, if they may use what does the same in chat."""
        asker = await self._rights.asker_in(visit, place)
        decision = await self._site.app.services.authorize(asker, COMMAND, place)
        if not decision.allowed:
            raise Denied(decision.reason)
        return asker

    @property
    def _chosen(self) -> ChosenSettings:
        if not isinstance(self._service, ChosenSettings):
            raise Failed(say("Settings cannot be changed here; whoever runs me sets them."))
        return self._service

    def _permitted(self, asker: Asker) -> PermittedSettings:
        return PermittedSettings(self._chosen, Permission(self._site.app.services.authorize, asker))

    async def _rows(self, asker: Asker) -> Sequence[SettingRow]:
        person = asker.author.key if _is_of(asker) else None
        effective = EffectiveSettings(self._config, self._chosen, self._preferences)
        rows = []
        for one in await effective.show(asker.conversation, person):
            kind, choices = self._form_of(one.name)
            scopes = await self._scopes(one.name, asker)
            clears = one.scope if one.source == "chosen" and one.scope in scopes else None
            rows.append(SettingRow(one, kind, choices, scopes, clears))
        return rows

    def _form_of(self, name: str) -> tuple[str, Sequence[str]]:
        """How a setting is chosen in a form, and among what."""
        if name == MODEL_CHOICE:
            return "select", self._site.app.services.models.names()
        if name == "knowledge_base":
            return "select", tuple(self._config.knowledge.bases)
        option = SETTING_OPTIONS.get(name)
        if option is not None and option.kind == "bool":
            return "select", ("yes", "no")
        if option is not None and option.kind == "int":
            return "number", (str(option.min_value or ""), str(option.max_value or ""))
        return "text" if option is None else "words", ()

    async def _scopes(self, name: str, asker: Asker) -> Sequence[Scope]:
        """The scopes for which somebody may choose a setting, the narrowest first."""
        place, permitted = asker.conversation, self._permitted(asker)
        held = place.scopes(asker.author.key if _is_of(asker) and not asker.direct else None)
        scopes = [scope for scope, _ in held if _has(place, scope)]
        if name not in PERSONAL_SETTINGS:
            scopes = [scope for scope in scopes if scope != "person"]
        return [scope for scope in scopes if await permitted.allows(name, scope)]

    # --- changing ---------------------------------------------------------------------------------

    async def _change(self, request: Request, visit: Visit) -> Response:
        form = form_of(request)
        place = parse_place(form.get("key", ""))
        asker = await self._asker(visit, place)
        name, scope = form.get("name", ""), form.get("scope", "")
        if scope not in get_args(Scope) or not _has(place, cast(Scope, scope)):
            raise UsageError(_UNNAMED)
        width, by = cast(Scope, scope), asker.author.key
        service = self._permitted(asker)
        subject = f"{name}: {place.scope(width, by)}"
        if form.get("do") == "clear":
            await self._require(name, width, asker)
            await self._site.changes.add(visit.asker.author.key, say("reset a setting"), subject)
            await service.clear(name, width, place, by)
        else:
            if not (given := form.get("value", "")).strip():
                raise UsageError(say("Give a value, or reset it."))
            value = await service.check(name, given, width, place)
            own_words = name == "persona" and (asker.direct or width == "person")
            told = subject if own_words else f"{subject} = {value}"
            await self._site.changes.add(visit.asker.author.key, say("set a setting"), told)
            await service.put(name, value, width, place, by)
        did = "clear" if form.get("do") == "clear" else "set"
        done = {"key": key_of(place), "done": did, "name": name, "scope": width}
        return go_to(f"{CONSOLE_PATH}/settings/place?{urlencode(done)}")

    async def _require(self, name: str, scope: Scope, asker: Asker) -> None:
        """Raise `NotFound` for a name that no setting has, and `Denied` where one may not."""
        if name not in self._chosen.names():
            raise NotFound(say("There is no such setting."))
        if not await self._permitted(asker).allows(name, scope):
            raise Denied(say("You may not change settings here."))

    def _done(self, request: Request) -> Mapping[str, str]:
        """What was just done, as the address says it: `name`, `scope`, and `done`, "set" or
        "clear"; empty if nothing was."""
        said = {key: request.query_params.get(key, "") for key in ("done", "name", "scope")}
        known = said["name"] in self._chosen.names() and said["scope"] in get_args(Scope)
        return said if known and said["done"] in ("set", "clear") else {}


def _is_of(asker: Asker) -> bool:
    """Whether somebody is of the platform of the place that they look at, so that they can have
    chosen something for themselves there."""
    return asker.author.platform == asker.conversation.platform


def _has(place: ConversationKey, scope: Scope) -> bool:
    """Whether a place has a scope: a workspace has no channel."""
    match scope:
        case "conversation":
            return place.thread is not None
        case "person" | "channel":
            return bool(place.channel)
        case "workspace":
            return bool(place.workspace)
        case "default":
            return True
