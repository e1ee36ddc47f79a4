"""The questions that a platform remembers, for when one is deleted or edited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bot.adapters.base import Question
from bot.types import Author, ConversationKey

EDITED = "edit."
"""How the value of a button begins that has an edited question answered; its message follows."""


class Answering(Protocol):
    """Where a question is answered."""

    turn: str

    def retract(self) -> None:
        """The question was deleted: nothing more is shown."""
        ...


S = TypeVar("S", bound=Answering)


@dataclass(slots=True)
class Asked(Generic[S]):
    """A question that is being answered, or was lately."""

    event: str
    text: str
    conversation: ConversationKey
    author: Author
    sink: S | None
    """Where it is answered; None for one that an earlier process was asked."""
    answer: str = ""
    offered: bool = False

    @property
    def turn(self) -> str:
        """The turn of its answer; empty where there is none yet."""
        return self.sink.turn if self.sink is not None else self.answer

    @classmethod
    def before(cls, question: Question) -> Asked[S]:
        """One that an earlier process was asked."""
        return cls(
            question.event,
            question.text,
            question.conversation,
            question.author,
            None,
            question.turn,
        )
