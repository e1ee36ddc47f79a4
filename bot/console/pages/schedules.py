"""Reminders and schedules: one's own, and for admins those that speak in channels."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.catalogue.sentence import say
from bot.console.site import CONSOLE_PATH, Site, go_to
from bot.console.visit import Visit
from bot.errors import Denied, NotFound
from bot.schedules.job import Job
from bot.schedules.recurrence import upcoming
from bot.schedules.recurrence_words import recurrence_words
from bot.schedules.service import Schedules
from bot.schedules.wording import time_words
from bot.schedules.zones import load_zones

COMMAND: Final = "schedule"
SHOWN_TIMES: Final = 3
_NO_JOB: Final = say("There is no reminder or schedule of that name that you may see.")


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as it is shown: `times` are when it is due next, each with its words by the clocks of
    the reader. Who may not read its text is shown none."""

    job: Job
    own: bool
    again: str
    times: Sequence[tuple[datetime, str]]
    text: str | None = field(default=None, repr=False)


class ScheduleParts:
    """Lists jobs, and ends them as `/schedule cancel` does."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._service = site.app.services.schedules

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of what is done here; what shows a page is in `bot.console.pages.agents`."""
        return [
            self._site.route("/agents/schedules/{job}/cancel", self._cancel, method="POST"),
        ]

    async def find(self, visit: Visit, revealed: Collection[str] = ()) -> Sequence[JobRow]:
        """What is shown to somebody, their own first; of others the texts of those `revealed`."""
        if (service := self._service) is None:
            return ()
        author = visit.asker.author
        own = await service.of_person(author)
        others = await service.jobs.in_channels(author.key) if visit.asker.admin else ()
        if not (jobs := [*own, *others]):
            return ()
        zone = await service.zone_of(author)
        await load_zones([zone, *(job.zone for job in others)])
        times = await asyncio.to_thread(lambda: [_next_times(job) for job in jobs])
        return [
            JobRow(
                job,
                job.person == author.key,
                str(recurrence_words(job.cron)) if job.cron else "",
                [(at, str(time_words(at, zone))) for at in due],
                job.text if job.person == author.key or job.id in revealed else None,
            )
            for job, due in zip(jobs, times, strict=True)
        ]

    async def reveal(self, ident: str, visit: Visit) -> str:
        """Write down that somebody reads the text of another's job; returns its id. Raises
        `NotFound`."""
        _, job = await self._find(ident, visit)
        await self._site.changes.add(visit.asker.author.key, say("read a schedule"), job.id)
        return job.id

    async def _cancel(self, request: Request, visit: Visit) -> Response:
        service, job = await self._find(request.path_params["job"], visit)
        asker = visit.asker
        decision = await self._site.app.services.authorize(asker, COMMAND, asker.conversation)
        if not decision.allowed:
            raise Denied(decision.reason)
        await self._site.changes.add(asker.author.key, say("cancelled a schedule"), job.id)
        await service.cancel(job.id, asker)
        return go_to(f"{CONSOLE_PATH}/agents")

    async def _find(self, ident: str, visit: Visit) -> tuple[Schedules, Job]:
        """A job that somebody may see: their own; an admin one that speaks in a channel. Raises
        `NotFound`."""
        job = await self._service.jobs.get(ident) if self._service is not None else None
        if self._service is None or job is None:
            raise NotFound(_NO_JOB)
        in_channel = not job.private and not job.direct
        if job.person == visit.asker.author.key or (visit.asker.admin and in_channel):
            return self._service, job
        raise NotFound(_NO_JOB)


def _next_times(job: Job) -> Sequence[datetime]:
    """When a job is due next. Blocks."""
    if job.next_at is None:
        return ()
    if not job.cron:
        return (job.next_at,)
    later = upcoming(job.cron, job.zone, max(job.next_at, datetime.now(UTC)), SHOWN_TIMES - 1)
    return (job.next_at, *later)
