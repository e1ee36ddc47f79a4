"""What people do with reminders and schedules: make them, list them, cancel them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.catalogue.sentence import say
from bot.commands.authorization import Authorize
from bot.commands.checks import Asker
from bot.errors import Busy, Denied, NotFound, Refused, UsageError, nearest
from bot.history.protocol import Preferences
from bot.schedules.job import Job, JobKind
from bot.schedules.jobs_store import Jobs
from bot.schedules.moments import PastTime, When, read_time
from bot.schedules.recurrence import shortest_gap, upcoming
from bot.schedules.request import NothingToSay, Request, split_request
from bot.schedules.time_phrase import NoTime
from bot.schedules.zones import load_zones, zone_named, zone_names
from bot.types import Author, ConversationKey

MAX_REMINDER_CHARACTERS: Final = 1000
SHOWN_TIMES: Final = 3
"""How many of the next times are shown when something is made that comes again."""
ACTIONS: Final[dict[JobKind, str]] = {"remind": "remind", "ask": "schedule"}
"""What somebody must be allowed to do in the place of a job, by its kind."""
_ZONE_CHOICE: Final = "time_zone"

NOT_UNDERSTOOD = say(
    "I do not understand when. Write it like “tomorrow at 9”, “in 20 minutes”, “on 3 April at "
    "10:00” or “every Friday at 17:00”."
)
NOTHING_TO_SAY = say("Say what it is about, too, as in “tomorrow at 9 to call Bob”.")
IS_OVER = say("That time is over, or more than five years away.")


@dataclass(frozen=True, slots=True)
class ScheduleLimits:
    """How much people may plan. `time_zone` is the one of whoever chose none; empty: that of the
    machine."""

    time_zone: str = ""
    per_person: int = 50
    per_place: int = 100
    shortest_minutes: int = 15


class Directory(Protocol):
    """What is asked of the platforms."""

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        """The person as they are now in a place; None if they are not there."""
        ...

    async def find_channel(self, near: ConversationKey, name: str) -> ConversationKey | None:
        """The channel with this name or id, in the workspace of a conversation."""
        ...

    async def check_writable(self, place: ConversationKey) -> None:
        """Raise a `UserFacingError` where the bot may not write."""
        ...

    async def time_zone_of(self, person: Author) -> str:
        """The time zone that a person has set on their platform; empty where it does not tell."""
        ...


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that was made, and when it is due next."""

    job: Job
    due: Sequence[datetime]


