"""The questions that a platform remembers, for when one is deleted or edited."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bot.adapters.protocol import Core, Question
from bot.types import Author, ConversationKey, Limits, View

EDITED_PREFIX = "edit."
"""How the value of a button begins that has an edited question answered; its message follows."""


class RetractableReply(Protocol):
    """Where a question is answered."""

    turn: str

    def retract(self) -> None:
        """The question was deleted: nothing more is shown."""
        ...


S = TypeVar("S", bound=RetractableReply)


@dataclass(slots=True)
class RecentQuestion(Generic[S]):
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
    def from_earlier_process(cls, question: Question) -> RecentQuestion[S]:
        """One that an earlier process was asked."""
        return cls(
            question.event,
            question.text,
            question.conversation,
            question.author,
            None,
            question.turn,
        )


class RecentQuestions(Generic[S]):
    """The latest questions by the platform's own id of their message; the oldest are let go."""

    def __init__(self, core: Core, platform: str, max_questions: int = 2000) -> None:
        self._core = core
        self._platform = platform
        self._max_questions = max_questions
        self._questions: OrderedDict[str, RecentQuestion[S]] = OrderedDict()

    def __contains__(self, message: str) -> bool:
        return message in self._questions

    def remember(self, message: str, question: RecentQuestion[S]) -> None:
        """Keep a question in mind, in case it is edited or deleted."""
        self._questions[message] = question
        while len(self._questions) > self._max_questions:
            self._questions.popitem(last=False)

    def pop(self, message: str) -> RecentQuestion[S] | None:
        """A question of this process, which is then forgotten."""
        return self._questions.pop(message, None)

    def messages_in_thread(self, thread: str) -> list[str]:
        """The messages of the questions that were asked in a thread."""
        return [
            id_
            for id_, question in self._questions.items()
            if question.conversation.thread == thread
        ]

    async def find(self, message: str) -> RecentQuestion[S] | None:
        """The question with this message, also of an earlier process."""
        question = self._questions.get(message)
        if question is None:
            stored = await self._core.question(self._platform, message)
            if stored is not None:
                question = RecentQuestion[S].from_earlier_process(stored)
                self.remember(message, question)
        return question


class SilentSink:
    """For events that need no reply: a deleted question."""

    limits = Limits(max_chars=2000, edit_interval_s=1.0)

    async def start(self, view: View) -> None: ...

    async def update(self, view: View) -> None: ...

    async def finish(self, view: View) -> None: ...
