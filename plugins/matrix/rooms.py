"""The rooms of an account: who is in them, with which power, and which are direct."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from bot.api import Asker, Author, ConversationKey, EditBudget, LookupCache, say
from plugins.matrix.batch import Room
from plugins.matrix.errors import MATRIX_FAILURES, MatrixError
from plugins.matrix.events import server_of
from plugins.matrix.homeserver import Homeserver, Json, path_of
from plugins.matrix.settings import PLATFORM, MatrixTiming

_log = structlog.get_logger(__name__)

_DIRECT_ROOMS = "m.direct"
_OLDER_VERSIONS = frozenset(map(str, range(1, 12)))
"""Versions of rooms whose creators have no power beyond the levels."""
_CHANNELS_REUSE_S = 60.0
_MAX_LOOKUPS = 10
"""Rooms that are asked about at the same time."""


class Rooms:
    """What is known of the rooms of the account `user`. What cannot be looked up is a no."""

    def __init__(self, homeserver: Homeserver, user: str, timing: MatrixTiming) -> None:
        self._homeserver = homeserver
        self._user = user
        self._timing = timing
        self._rooms: dict[str, Room] = {}
        self._direct: dict[str, list[str]] = {}
        self._opened: dict[str, str] = {}
        """Direct rooms that were made and are not told of yet, by person."""
        self._opening = asyncio.Lock()
        self._members: LookupCache[str, Mapping[str, str]] = LookupCache(homeserver.members)
        self._powers: LookupCache[str, Powers] = LookupCache(self._fetch_powers)

    async def load(self) -> None:
        """Read which rooms are direct. Raises one of `MATRIX_FAILURES`."""
        found = await self._homeserver.account_data(self._user, _DIRECT_ROOMS)
        self._direct = {
            user: [str(room) for room in rooms]
            for user, rooms in found.items()
            if isinstance(rooms, list)
        }

    def update(self, rooms: Sequence[Room], left: Sequence[str]) -> None:
        """Take note of what has changed."""
        for told in rooms:
            known = self._rooms.get(told.id)
            counted = known.people if known is not None and told.people is None else told.people
            self._rooms[told.id] = replace(told, people=counted)
        for id_ in left:
            self._rooms.pop(id_, None)
        known_now = {told.id for told in rooms} | set(left)
        self._opened = {who: id_ for who, id_ in self._opened.items() if id_ not in known_now}

    async def count_people(self) -> None:
        """Ask how many people are in those rooms with a person alone of which it is not known, as a
        homeserver tells it only when it changes. A room of which it does not tell is asked about
        again at the next call. Raises an `OSError` where there is no answer."""
        marked = {room for rooms in self._direct.values() for room in rooms}
        known = [self._rooms[id_] for id_ in marked if id_ in self._rooms]
        turns = asyncio.Semaphore(_MAX_LOOKUPS)

        async def count(room: Room) -> None:
            try:
                async with turns:
                    people = await self._homeserver.count_people(room.id)
                self._rooms[room.id] = replace(room, people=people)
            except MatrixError as exc:
                _log.info("matrix.people_not_counted", room=room.id, error=str(exc)[:200])

        await asyncio.gather(*(count(room) for room in known if room.people is None))

    # --- what is known --------------------------------------------------------------------------

    def __contains__(self, room: object) -> bool:
        return room in self._rooms

    def is_encrypted(self, room: str) -> bool:
        """Whether what is said in a room is encrypted."""
        known = self._rooms.get(room)
        return known is not None and known.encrypted

    def is_direct(self, room: str) -> bool:
        """Whether a room is the bot's with one person alone."""
        known = self._rooms.get(room)
        marked = any(room in rooms for rooms in self._direct.values())
        return marked and known is not None and known.people in {1, 2}

    def direct_with(self, person: str) -> str | None:
        """The room that the bot has with a person alone, if there is one."""
        rooms = (self._rooms.get(room) for room in reversed(self._direct.get(person, ())))
        return next((room.id for room in rooms if room is not None and room.people == 2), None)

    def find(self, name: str) -> str | None:
        """A room by its name or id."""
        known = self._rooms.values()
        return next((room.id for room in known if name in {room.id, room.name}), None)

    def name_of(self, room: str) -> str:
        """What a room is called; its id where that is not known."""
        known = self._rooms.get(room)
        return (known.name if known is not None else "") or room

    def key(self, room: str, thread: str | None = None) -> ConversationKey:
        """The conversation in a room or thread."""
        return ConversationKey(PLATFORM, server_of(self._user), room, thread)

    # --- direct rooms ---------------------------------------------------------------------------

    async def mark_direct(self, person: str, room: str) -> None:
        """Keep with the account that a room is direct. Raises one of `MATRIX_FAILURES`."""
        rooms = self._direct.setdefault(person, [])
        if room not in rooms:
            rooms.append(room)
            path = path_of("user", self._user, "account_data", _DIRECT_ROOMS)
            await self._homeserver.call("PUT", path, self._direct)

    async def open_direct(self, person: str, budget: EditBudget) -> str:
        """The direct room with a person, made if there is none, which counts as an event. Raises
        one of `MATRIX_FAILURES`."""
        async with self._opening:
            room = self.direct_with(person) or self._opened.get(person)
            if room is None:
                await budget.end()
                room = self._opened[person] = await self._make_direct(person)
            return room

    async def _make_direct(self, person: str) -> str:
        encryption = {
            "type": "m.room.encryption",
            "state_key": "",
            "content": {"algorithm": "m.megolm.v1.aes-sha2"},
        }
        made = await self._homeserver.call(
            "POST",
            path_of("createRoom"),
            {
                "preset": "trusted_private_chat",
                "is_direct": True,
                "invite": [person],
                "initial_state": [encryption],
            },
        )
        room = str(made["room_id"])
        await self.mark_direct(person, room)
        return room

    # --- people ---------------------------------------------------------------------------------

    async def members(self, room: str, max_age_s: float | None = None) -> Mapping[str, str]:
        """The display names of a room's people, by their ids. Raises one of `MATRIX_FAILURES`."""
        age = self._timing.lookup_reuse if max_age_s is None else max_age_s
        return await self._members.get(room, age)

    async def asker_now(
        self, person: str, place: ConversationKey, named: Collection[str]
    ) -> Asker | None:
        """A person as they are now in a room; None if they are not in it, or nobody can tell."""
        try:
            async with asyncio.timeout(self._timing.lookup):
                people = await self.members(place.channel)
                if person not in people:
                    return None
                direct = self.is_direct(place.channel) and len(people) <= 2
                return Asker(await self.author(person, people[person], named), place, direct)
        except MATRIX_FAILURES as exc:
            _log.info("matrix.asker_lookup_failed", place=str(place), error=str(exc)[:200])
            return None

    async def author(self, person: str, name: str, named: Collection[str]) -> Author:
        """A person with those of the `named` roles that they have."""
        roles = await asyncio.gather(*(self._has_role(person, role) for role in named))
        held = frozenset(role for role, has in zip(named, roles, strict=True) if has)
        return Author(PLATFORM, person, name, held)

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        """Those of the rooms, as config.yaml writes them, that a person is in; the homeserver
        counts if it is theirs."""
        asked = {self.key(room).scope("channel"): room for room in self._rooms}
        found: set[str] = set()
        if server_of(person) == server_of(self._user):
            found.add(self.key("").scope("workspace"))
        try:
            async with asyncio.timeout(self._timing.lookup):
                for key in set(channels) & set(asked):
                    if person in await self.members(asked[key], _CHANNELS_REUSE_S):
                        found.add(key)
        except MATRIX_FAILURES as exc:
            _log.info("matrix.channel_lookup_failed", error=str(exc)[:200])
        return frozenset(found.intersection(channels))

    # --- roles ----------------------------------------------------------------------------------

    def role_problem(self, roles: Collection[str]) -> str | None:
        """Why a rule that names these roles could not work here; None if it can."""
        for role in roles:
            if (parsed := parse_role(role)) is None:
                return say(
                    "Write a role as a room and a power level, such as !room:example.org/50."
                )
            if parsed[0] not in self._rooms:
                return say("I am not in the room {room}.", room=parsed[0])
        return None

    async def _has_role(self, person: str, role: str) -> bool:
        """Whether a person is in a role's room, with its power level or more."""
        parsed = parse_role(role)
        if parsed is None or parsed[0] not in self._rooms:
            return False
        room, level = parsed
        try:
            async with asyncio.timeout(self._timing.lookup):
                people, powers = await asyncio.gather(
                    self.members(room), self._powers.get(room, self._timing.lookup_reuse)
                )
        except MATRIX_FAILURES as exc:
            _log.info("matrix.role_lookup_failed", error=str(exc)[:200])
            return False
        return person in people and powers.of(person) >= level

    async def _fetch_powers(self, room: str) -> Powers:
        created, levels = await asyncio.gather(
            self._homeserver.state_event(room, "m.room.create"),
            self._homeserver.state_event(room, "m.room.power_levels"),
        )
        return Powers(created, levels)


def parse_role(role: str) -> tuple[str, int] | None:
    """The room and the power level that a role stands for: `!room:example.org/50`."""
    room, _, level = role.rpartition("/")
    return (room, int(level)) if room.startswith("!") and level.isdecimal() else None


class Powers:
    """The power levels of a room, from the events that set them.

    In rooms of version 12 and later the creators stand above all levels, and in none of them.
    """

    def __init__(self, created: Json, levels: Json | None) -> None:
        content = created.get("content") or {}
        version = str(content.get("room_version", "1"))
        creator = str(created.get("sender") or "")
        more = content.get("additional_creators")
        self._above: frozenset[str] = frozenset()
        if version not in _OLDER_VERSIONS:
            self._above = frozenset({creator, *(map(str, more) if isinstance(more, list) else ())})
        said: Any = (levels or {}).get("content")
        self._users: Json = said.get("users") or {} if said else {creator: 100}
        self._default = _level(said.get("users_default", 0)) if said else 0

    def of(self, person: str) -> float:
        """The power level of a person; infinite for who stands above the levels."""
        if person in self._above:
            return math.inf
        return _level(self._users[person]) if person in self._users else self._default


def _level(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
