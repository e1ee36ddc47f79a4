"""Recent questions of a platform, kept so that edits and deletions of them can be handled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from backends.lru import LruDict
from bot.adapters.protocol import Core, Question
from bot.types import Author, ConversationKey, Limits, View

EDITED_PREFIX = "edit."
"""Prefix of the value of the button that answers an edited question; the message's id follows."""


class StoppableReply(Protocol):
    """The reply to a question, as far as edits and deletions concern it."""

    turn: str
    """Id of the reply's turn; empty until the turn has begun."""

    def stop_showing(self) -> None:
        """Show nothing more: the question was deleted."""
        ...


S = TypeVar("S", bound=StoppableReply)


@dataclass(slots=True)
class RecentQuestion(Generic[S]):
    """A question that is being answered, or was answered recently."""

    event: str
    text: str
    conversation: ConversationKey
    author: Author
    sink: S | None
    """Its reply; None for a question that an earlier process accepted."""
    answer: str = ""
    edit_offered: bool = False

    @property
    def turn(self) -> str:
        """Id of the turn that answers it; empty if there is none yet."""
        return self.sink.turn if self.sink is not None else self.answer

    @classmethod
    def from_earlier_process(cls, question: Question) -> RecentQuestion[S]:
        """Restore a question that an earlier process accepted."""
        return cls(
            question.event,
            question.text,
            question.conversation,
            question.author,
            None,
            question.turn,
        )


class RecentQuestions(Generic[S]):
    """The latest `max_questions` questions, by the platform's id of their message."""

    def __init__(self, core: Core, platform: str, max_questions: int = 2000) -> None:
        self._core = core
        self._platform = platform
        self._questions: LruDict[str, RecentQuestion[S]] = LruDict(max_questions)

    def __contains__(self, message: str) -> bool:
        return message in self._questions

    def remember(self, message: str, question: RecentQuestion[S]) -> None:
        """Add a question; the oldest one is dropped when there are too many."""
        self._questions[message] = question

    def pop(self, message: str) -> RecentQuestion[S] | None:
        """Remove and return a question of this process; None if it is not remembered."""
        return self._questions.pop(message)

    def messages_in_thread(self, thread: str) -> list[str]:
        """Message ids of the questions that were asked in a thread."""
        return [
            id_
            for id_, question in self._questions.items()
            if question.conversation.thread == thread
        ]

    async def find(self, message: str) -> RecentQuestion[S] | None:
        """The question of a message, looked up in the store if this process does not know it."""
        question = self._questions.get(message)
        if question is None:
            stored = await self._core.question(self._platform, message)
            if stored is not None:
                question = RecentQuestion[S].from_earlier_process(stored)
                self.remember(message, question)
        return question


class SilentSink:
    """A sink that shows nothing, for events that need no reply, such as a deleted question."""

    limits = Limits(max_chars=2000, edit_interval_s=1.0)

    async def start(self, view: View) -> None: ...

    async def update(self, view: View) -> None: ...

    async def finish(self, view: View) -> None: ...
