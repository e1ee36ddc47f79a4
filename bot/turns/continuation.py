"""Prepares an answer that reached its length limit to go on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.catalogue.sentence import say
from bot.commands.checks import Asker
from bot.errors import NotFound
from bot.events import ActionCall
from bot.history.protocol import StoredMessage
from bot.turns.actions import ButtonHandler
from bot.turns.regenerate import restore_event
from bot.turns.turn import Turn


@dataclass(frozen=True, slots=True)
class Continuation:
    """A turn whose answer goes on, with what is stored of it."""

    turn: Turn
    question: StoredMessage
    answer: StoredMessage


async def prepare_continuation(
    buttons: ButtonHandler, call: ActionCall, asker: Asker
) -> Continuation:
    """Mark the answer of a pressed button as running again, which only the first press can do.

    Raises `NotFound` if it does not wait to go on, and `Denied` if this person may not press.
    """
    answer, question = await buttons.find(call, asker)
    if question is None:
        raise NotFound(say("The question is no longer kept; please ask again."))
    event = await restore_event(buttons, question, call)
    if answer.cut is None or not await buttons.store.reopen(answer.id):
        raise NotFound(say("This answer is complete, or goes on already."))
    turn = Turn(
        answer.id,
        event,
        replace(asker, conversation=event.conversation, direct=event.direct),
        first_asked_by=question.author,
        question=question.id,
        continues=answer.cut,
    )
    return Continuation(turn, question, answer)
