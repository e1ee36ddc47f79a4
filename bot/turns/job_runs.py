"""Runs jobs in the core: says a reminder once, or has the question of a schedule answered."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from bot.catalogue.sentence import say
from bot.commands.authorization import Authorize
from bot.commands.checks import Asker
from bot.errors import Failed, UserFacingError
from bot.events import Message
from bot.replies.protocol import Arrival, Replies, Sink
from bot.schedules.job import Job, Occurrence
from bot.schedules.scheduler import NotAllowed
from bot.schedules.service import ACTIONS
from bot.schedules.wording import heading_of
from bot.turns.admission import Admission
from bot.turns.announcement import Begin, announce
from bot.turns.intake import Intake
from bot.turns.platforms import Platforms
from bot.types import Author, Notice, Part, Text

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobRuns:
    """Implements `bot.schedules.scheduler.House`."""

    intake: Intake
    platforms: Platforms
    replies: Replies
    authorize: Authorize
    admission: Admission
    leads: Callable[[str], bool]
    """Whether it is this process that runs the jobs of a platform."""

    @property
    def connected(self) -> Collection[str]:
        return [name for name in self.platforms.connected if self.leads(name)]

    async def asker(self, job: Job) -> Asker | None:
        asker = await self.platforms.asker_now(job.person, job.place)
        if asker is None:
            return None
        action = ACTIONS[job.kind]
        if (words := await self.admission.refusal(asker, action)) is not None:
            raise NotAllowed(words)
        decision = await self.authorize(asker, action, job.place)
        if not decision.allowed:
            raise NotAllowed(decision.reason)
        return asker

    async def announce(self, one: Occurrence, asker: Asker, notice: str, begin: Begin) -> Arrival:
        sink = await self._open(one, asker.author if one.job.private else None)
        if sink is None:
            return "failed"
        job = one.job
        parts: list[Part] = [Text(job.text)]
        if notice:
            parts.append(Notice(notice, "footer"))
        return await announce(
            self.intake.dependencies,
            self.replies,
            sink,
            one.key,
            parts,
            since=one.posted_at,
            begin=begin,
            direct=job.private or job.direct,
            heading=heading_of(job),
            locale=await self.intake.dependencies.find_language(job.place, job.locale, job.text),
        )

    async def ask(self, one: Occurrence, asker: Asker, notice: str, begin: Begin) -> Arrival:
        """The event has the same id in every process: the core drops it where it was accepted
        before, and says of what a dead process left that it was interrupted."""
        job = one.job
        sink = await self._open(one, asker.author if job.private else None)
        if sink is None:
            return "failed"
        heading = heading_of(job) or say("On your schedule:")
        event = Message(
            f"job-{one.key}",
            job.place,
            asker.author,
            job.text,
            asker.direct,
            earlier=self.platforms.reader_of(job.place),
            occasion=say("{heading} {notice}", heading=heading, notice=notice)
            if notice
            else heading,
        )
        await begin()
        await self.intake.accept(event, sink)
        turn = self.intake.dependencies.open_turns.find_by_event(job.place.platform, event.id)
        if turn is not None:
            await turn.ended.wait()
        return "arrived"

    async def tell(self, job: Job, words: str) -> None:
        platform, _, ident = job.person.partition(":")
        person = Author(platform, ident, job.name, locale=job.locale)
        try:
            sink = await self.platforms.open_reply(job.place, person, turn=f"{job.id}-note")
        except UserFacingError as error:
            log.info("schedule.owner_not_told", job=job.id, reason=str(error))
            return
        dependencies = self.intake.dependencies
        locale = await dependencies.find_language(job.place, job.locale, job.text)
        reply = dependencies.begin_reply(sink, direct=True, locale=locale)
        reply.add(Notice(words))
        await reply.finish("complete")

    async def _open(self, one: Occurrence, audience: Author | None) -> Sink | None:
        """Begin the reply; None where another try may succeed. Raises `NotAllowed`."""
        try:
            return await self.platforms.open_reply(one.job.place, audience, turn=one.key)
        except Failed as error:
            log.info("schedule.platform_away", job=one.job.id, reason=str(error))
            return None
        except UserFacingError as error:
            raise NotAllowed(str(error)) from error
