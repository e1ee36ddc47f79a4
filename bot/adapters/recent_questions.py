"""The questions that a platform remembers, for when one is deleted or edited."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bot.adapters.protocol import Core, Question
from bot.types import Author, ConversationKey, Limits, View

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
class RecentQuestions(Generic[S]):
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
    def before(cls, question: Question) -> RecentQuestions[S]:
        """One that an earlier process was asked."""
        return cls(
            question.event,
            question.text,
            question.conversation,
            question.author,
            None,
            question.turn,
        )


class Questions(Generic[S]):
    """The latest questions by the platform's own id of their message; the oldest are let go."""

    def __init__(self, core: Core, platform: str, most: int = 2000) -> None:
        self._core = core
        self._platform = platform
        self._most = most
        self._asked: OrderedDict[str, RecentQuestions[S]] = OrderedDict()

    def __contains__(self, message: str) -> bool:
        return message in self._asked

    def remember(self, message: str, asked: RecentQuestions[S]) -> None:
        """Keep a question in mind, in case it is edited or deleted."""
        self._asked[message] = asked
        while len(self._asked) > self._most:
            self._asked.popitem(last=False)

    def take(self, message: str) -> RecentQuestions[S] | None:
        """A question of this process, which is then forgotten."""
        return self._asked.pop(message, None)

    def in_thread(self, thread: str) -> list[str]:
        """The messages of the questions that were asked in a thread."""
        return [id_ for id_, asked in self._asked.items() if asked.conversation.thread == thread]

    async def known(self, message: str) -> RecentQuestions[S] | None:
        """The question with this message, also of an earlier process."""
        asked = self._asked.get(message)
        if asked is None:
            question = await self._core.question(self._platform, message)
            if question is not None:
                asked = RecentQuestions[S].before(question)
                self.remember(message, asked)
        return asked


class SilentSink:
    """For events that need no reply: a deleted question."""

    limits = Limits(max_chars=2000, edit_interval_s=1.0)

    async def start(self, view: View) -> None: ...

    async def update(self, view: View) -> None: ...

    async def finish(self, view: View) -> None: ...
