"""Keeps track of the turns that are open, and stops them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import structlog

from bot.commands.authorization import Authorize, Authorizer
from bot.commands.checks import Asker
from bot.processes.crew import Crew
from bot.turns.private_replies import PrivateReplies
from bot.turns.turn import Turn
from bot.turns.turns_elsewhere import END_TIMEOUT_S, TurnsElsewhere
from bot.types import Author, ConversationKey

log = structlog.get_logger(__name__)

_ALL = ""
"""Stands for all turns among the keys of persons and channels."""


class OpenTurns:
    """All open turns; skills reach it as `ctx.services.turns`. `authorize` decides who may stop
    which; by default the person who asked, and admins. `crew` are the processes that run turns;
    without it this one is alone.

    Quick commands are included, but they do not count towards any limit and are never stopped:
    /stop is one of them.
    """

    def __init__(self, authorize: Authorize | None = None, crew: Crew | None = None) -> None:
        self._authorize = authorize or Authorizer()
        self._open: dict[str, Turn] = {}
        self._events: dict[tuple[str, str], Turn] = {}
        """Also turns whose reply is still on its way."""
        self._counts: Counter[str] = Counter()
        self._unended: set[Turn] = set()
        self.private_replies = PrivateReplies()
        """Replies of turns that have ended, which can still be shared."""
        self.elsewhere = TurnsElsewhere(crew or Crew(), self)

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Turn]:
        return iter(tuple(self._open.values()))

    def add(self, turn: Turn) -> None:
        """Add a turn that was accepted."""
        self._open[turn.id] = turn
        self._unended.add(turn)
        self._events.setdefault(_event_key(turn), turn)
        self._counts.update(_count_keys(turn))

    def remove(self, turn: Turn) -> None:
        """Remove a turn whose work ended; its reply may still be on its way."""
        if self._open.pop(turn.id, None) is None:
            return
        for key in _count_keys(turn):
            self._counts[key] -= 1
            if not self._counts[key]:
                del self._counts[key]

    def end(self, turn: Turn) -> None:
        """Mark a turn as ended: nothing more of it is stored or sent."""
        self.remove(turn)
        self._unended.discard(turn)
        if self._events.get(_event_key(turn)) is turn:
            del self._events[_event_key(turn)]
        turn.ended.set()

    async def stop_person(self, person: str) -> None:
        """Stop every turn of a person (`platform:id`) and every turn that reads their messages, in
        all processes, and wait until these have ended. Quick commands store nothing and are not
        stopped; what they have told the person can no longer be shared."""
        await asyncio.gather(self.stop_person_here(person), self.elsewhere.stop_person(person))

    async def stop_person_here(self, person: str) -> None:
        """Do what `stop_person` does with the turns of this process."""
        self.private_replies.forget_person(person)
        affected = [turn for turn in self._unended if person in turn.people and not turn.quick]
        for turn in affected:
            turn.stop("question_deleted" if turn.asker.author.key == person else "stopped")
        await _wait_for_ends(affected)

    async def replace(self, answer: str, question: str, by: str) -> Turn | None:
        """Stop the answer with this id, and others to the same stored question, which is answered
        anew, in all processes, and wait until they have been taken away. Returns the former if it
        was open in this one."""
        found, _ = await asyncio.gather(
            self.replace_here(answer, question, by), self.elsewhere.replace(answer, question, by)
        )
        return found

    async def replace_here(self, answer: str, question: str, by: str) -> Turn | None:
        """Do what `replace` does with the turns of this process."""
        stale = [
            turn
            for turn in self._unended
            if turn.id == answer or (question and turn.question == question)
        ]
        for turn in stale:
            turn.stop("replaced", by)
        await _wait_for_ends(stale)
        return next((turn for turn in stale if turn.id == answer), None)

    def get_unended(self, turn: str) -> Turn | None:
        """Return the turn with this id, until its reply has ended."""
        return next((one for one in self._unended if one.id == turn), None)

    def get(self, turn: str) -> Turn | None:
        """Return the open turn with this id."""
        return self._open.get(turn)

    def find_by_event(self, platform: str, event_id: str) -> Turn | None:
        """Return the turn that an event started, until its reply has ended."""
        return self._events.get((platform, event_id))

    def count_for_person(self, author: Author) -> int:
        """How many turns a person has open, in all processes."""
        return self._counts[author.key] + self.elsewhere.count(author.key)

    def count_in_channel(self, conversation: ConversationKey) -> int:
        """How many turns a channel has open, in all processes."""
        channel = conversation.scope("channel")
        return self._counts[channel] + self.elsewhere.count(channel)

    def count_all(self) -> int:
        """How many turns are open, in all processes."""
        return len(self) + self.elsewhere.count(_ALL)

    def counts(self) -> Mapping[str, int]:
        """How many turns of each person and channel are open in this process, and how many in
        all."""
        return {_ALL: len(self), **self._counts}

    async def stop(self, conversation: ConversationKey, by: Asker) -> int:
        """Stop the turns of a conversation that this person may stop; returns how many were.

        In a channel this includes the person's own turns in the channel's threads, because a
        mention in the channel is answered in a thread.
        """
        stopped, person, name = 0, by.author.key, by.author.name
        for turn in self.meant(conversation, person):
            decision = await self._authorize(by, "button:stop", conversation, turn.subject)
            stopped += decision.allowed and turn.stop("stopped", name)
        elsewhere = [
            turn.id
            for turn in await self.elsewhere.meant(conversation, person)
            if (await self._authorize(by, "button:stop", conversation, turn.subject)).allowed
        ]
        return stopped + await self.elsewhere.stop(elsewhere, name)

    def meant(self, conversation: ConversationKey, person: str) -> Sequence[Turn]:
        """The turns of this process that a person (`Author.key`) means who stops those of a
        conversation."""
        return [turn for turn in self if not turn.quick and _is_meant(conversation, person, turn)]


async def _wait_for_ends(turns: Sequence[Turn]) -> None:
    try:
        async with asyncio.timeout(END_TIMEOUT_S):
            await asyncio.gather(*(turn.ended.wait() for turn in turns))
    except TimeoutError:
        log.warning("turn.stop_timed_out", turns=len(turns))


def _is_meant(conversation: ConversationKey, person: str, turn: Turn) -> bool:
    there = turn.event.conversation
    if there == conversation:
        return True
    own = person == turn.asker.author.key
    return own and conversation.thread is None and there.scope("channel") == str(conversation)


def _event_key(turn: Turn) -> tuple[str, str]:
    return turn.event.conversation.platform, turn.event.id


def _count_keys(turn: Turn) -> tuple[str, ...]:
    if turn.quick:
        return ()
    return turn.asker.author.key, turn.event.conversation.scope("channel")
