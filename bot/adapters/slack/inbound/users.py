"""Looks up people's names, languages and user groups, with a cache."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from backends.lru import LruDict
from bot.adapters.lookup_cache import LookupCache
from bot.adapters.slack.inbound.user_groups import UserGroups
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.types import Author

_log = structlog.get_logger(__name__)

PLATFORM = "slack"
_MAX_CACHED_USERS = 5000
_CACHE_S = 3600.0
_RETRY_S = 60.0
_FORBIDDEN_RETRY_S = 600.0
_MAX_PARALLEL_LOOKUPS = 8
_MAX_NAMES = 50


@dataclass(frozen=True, slots=True)
class User:
    """A person as far as they could be looked up; cached until `until` (monotonic seconds).

    `active` is False for somebody whose account was deactivated.
    """

    id: str
    name: str
    locale: str | None
    until: float
    active: bool = True
    zone: str = ""
    """The time zone of their profile, such as `Europe/Berlin`."""


class UserDirectory:
    """Looks people up. If a lookup fails or takes too long, the id serves as the name.

    `groups` knows who is in which user group; without it nobody is in one.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        groups: UserGroups | None = None,
        *,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._groups = groups
        self._clock = clock
        self._present: LookupCache[str, User] = LookupCache(self._fetch, clock=clock)
        self._cached: LruDict[str, User] = LruDict(_MAX_CACHED_USERS)
        self._closed_until = 0.0

    async def author(self, user: str, name: str = "") -> Author:
        """The author of an event; `name` from the event is used if the lookup fails."""
        person = await self._person(user)
        shown = name if name and person.name == user else person.name
        return Author(PLATFORM, user, shown, await self._groups_of(user), locale=person.locale)

    async def present_author(self, user: str, max_age_s: float) -> Author | None:
        """Somebody as they are now, or were `max_age_s` seconds ago; None if their account was
        deactivated. Raises one of `FAILURES`."""
        person = await self._present.get(user, max_age_s)
        if not person.active:
            return None
        groups = await self._groups_of(user)
        return Author(PLATFORM, user, person.name, groups, locale=person.locale)

    async def time_zone(self, user: str) -> str:
        """The time zone of a person's profile; empty if it cannot be looked up."""
        return (await self._person(user)).zone

    async def _groups_of(self, user: str) -> frozenset[str]:
        return await self._groups.groups_of(user) if self._groups is not None else frozenset()

    async def names(self, users: Iterable[str]) -> dict[str, str]:
        """Display names by id, of the first 50."""
        wanted = list(dict.fromkeys(users))[:_MAX_NAMES]
        places = asyncio.Semaphore(_MAX_PARALLEL_LOOKUPS)

        async def one(user: str) -> User:
            async with places:
                return await self._person(user)

        return {p.id: p.name for p in await asyncio.gather(*(one(user) for user in wanted))}

    async def _person(self, user: str) -> User:
        known = self._cached.get(user)
        if known is not None and known.until > self._clock():
            return known
        person = await self._look_up(user) or User(
            user,
            known.name if known else user,
            known.locale if known else None,
            self._clock() + _RETRY_S,
        )
        self._cached[user] = person
        return person

    async def _look_up(self, user: str) -> User | None:
        if self._clock() < self._closed_until:
            return None
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._fetch(user)
        except FAILURES as exc:
            if error_of(exc) == "missing_scope":
                self._closed_until = self._clock() + _FORBIDDEN_RETRY_S
            _log.info("slack.user_lookup_failed", error=error_of(exc))
            return None

    async def _fetch(self, user: str) -> User:
        answer = await self._client.users_info(user=user, include_locale=True)
        found = answer.get("user") or {}
        profile = found.get("profile") or {}
        names = (profile.get("display_name"), profile.get("real_name"), found.get("real_name"))
        name = next((n for n in (*names, found.get("name")) if n), user)
        locale = str(found.get("locale") or "") or None
        active = not found.get("deleted", False)
        zone = str(found.get("tz") or "")
        return User(user, str(name), locale, self._clock() + _CACHE_S, active, zone)
