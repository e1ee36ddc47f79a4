"""The turns that other processes run, where several share a database: they are found and stopped by
asking those processes. Who may stop what is decided where the person is heard."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from bot.commands.authorization import Subject
from bot.events import ContextMessage, Message
from bot.processes.crew import Crew
from bot.turns.turn import StopReason, Turn
from bot.types import Author, ConversationKey

log = structlog.get_logger(__name__)

END_TIMEOUT_S: Final = 10.0
"""How long to wait for stopped turns to end, as a platform may not accept their last edit."""
_MAX_TOLD_TURNS: Final = 40
"""Turns that one process tells of at once."""
_MAX_NAME_CHARACTERS: Final = 100
_FIND: Final = "turns_find"
_STOP: Final = "turns_stop"
_STOP_PERSON: Final = "turns_stop_person"
_REPLACE: Final = "turns_replace"
_QUESTION_GONE: Final = "turns_question_gone"
_ANSWER_GONE: Final = "turns_answer_gone"
_ASKED: Final = "turns_asked"
_OPEN: Final = "open_turns"


class TurnsHere(Protocol):
    """The turns of this process: what of `bot.turns.open_turns.OpenTurns` the others reach."""

    def get_unended(self, turn: str) -> Turn | None: ...
    def find_by_event(self, platform: str, event_id: str) -> Turn | None: ...
    def meant(self, conversation: ConversationKey, person: str) -> Sequence[Turn]: ...
    async def stop_person_here(self, person: str) -> None: ...
    def counts(self) -> Mapping[str, int]: ...
    async def replace_here(self, answer: str, question: str, by: str) -> Turn | None: ...


@dataclass(frozen=True, slots=True)
class TurnElsewhere:
    """A turn that another process runs: its id, whose it is and where."""

    id: str
    subject: Subject


@dataclass(frozen=True, slots=True)
class AskedElsewhere:
    """What was asked in a turn that another process runs, perhaps before it is stored: the turn's
    id, the event's, where, by whom, the text, and the messages read with it. `whole` says that
    nothing came with it that only that process has, such as files."""

    turn: str
    event: str
    place: ConversationKey
    author: Author
    text: str
    direct: bool
    whole: bool
    context: Sequence[ContextMessage] = ()


class TurnsElsewhere:
    """Reaches the turns of the others of a crew, and lets them reach those `here`. Where this
    process is alone there are none, and nothing is asked."""

    def __init__(self, crew: Crew, here: TurnsHere) -> None:
        self._peers = peers = crew.peers
        self._membership = crew.membership
        self._here = here
        if peers is not None:
            peers.answer(_FIND, self._find)
            peers.answer(_STOP, self._stop)
            peers.answer(_STOP_PERSON, self._stop_person)
            peers.answer(_REPLACE, self._replace)
            peers.answer(_QUESTION_GONE, self._question_gone)
            peers.answer(_ANSWER_GONE, self._answer_gone)
            peers.answer(_ASKED, self._asked)
        if self._membership is not None:
            self._membership.tell(_OPEN, self._told_counts)

    def count(self, key: str) -> int:
        """How many turns with a key of `OpenTurns.counts` the others had open a beat ago."""
        if self._membership is None:
            return 0
        digest = _digest(key)
        return sum(told.get(digest, 0) for told in self._membership.told(_OPEN))

    def _told_counts(self) -> Mapping[str, int]:
        return {_digest(key): number for key, number in self._here.counts().items()}

    # --- asking ---------------------------------------------------------------------------------

    async def get(self, turn: str) -> TurnElsewhere | None:
        """The turn with this id, until its reply has ended. Raises `StorageError`."""
        return next(iter(await self._ask_for({"turn": turn})), None)

    async def meant(self, conversation: ConversationKey, person: str) -> Sequence[TurnElsewhere]:
        """The turns that a person (`Author.key`) means who stops those of a conversation. Raises
        `StorageError`."""
        return await self._ask_for({"place": str(conversation), "person": person})

    async def stop(self, turns: Sequence[str], by: str) -> int:
        """Stop turns; returns how many were. `by` is the name of who stops them. Raises
        `StorageError`."""
        if self._peers is None or not turns:
            return 0
        asked = {"turns": [*turns], "by": by[:_MAX_NAME_CHARACTERS]}
        return sum(await self._peers.ask(_STOP, asked))

    async def stop_person(self, person: str) -> None:
        """Stop every turn of a person, and every one that reads their messages, and wait until
        these have ended. Raises `StorageError`."""
        if self._peers is not None:
            await self._peers.ask(_STOP_PERSON, {"person": person}, within_s=END_TIMEOUT_S)

    async def replace(self, answer: str, question: str, by: str) -> None:
        """Stop the answer with this id, and others to the same stored question, and wait until they
        have been taken away. Raises `StorageError`."""
        if self._peers is not None:
            asked = {"answer": answer, "question": question, "by": by[:_MAX_NAME_CHARACTERS]}
            await self._peers.ask(_REPLACE, asked, within_s=END_TIMEOUT_S)

    async def question_gone(self, platform: str, event_id: str, by: str) -> None:
        """Have the turn that an event started stopped and its answer taken away. Raises
        `StorageError`."""
        if self._peers is not None:
            asked = {"platform": platform, "event": event_id, "by": by[:_MAX_NAME_CHARACTERS]}
            await self._peers.tell(_QUESTION_GONE, asked)

    async def answer_gone(self, turn: str) -> None:
        """Have a turn stopped whose answer was deleted. Raises `StorageError`."""
        if self._peers is not None:
            await self._peers.tell(_ANSWER_GONE, {"turn": turn})

    async def asked_by_event(self, platform: str, event_id: str) -> AskedElsewhere | None:
        """What an event started, as long as that has not ended. Raises `StorageError`."""
        return await self._ask_what({"platform": platform, "event": event_id})

    async def asked_in(self, turn: str) -> AskedElsewhere | None:
        """What was asked in the turn with this id, until its reply has ended. Raises
        `StorageError`."""
        return await self._ask_what({"turn": turn})

    async def _ask_what(self, asked: Mapping[str, str]) -> AskedElsewhere | None:
        if self._peers is None:
            return None
        for said in await self._peers.ask(_ASKED, asked):
            place, author = ConversationKey.parse(said.pop("place")), Author(*said.pop("author"))
            context = [ContextMessage(**one) for one in said.pop("context")]
            return AskedElsewhere(**said, place=place, author=author, context=context)
        return None

    async def _ask_for(self, asked: Mapping[str, str]) -> Sequence[TurnElsewhere]:
        if self._peers is None:
            return ()
        return [
            TurnElsewhere(turn, Subject(person, ConversationKey.parse(place)))
            for found in await self._peers.ask(_FIND, asked)
            for turn, person, place in found
        ]

    # --- answering ------------------------------------------------------------------------------

    async def _find(self, asked: Mapping[str, Any]) -> Any:
        if "turn" in asked:
            one = self._here.get_unended(asked["turn"])
            found = [one] if one is not None else []
        else:
            found = [*self._here.meant(ConversationKey.parse(asked["place"]), asked["person"])]
        if len(found) > _MAX_TOLD_TURNS:
            log.warning("turn.not_told", turns=len(found) - _MAX_TOLD_TURNS)
        return [
            (turn.id, turn.asker.author.key, str(turn.event.conversation))
            for turn in found[:_MAX_TOLD_TURNS]
        ] or None

    async def _asked(self, asked: Mapping[str, Any]) -> Any:
        if "turn" in asked:
            turn = self._here.get_unended(asked["turn"])
        else:
            turn = self._here.find_by_event(asked["platform"], asked["event"])
        if turn is None:
            return None
        event = turn.event
        files = [*event.attachments, *(file for one in event.context for file in one.attachments)]
        return {
            "turn": turn.id,
            "event": event.id,
            "place": str(event.conversation),
            "author": [event.author.platform, event.author.id, event.author.name],
            "text": event.text or "",
            "direct": event.direct,
            "whole": isinstance(event, Message) and not files,
            "context": [_context(message) for message in event.context],
        }

    async def _stop(self, asked: Mapping[str, Any]) -> int:
        return self._stop_each(asked["turns"], "stopped", asked["by"])

    async def _stop_person(self, asked: Mapping[str, Any]) -> None:
        await self._here.stop_person_here(asked["person"])

    async def _replace(self, asked: Mapping[str, Any]) -> None:
        await self._here.replace_here(asked["answer"], asked["question"], asked["by"])

    async def _question_gone(self, asked: Mapping[str, Any]) -> None:
        turn = self._here.find_by_event(asked["platform"], asked["event"])
        if turn is not None:
            turn.stop("question_deleted", asked["by"])

    async def _answer_gone(self, asked: Mapping[str, Any]) -> None:
        self._stop_each([asked["turn"]], "answer_deleted", "")

    def _stop_each(self, turns: Sequence[str], reason: StopReason, by: str) -> int:
        found = [turn for one in turns if (turn := self._here.get_unended(one)) is not None]
        return sum(turn.stop(reason, by) for turn in found if not turn.quick)


def _context(message: ContextMessage) -> Mapping[str, Any]:
    names = ("author", "text", "from_us", "id", "by")
    return {name: getattr(message, name) for name in names}


def _digest(key: str) -> str:
    """What stands for a person or a channel in what is told; short, and not their name."""
    return hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
