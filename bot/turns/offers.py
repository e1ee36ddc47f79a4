"""The button of a call that was offered below an answer: whoever asked accepts it, once."""

from __future__ import annotations

from bot.catalogue.sentence import say
from bot.commands.checks import Asker
from bot.errors import Denied, NotFound
from bot.events import ActionCall, CommandCall
from bot.history.tool_calls import CallId, ToolCalls
from bot.turns.actions import ButtonHandler
from bot.turns.tool_route import TOOL_CALL_PREFIX


async def accepted_call(
    call: ActionCall, asker: Asker, buttons: ButtonHandler, calls: ToolCalls | None
) -> CommandCall:
    """Begin the call that a pressed button offers, and return the event that carries it out. Raises
    `Denied` and `NotFound`."""
    answer, question = await buttons.find(call, asker)
    if question is None or question.author != asker.author.key:
        raise Denied(say("Only the person who asked can decide this."))
    step, _, number = call.value.partition(".")
    begun = None
    if calls is not None and step.isdecimal() and number.isdecimal():
        begun = await calls.accept(CallId(answer.id, int(step), int(number)))
    if begun is None:
        raise NotFound(say("This was answered already, or its time is over."))
    return CommandCall(
        call.id,
        call.conversation,
        call.author,
        f"{TOOL_CALL_PREFIX}{begun.tool}",
        options=begun.arguments,
        direct=call.direct,
        accepts=(begun.id.turn, begun.id.step, begun.id.number),
    )
