"""Reads a conversation of the console from the history, as it stood there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bot.catalogue.sentence import say
from bot.console.chat.conversation import Conversation
from bot.console.chat.port import ConsolePort
from bot.history.conversation_turns import ConversationTurns
from bot.history.protocol import StoredMessage
from bot.history.suspensions import Suspensions
from bot.observability.redaction import Redactor
from bot.replies.draft import AFTER_ANSWER, FEEDBACK, Draft
from bot.turns.outcome import CONTINUE
from bot.turns.waiting_cards import parts_of
from bot.types import Actions, Notice, Source, Sources, State, Text, View

MAX_TURNS: Final = 50
"""Earlier questions that are shown of a conversation."""
_CITED: Final = re.compile(r"\[(\d{1,4})\]")
_INTERRUPTED: Final = Notice(say("⚠️ This answer was interrupted by a restart."))
_STATES: Final[Mapping[str, State]] = {
    "refused": "refused",
    "failed": "failed",
    "cancelled": "cancelled",
}
_ENDED: Final = Notice(say("This did not come to an answer."), "footer")


@dataclass(frozen=True, slots=True)
class StoredTurns:
    """Puts what is stored into a conversation."""

    turns: ConversationTurns
    suspensions: Suspensions | None
    redact: Redactor = field(repr=False)

    async def __call__(self, conversation: Conversation) -> None:
        """Add the newest questions and answers of a conversation, if there are any."""
        found = await self.turns.newest(str(conversation.key), limit=MAX_TURNS)
        for question, answer in found:
            conversation.person = question.author
            ident = question.event_id or question.id
            if conversation.get(ident) is None:
                conversation.ask(ident, question.text, model=question.model, stored=True)
            known = conversation.get(answer.id)
            if known is not None and not known.stored:
                continue  # it is written in this process
            view = await self._view(answer)
            if known is None or not _shows(known.view, view):
                conversation.show(answer.id, view, stored=True)

    async def _view(self, answer: StoredMessage) -> View:
        """The reply of a stored answer, as its sink was last told to show it."""
        draft = Draft(
            answer.id, ConsolePort.limits, model=bool(answer.model), redact=self.redact, direct=True
        )
        if answer.status == "waiting" and self.suspensions is not None:
            waiting = await self.suspensions.get(answer.id)
            if waiting is not None and waiting.open and waiting.shown:
                for part in parts_of(waiting):
                    draft.add(part)
                await draft.take_in()
                draft.end("waiting")
                return draft.view()
        if answer.status == "running":
            return draft.view()
        draft.add(Text(answer.text))
        if sources := cited_sources(answer):
            draft.add(Sources(sources))
        if answer.cut is not None:
            draft.add(Actions((CONTINUE,)))
        if answer.model or answer.explanation:
            draft.after = AFTER_ANSWER if answer.model else FEEDBACK
        await draft.take_in()
        state = _STATES.get(answer.status, "complete")
        notice = _INTERRUPTED if answer.status == "interrupted" else None
        if notice is None and not answer.text.strip():
            notice = _ENDED
        draft.end(state, notice, again=state != "complete")
        return draft.view()


def _shows(shown: View | None, stored: View) -> bool:
    """Whether what is shown is what is stored; of an answer that is being written, more may be."""
    if shown is not None and stored.state == "working":
        return shown.state == "working"
    return shown == stored


def cited_sources(answer: StoredMessage) -> tuple[Source, ...]:
    """The passages that an answer names by their numbers."""
    if answer.explanation is None:
        return ()
    numbers = {int(number) for number in _CITED.findall(answer.text)}
    return tuple(one for one in answer.explanation.passages if numbers & {one.number, *one.also})
