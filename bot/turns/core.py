"""The core that adapters talk to."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from bot.adapters.protocol import Adapter, Question
from bot.commands.checks import Asker
from bot.commands.declaration import Command, Completion, Option
from bot.errors import Failed, UserFacingError
from bot.events import ActionCall, Event
from bot.processes.crew import Crew
from bot.processes.received_events import ReceivedEvents
from bot.replies.delivery import Delivery
from bot.replies.protocol import Arrival, Replies, Sink
from bot.schedules.scheduler import Scheduler
from bot.settings.values import ChannelSettings
from bot.skills.permitted_services import permit
from bot.skills.services import Services
from bot.turns.announcement import Begin, announce
from bot.turns.choices_elsewhere import ChoicesElsewhere
from bot.turns.intake import Intake
from bot.turns.introduction import introduction
from bot.turns.job_runs import JobRuns
from bot.turns.open_turns import OpenTurns
from bot.turns.platforms import Platforms
from bot.turns.policy import Policy
from bot.turns.router import Router
from bot.turns.turn import unless_cancelled
from bot.turns.untold_calls import tell_untold_calls
from bot.turns.waiting_cards import WaitingCards
from bot.types import Author, ConversationKey, Scope, Text

log = structlog.get_logger(__name__)

MAX_SUGGESTIONS = 25
_COMPLETION_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Core:
    """Implements `bot.adapters.protocol.Core`. `bot.turns.assembly` builds it; must be ended with
    `close`."""

    intake: Intake
    open_turns: OpenTurns
    router: Router
    replies: Replies
    policy: Policy = field(repr=False)
    services: Services = field(repr=False)
    platforms: Platforms
    crew: Crew
    choices: ChoicesElsewhere
    received: ReceivedEvents | None = None

    @property
    def commands(self) -> Sequence[Command]:
        """Every command that somebody somewhere may use; where two share a name, only the first."""
        return [c for c in self.router.commands if not self.policy.is_off(c.name)]

    def connect(self, adapter: Adapter) -> AbstractContextManager[None]:
        """Register an adapter under its name, for the duration of a `with` block."""
        return self.platforms.connect(adapter)

    async def named_roles(self, platform: str) -> frozenset[str]:
        """The ids of the roles and groups of this platform that any rule names."""
        return await self.policy.named_roles(platform)

    def answers_in_place(self, text: str, *, files: bool = False) -> bool:
        """Whether a message with this text is answered where it stands, without a thread."""
        return self.router.answers_in_place(text, files=files)

    async def accept(self, event: Event, sink: Sink) -> None:
        """Accept an event; the reply is written to `sink`."""
        await self.intake.accept(event, sink)

    async def question(self, platform: str, event: str) -> Question | None:
        """Find the question of an event, also from before a restart; None if there is none or it
        has no answer."""
        if (turn := self.open_turns.find_by_event(platform, event)) is not None:
            asked = turn.event
            return Question(event, turn.id, asked.text or "", asked.conversation, asked.author)
        question = await self.services.history.by_event(platform, event)
        answer = (
            await self.services.history.answer_to(question.id) if question is not None else None
        )
        if question is None or answer is None:
            away = await self.open_turns.elsewhere.asked_by_event(platform, event)
            if away is None:
                return None
            return Question(event, away.turn, away.text, away.place, away.author)
        key = ConversationKey.parse(question.conversation)
        home, _, ident = question.author.partition(":")
        author = Author(home, ident, question.author_name)
        cut_off = answer.status == "interrupted"
        return Question(event, answer.id, question.text, key, author, cut_off)

    async def find_language(
        self, conversation: ConversationKey, person: str | None = None, *, answer: str = ""
    ) -> str | None:
        """The language of what is no part of a reply: that of the place, of the person (a locale),
        or of the question that a turn has answered. Where that cannot be read, it is another."""
        asked = ""
        try:
            asked = await self._text_asked(answer) if answer else ""
        except Exception as error:  # noqa: BLE001 - of a store; what is said matters more
            log.warning("turn.question_unknown", turn=answer, error=str(error))
        return await self.intake.dependencies.find_language(conversation, person, asked)

    async def _text_asked(self, answer: str) -> str:
        """The text of the question of an answer; empty where there is none."""
        history = self.services.history
        stored = await history.get(answer)
        question = await history.get(stored.answers) if stored and stored.answers else None
        return question.text if question is not None else ""

    async def channel_settings(self, conversation: ConversationKey) -> ChannelSettings:
        """The settings in effect in a conversation, without what people chose for themselves."""
        return await self.policy.channel_settings(conversation, None)

    async def commands_for(
        self, author: Author, conversation: ConversationKey, *, direct: bool = False
    ) -> Sequence[Command]:
        """The commands that this person may use in this conversation."""
        asker = self._asker(author, conversation, direct)
        authorize = self.services.authorize
        return [
            command
            for command in self.commands
            if self.policy.admission.admits(asker, command.name)
            and (await authorize(asker, command.name, conversation)).allowed
        ]

    async def may_use(
        self, command: str, author: Author, conversation: ConversationKey, *, direct: bool = False
    ) -> bool:
        """Whether this person may use the command in this conversation. False for a command that
        does not exist."""
        if all(known.name != command for known in self.commands):
            return False
        asker = self._asker(author, conversation, direct)
        if not self.policy.admission.admits(asker, command):
            return False
        return (await self.services.authorize(asker, command, conversation)).allowed

    def admits(
        self, author: Author, conversation: ConversationKey, action: str = "message"
    ) -> bool:
        """Whether a message or command of this person would be answered here at all."""
        direct = conversation.workspace == "@dm"
        return self.policy.admission.admits(self._asker(author, conversation, direct), action)

    async def inquiry_form(self, name: str, person: str | None = None) -> Command | None:
        """The form of an open inquiry; with `person`, only if it is they who are asked."""
        return await self.intake.inquiries.form(name, person)

    async def complete(
        self,
        command: str,
        option: str,
        prefix: str,
        author: Author,
        conversation: ConversationKey,
        *,
        direct: bool = False,
    ) -> Sequence[str]:
        """Suggest up to 25 values for an option that start with `prefix`; none for a person who may
        not use the command."""
        found = next((c for c in self.commands if c.name == command), None)
        option_found = found.option(option) if found is not None else None
        if option_found is None:
            return ()
        if not await self.may_use(command, author, conversation, direct=direct):
            return ()
        asker = self._asker(author, conversation, direct)
        services = permit(self.services, asker)
        completion = Completion(prefix, author, conversation, services, direct, asker.admin)
        return (await _suggest(option_found, completion))[:MAX_SUGGESTIONS]

    async def choose(self, call: ActionCall, asker: Asker) -> None:
        """Make a choice for a turn that waits, as a press of its button does, from outside of its
        chat, such as in the console. `asker` is the person in the conversation of the turn. Raises
        a `UserFacingError`."""
        await self.choices.choose(call, asker)

    async def resume_turns(self) -> None:
        """Resume suspended turns as their time comes, until cancelled."""
        await self.intake.resumer.watch()

    async def take_over(self) -> None:
        """Do what is left to the process that leads a platform; this one may have begun to."""
        self.platforms.tell_watchers()
        await self.tell_untold_calls()
        await self.show_waiting_cards()

    async def show_waiting_cards(self) -> None:
        """Show the cards again that a dead process stored and may not have shown; ends when all
        stand there."""
        dependencies = self.intake.dependencies
        if (waiting := dependencies.suspensions) is not None:
            cards = WaitingCards(
                waiting, self.replies, self.platforms, dependencies.redact, self.crew.leads
            )
            await cards.show_again()

    async def handle_received(self) -> None:
        """Handle the events that are given to this process, until cancelled."""
        if self.received is not None:
            self.platforms.watch(self.received.look_again)
            await self.received.run()

    async def run_jobs(self) -> None:
        """Run reminders and schedules as they become due, until cancelled."""
        if self.services.schedules is None:
            return
        jobs = self.services.schedules.jobs
        self.platforms.watch(jobs.changed.set)
        await Scheduler(jobs, self.job_runs, clock=jobs.now).run()

    @property
    def job_runs(self) -> JobRuns:
        """What runs a job that is due."""
        return JobRuns(
            self.intake,
            self.platforms,
            self.replies,
            self.services.authorize,
            self.policy.admission,
            self.crew.leads,
        )

    async def tell_untold_calls(self) -> None:
        """Tell people what a dead process may have done for them or not; ends when all know."""
        if (calls := self.services.calls) is not None:
            await tell_untold_calls(calls, self.open_reply, self.platforms.written, self.crew.leads)

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None = None
    ) -> Delivery:
        """Begin a reply that no event asked for, in a conversation or for one person alone.

        Add parts to it with `add`, and end it with `finish`. Raises `Refused` if the platform is
        not connected or the bot may not write there, and `NotFound` if the place is gone.
        """
        turn = uuid.uuid4().hex
        sink = await self.platforms.open_reply(conversation, audience, turn=turn)
        made = self.intake.dependencies
        person = audience.locale if audience is not None else None
        locale = await made.find_language(conversation, person)
        return made.begin_reply(sink, turn, locale=locale)

    async def announce(
        self,
        conversation: ConversationKey,
        text: str,
        key: str,
        *,
        since: datetime | None,
        begin: Begin,
    ) -> Arrival:
        """Say something to everybody in a place, once, as `announce` of `bot.turns.announcement`
        does. Raises `UserFacingError` where the bot may not write."""
        platform = conversation.platform
        if platform not in self.platforms.connected or not self.crew.leads(platform):
            return "failed"
        try:
            sink = await self.platforms.open_reply(conversation, None, turn=key)
        except Failed:
            return "failed"
        made = self.intake.dependencies
        parts, locale = [Text(text)], await made.find_language(conversation)
        return await announce(
            made, self.replies, sink, key, parts, since=since, begin=begin, locale=locale
        )

    async def introduce(self, conversation: ConversationKey, once_per: Scope) -> None:
        """Say how to ask, in a conversation to which the bot was invited; once in that scope, also
        over restarts."""
        places, platform = self.services.places, conversation.platform
        if places is None or not self.admits(Author(platform, "", ""), conversation):
            return
        if not await places.introduce_once(conversation.scope(once_per)):
            return
        try:
            reply = await self.open_reply(conversation)
        except UserFacingError as error:
            log.info("place.not_introduced", place=str(conversation), reason=str(error))
            return
        has_help = any(command.name == "help" for command in self.commands)
        help_call = self.platforms.written(platform, "/help") if has_help else ""
        reply.add(Text(introduction(help_call)))
        await reply.finish("complete")

    async def drain(self, within_s: float) -> None:
        """Take nothing new and begin nothing, and wait until every accepted turn has ended, at most
        `within_s` seconds. `close` must follow."""
        self.platforms.drain()
        if self.received is not None:
            self.received.stop_taking()
        await self.intake.drain(within_s)

    async def close(self, within_s: float = 1.5) -> None:
        """Stop all turns, store what was written, and end every reply, within about `within_s`
        seconds."""
        await self.intake.close(within_s)

    def _asker(self, author: Author, conversation: ConversationKey, direct: bool) -> Asker:
        return Asker(author, conversation, direct, self.policy.is_admin(author))


async def _suggest(option: Option, completion: Completion) -> Sequence[str]:
    if option.choices:
        return [choice for choice in option.choices if choice.startswith(completion.prefix)]
    if option.complete is None:
        return ()
    try:
        async with asyncio.timeout(_COMPLETION_TIMEOUT_S):
            return list(await unless_cancelled(option.complete(completion)))
    except (Exception, SystemExit):  # one that fails is no suggestion; a plugin wrote it
        log.warning("command.completion_failed", option=option.name, exc_info=True)
        return ()