class Schedules:
    """The reminders and schedules of everybody. `clock` is that of the jobs unless it is given."""

    def __init__(
        self,
        jobs: Jobs,
        directory: Directory,
        preferences: Preferences,
        authorize: Authorize,
        limits: ScheduleLimits,
        *,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.jobs = jobs
        self._directory = directory
        self._preferences = preferences
        self._authorize = authorize
        self._limits = limits
        self._clock = clock or jobs.now
        self._machine_zone = ""

    # --- time zones -----------------------------------------------------------------------------

    async def zone_of(self, person: Author) -> str:
        """The time zone of a person: their choice, their platform's word, config.yaml's, the
        machine's."""
        chosen = await self._preferences.get(_ZONE_CHOICE, _scope_of(person))
        if chosen is not None:
            return chosen
        told = await self._directory.time_zone_of(person)
        if told and told in await asyncio.to_thread(zone_names):
            return told
        if self._limits.time_zone:
            return self._limits.time_zone
        if not self._machine_zone:
            self._machine_zone = await asyncio.to_thread(_find_machine_zone)
        return self._machine_zone

    async def choose_zone(self, person: Author, name: str) -> str:
        """Choose a time zone for a person; returns its name. Raises `UsageError`."""
        zones = await asyncio.to_thread(zone_names)
        by_name = {zone.lower(): zone for zone in zones}
        wanted = name.strip().replace(" ", "_").lower()
        found = by_name.get(wanted) or next(
            (zone for zone in sorted(zones) if zone.lower().endswith(f"/{wanted}")), None
        )
        if found is None:
            near = nearest(wanted, by_name)
            raise UsageError(
                say("There is no such time zone. Did you mean {zone}?", zone=by_name[near])
                if near
                else say("There is no such time zone; write it like Europe/Berlin.")
            )
        await self._preferences.put(_ZONE_CHOICE, _scope_of(person), found, person.key)
        return found

    # --- making ---------------------------------------------------------------------------------

    async def remind(self, request: str, asker: Asker) -> NewJob:
        """Make a reminder of a request such as "me tomorrow at 9 to call Bob". Raises a
        `UserFacingError`."""
        return await self._make("remind", await self._split(request, asker), asker)

    async def schedule(self, request: str, asker: Asker) -> NewJob:
        """Have a question answered again and again, as by "every Friday at 17:00: the news".
        Raises a `UserFacingError`."""
        split = await self._split(request, asker, whom="here")
        if split.text.startswith("/"):
            raise Refused(say("Write in words what you want to know; I run no commands by myself."))
        if split.whom == "me" and not asker.direct:  # what is said in a channel is for all of it
            raise Refused(say("Plan that in a direct message with me, and I answer you there."))
        return await self._make("ask", split, asker)

    async def make(self, kind: JobKind, whom: str, text: str, when: str, asker: Asker) -> NewJob:
        """Make a job of its parts; `whom` is "me", "here", or a channel. Raises a
        `UserFacingError`."""
        zone = await self.zone_of(asker.author)
        try:
            found = await asyncio.to_thread(read_time, when, self._clock(), zone)
        except NoTime as error:
            raise UsageError(NOT_UNDERSTOOD) from error
        except PastTime as error:
            raise UsageError(IS_OVER) from error
        return await self._make(kind, Request(whom, text.strip(), found), asker)

    async def _split(self, request: str, asker: Asker, whom: str = "me") -> Request:
        zone = await self.zone_of(asker.author)
        try:
            return await asyncio.to_thread(split_request, request, self._clock(), zone, whom)
        except NothingToSay as error:
            raise UsageError(NOTHING_TO_SAY) from error
        except NoTime as error:
            raise UsageError(NOT_UNDERSTOOD) from error
        except PastTime as error:
            raise UsageError(IS_OVER) from error

    async def _make(self, kind: JobKind, request: Request, asker: Asker) -> NewJob:
        if len(request.text) > MAX_REMINDER_CHARACTERS:
            most = MAX_REMINDER_CHARACTERS
            raise Refused(say("That is too long: at most {number} characters.", number=most))
        zone = await self.zone_of(asker.author)
        place, there = await self._place(kind, request.whom, asker)
        times = await asyncio.to_thread(self._times, request.when, zone)
        now = self._clock()
        job = Job(
            id=secrets.token_hex(4),
            person=asker.author.key,
            name=asker.author.name,
            place=place,
            kind=kind,
            text=request.text,
            zone=zone,
            next_at=request.when.at,
            made_at=now,
            cron=request.when.cron,
            private=request.whom == "me",
            direct=there.direct,
            locale=asker.author.locale,
        )
        limits = self._limits
        added = await self.jobs.add(job, of_person=limits.per_person, in_place=limits.per_place)
        if not added:
            raise Busy(
                3600, say("That would be too many, of yours or here; /schedule list shows yours.")
            )
        return NewJob(job, times)

    async def _place(self, kind: JobKind, whom: str, asker: Asker) -> tuple[ConversationKey, Asker]:
        """Where it is said, and the asker there. Raises a `UserFacingError` if that cannot be."""
        place = asker.conversation
        if whom.startswith("#"):
            found = await self._directory.find_channel(place, whom[1:])
            if found is None:
                raise NotFound(say("I know no channel {name} that I am in.", name=whom[:60]))
            place = found
        there = await self._directory.asker_now(asker.author.key, place)
        if there is None:
            raise Denied(
                say("You are not in that channel, or I cannot check it.")
                if place != asker.conversation
                else say("I cannot check here who you are; ask me in a channel that I am in.")
            )
        decision = await self._authorize(there, ACTIONS[kind], place)
        if not decision.allowed:
            raise Denied(decision.reason)
        if whom != "me":
            await self._directory.check_writable(place)
        return place, there

    def _times(self, when: When, zone: str) -> Sequence[datetime]:
        """The next times. Raises `UsageError` for a line that is due too often. Blocks."""
        if not when.cron:
            return [when.at]
        shortest = timedelta(minutes=self._limits.shortest_minutes)
        gap = shortest_gap(when.cron, zone, self._clock())
        if gap is not None and gap < shortest:
            raise UsageError(
                say(
                    "That would be too often: at most every {number} minutes.",
                    number=self._limits.shortest_minutes,
                )
            )
        return upcoming(when.cron, zone, self._clock(), SHOWN_TIMES)

    # --- what there is --------------------------------------------------------------------------

    async def of_person(self, person: Author) -> Sequence[Job]:
        """Return a person's jobs, the next first."""
        found = await self.jobs.of_person(person.key)
        await load_zones(job.zone for job in found)
        return found

    async def cancel(self, job: str, asker: Asker) -> Job:
        """End a job of one's own; an admin may end anybody's. Raises `NotFound`."""
        found = await self.jobs.cancel(job.strip(), None if asker.admin else asker.author.key)
        if found is None:
            raise NotFound(
                say("You have nothing of that name; /schedule list shows what you have.")
            )
        return found


def _scope_of(person: Author) -> str:
    """A person's own scope, in whatever place."""
    return str(ConversationKey(person.platform, "", "", user=person.id))


def _find_machine_zone() -> str:
    import tzlocal

    try:
        name = str(tzlocal.get_localzone_name())
        zone_named(name)
    except Exception:  # noqa: BLE001  # whatever a machine's settings lead to
        return "UTC"
    return name
