"""Decides whose words somebody sees in the console.

What was said in a direct message, or drawn from documents that are for certain people, is shown to
the person who asked and to nobody else, whoever is an admin. Of other turns an admin sees what is
known about them, and the words once they ask for these, which is written down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.commands.authorization import Authorize
from bot.commands.checks import Asker
from bot.history.protocol import HistoryStore, StoredMessage
from bot.types import ConversationKey

Visibility = Literal["hidden", "closed", "asked", "open"]
"""What is seen of a turn: nothing; that it is there; its words once they are asked for; all."""


def sees_prompts(viewer: Asker, question: StoredMessage) -> bool:
    """Whether somebody sees what models were sent for a turn: whoever asked, and nobody else. What
    they had remembered for themselves stands in it, and files that they came with."""
    return question.author == viewer.author.key


@dataclass(frozen=True, slots=True)
class SeenTurn:
    """A stored turn, and what somebody sees of it."""

    question: StoredMessage
    answer: StoredMessage
    visibility: Visibility


async def find_turn(
    ident: str, viewer: Asker, history: HistoryStore, authorize: Authorize
) -> SeenTurn | None:
    """The turn with the answer of this id; None where there is none that `viewer` may know of."""
    answer = await history.get(ident)
    question = await history.get(answer.answers or "") if answer is not None else None
    if answer is None or question is None:
        return None
    visibility = await visibility_of(viewer, question, answer, authorize)
    return None if visibility == "hidden" else SeenTurn(question, answer, visibility)


async def visibility_of(
    viewer: Asker, question: StoredMessage, answer: StoredMessage, authorize: Authorize
) -> Visibility:
    """Decide what `viewer` sees of a turn."""
    if question.author == viewer.author.key:
        return "open"
    if not viewer.admin:
        return "hidden"
    if answer.private is not False:
        return "closed"
    place = ConversationKey.parse(answer.conversation)
    passages = answer.explanation.passages if answer.explanation is not None else ()
    for base in sorted({passage.base for passage in passages if passage.base}):
        if not (await authorize(viewer, f"docs.read:{base}", place)).allowed:
            return "closed"
    return "asked"
