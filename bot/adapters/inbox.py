"""Hands a platform's messages to the core in order, and handles their edits and deletions.

A platform decodes its events and says whether a message is for the bot; the rest is the same for
every platform. Events of one place (a channel or thread of the platform) are looked at in the order
in which they were delivered, and the questions of one conversation reach the core in that order,
too. A conversation whose messages take long to read holds up no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from weakref import WeakKeyDictionary

import structlog

from backends.lru import LruDict
from bot.adapters.background_tasks import BackgroundTasks, Refusal
from bot.adapters.event_order import EventOrder, Ticket
from bot.adapters.protocol import Core, Question
from bot.adapters.silent_sink import SilentSink
from bot.catalogue.languages import translate
from bot.catalogue.sentence import say
from bot.events import ActionCall, AnswerDeleted, Message, MessageDeleted
from bot.replies.protocol import Reply, Sink
from bot.types import Action, Author, ConversationKey

_log = structlog.get_logger(__name__)

EDITED_PREFIX = "edit."
"""Prefix of the value of the button that answers an edited question; the message's id follows."""
EDITED_NOTICE = say("You have changed your question.")
"""What stands above the button that answers an edited question."""
MAX_QUESTIONS = 2000
_MAX_OFFER_TRIES = 4


def edited_action(message: str, locale: str | None = None) -> Action:
    """The button that answers the question in a message as it is now."""
    label = translate(say("Answer the new one"), locale)
    return Action("regenerate", label, f"{EDITED_PREFIX}{message}")


def edited_notice(question: RecentQuestion) -> tuple[str, str | None]:
    """What stands above that button, and its language: that of the answer."""
    locale = question.sink.locale if question.sink is not None else question.locale
    return translate(EDITED_NOTICE, locale), locale


class Answer(Sink, Protocol):
    """The reply to a question, as far as edits and deletions concern it."""

    @property
    def turn(self) -> str:
        """Id of the reply's turn; empty until the turn has begun."""
        ...

    @property
    def locale(self) -> str | None:
        """The language of the reply; None for English, and until the turn has begun."""
        ...

    @property
    def messages(self) -> Sequence[str]:
        """The platform's ids of the messages that the reply consists of."""
        ...

    def stop_showing(self) -> None:
        """Show nothing more: the question or the answer was deleted."""
        ...


A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message for the bot: the conversation in which it is answered, and how it is read.

    `read` fetches what the question needs (names, context) and makes the reply to it; None where
    it has given the question to another process, which replies.
    """

    conversation: ConversationKey
    read: Callable[[], Awaitable[tuple[Message, Answer | None]]]


@dataclass(slots=True)
class RecentQuestion:
    """A question that is being answered, or was answered recently.

    `event` and `author` are set when it is handed to the core. `text` is what its latest answer
    answers. `sink` is that answer; None for a question that another process accepted.
    """

    conversation: ConversationKey
    event: str = ""
    author: Author | None = None
    text: str = field(default="", repr=False)
    sink: Answer | None = None
    locale: str | None = None
    """The language of an answer that another process has given, when it is known."""
    deleted: bool = False
    offered: bool = False
    """Whether the button that answers the edited question is there, or on its way."""


class InboxPort(Protocol):
    """What an inbox does on its platform."""

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """The exceptions of a request to the platform that failed."""
        ...

    async def offer(self, question: RecentQuestion, message: str, turn: str) -> None:
        """Offer to answer the edited question in `message` anew; `turn` is the id of its answer.

        May raise any exception in `failures`.
        """
        ...

    async def remove(self, reply: Reply) -> None:
        """Delete the messages of a reply that was cut off, as far as that works."""
        ...


class Inbox:
    """The messages of one platform, and the latest `max_questions` questions among them.

    `port` is needed where messages can be edited and have buttons. `give_deletion` tells the
    process that was given a question of its deletion, and returns False where it cannot.

    The ids of messages are the platform's; of one place they are delivered in order. An offer that
    cannot be posted is tried again, at first after `retry_pause_s` seconds.
    """

    def __init__(
        self,
        core: Core,
        platform: str,
        background_tasks: BackgroundTasks,
        port: InboxPort | None = None,
        *,
        give_deletion: Callable[[MessageDeleted], Awaitable[bool]] | None = None,
        retry_pause_s: float = 1.0,
        max_questions: int = MAX_QUESTIONS,
    ) -> None:
        self._core = core
        self._platform = platform
        self._port = port
        self._give_deletion = give_deletion
        self._background_tasks = background_tasks
        self._retry_pause_s = retry_pause_s
        self._questions: LruDict[str, RecentQuestion] = LruDict(max_questions)
        self._answers: WeakKeyDictionary[Answer, tuple[ConversationKey, str]] = WeakKeyDictionary()
        self._order = EventOrder()

    # --- what the platform tells ----------------------------------------------------------------

    def receive(
        self,
        place: str,
        message: str,
        decode: Callable[[], Awaitable[Incoming | None]],
        refusal: Refusal | None = None,
    ) -> None:
        """Take a message that may be for the bot; returns at once.

        `decode` says where it is answered, None for one that is not for the bot. It should be
        quick, as later messages of the place wait for it. A message that comes a second time is
        dropped. The `refusal` is sent where too many are waiting.
        """
        work = self._receive(place, message, decode)
        self._background_tasks.start(work, "message", refusal, place=place)

    def edited(self, place: str, message: str, read: Callable[[], Awaitable[str]]) -> None:
        """A message was edited, maybe a question; `read` returns its text as people see it."""
        if self._port is not None:
            self._background_tasks.start(self._edit(self._port, place, message, read), "edit")

    def deleted(self, place: str, messages: Collection[str]) -> None:
        """Messages were deleted: questions, parts of the bot's own answers, or any others."""
        self._background_tasks.start(self._delete(place, messages), "deletion")

    def thread_deleted(self, place: str, thread: str) -> None:
        """A thread was deleted: the questions that are answered in it count as deleted."""
        found = [id_ for id_, q in self._questions.items() if q.conversation.thread == thread]
        self.deleted(place, found)

    # --- for buttons and commands ---------------------------------------------------------------

    def turn_in(self, conversation: ConversationKey) -> Ticket:
        """`async with` waits until the earlier messages of a conversation are handed over."""
        return self._order.take(str(conversation))

    def follow(self, answer: A, conversation: ConversationKey, prefix: str = "") -> A:
        """Stop this answer if one of its messages is deleted; returns it.

        `prefix` is what the ids of the platform's messages have before those of the answer's.
        """
        self._answers[answer] = (conversation, prefix)
        return answer

    def answer_again(self, message: str, call: ActionCall, answer: Answer) -> None:
        """Note that a press of the button is answering the edited question in a message."""
        self._questions[message] = RecentQuestion(
            call.conversation, call.id, call.author, call.value, answer
        )

    # --- a message arrives ----------------------------------------------------------------------

    async def _receive(
        self, place: str, message: str, decode: Callable[[], Awaitable[Incoming | None]]
    ) -> None:
        async with self._order.take(_place_key(place)):
            if message in self._questions:
                return  # delivered again
            incoming = await decode()
            if incoming is None:
                return
            question = RecentQuestion(incoming.conversation)
            self._questions[message] = question
            turn = self.turn_in(incoming.conversation)
        async with turn:
            if not question.deleted:
                await self._hand_over(message, question, incoming)

    async def _hand_over(self, message: str, question: RecentQuestion, incoming: Incoming) -> None:
        event, sink = await incoming.read()
        if question.deleted and sink is not None:  # meanwhile
            return
        question.event, question.author, question.text = event.id, event.author, event.text
        question.sink = sink
        if sink is not None:
            await self._core.accept(event, sink)
        elif question.deleted:
            await self._tell_deleted(message, question, event.author)

    # --- a question is edited -------------------------------------------------------------------

    async def _edit(
        self, port: InboxPort, place: str, message: str, read: Callable[[], Awaitable[str]]
    ) -> None:
        async with self._order.take(_place_key(place)):
            question = await self._find(message)
            if question is None or question.deleted:
                return
            turn = self.turn_in(question.conversation)
        async with turn:
            # The press of the button may have replaced it while this waited.
            question = self._questions.get(message) or question
            if not await self._is_to_be_offered(question, read):
                return
            question.offered = True
        await self._offer(port, question, message)

    async def _is_to_be_offered(
        self, question: RecentQuestion, read: Callable[[], Awaitable[str]]
    ) -> bool:
        """Whether the edit needs a new offer: the one that stands answers the newest text."""
        author, where = question.author, question.conversation
        if author is None or question.offered or not self._core.admits(author, where):
            return False
        text = await read()
        return bool(text) and text != question.text and not question.deleted

    async def _offer(self, port: InboxPort, question: RecentQuestion, message: str) -> None:
        for attempt in range(_MAX_OFFER_TRIES):
            if attempt:
                await asyncio.sleep(self._retry_pause_s * 2 ** (attempt - 1))
            turn = await self._turn_of(question)
            if question.deleted or not (turn or question.sink is None):
                break
            if not turn:
                continue  # the process that has it has not begun
            try:
                if question.sink is None:
                    question.locale = await self._find_language(question, turn)
                await port.offer(question, message, turn)
                return
            except port.failures as exc:
                _log.info(f"{self._platform}.offer_failed", error=str(exc)[:200])
        question.offered = False  # the next edit tries again

    async def _turn_of(self, question: RecentQuestion) -> str:
        """Id of the turn that answers a question; empty if there is none."""
        if question.sink is not None and question.sink.turn:
            return question.sink.turn
        stored = await self._core.question(self._platform, question.event)
        return stored.turn if stored is not None else ""

    async def _find_language(self, question: RecentQuestion, turn: str) -> str | None:
        locale = question.author.locale if question.author is not None else None
        return await self._core.find_language(question.conversation, locale, answer=turn)

    async def _find(self, message: str) -> RecentQuestion | None:
        """The question of a message, looked up in the store if this process does not know it."""
        question = self._questions.get(message)
        if question is None:
            stored = await self._core.question(self._platform, message)
            if stored is not None:
                question = self._remember(message, stored)
        return question

    def _remember(self, message: str, stored: Question) -> RecentQuestion:
        question = self._questions[message] = RecentQuestion(
            stored.conversation, stored.event, stored.author, stored.text
        )
        return question

    # --- messages are deleted -------------------------------------------------------------------

    async def _delete(self, place: str, messages: Collection[str]) -> None:
        async with self._order.take(_place_key(place)):
            unknown = {m for m in messages if m not in self._questions}
            for message in messages:
                if (question := self._questions.get(message)) is not None:
                    await self._delete_question(message, question)
        for event in [*self._answers_in(unknown), *await self._answers_elsewhere(unknown)]:
            await self._core.accept(event, SilentSink())
        for message in unknown:
            stored = await self._core.question(self._platform, message)
            if stored is None:
                continue
            if stored.cut_off:
                await self._remove_answer(stored.turn)
            await self._delete_question(message, self._remember(message, stored))

    async def _delete_question(self, message: str, question: RecentQuestion) -> None:
        """Stop the turn of a question; one that was not handed over yet never will be."""
        if question.deleted:
            return
        question.deleted = True
        if question.sink is not None:
            question.sink.stop_showing()
        if question.author is not None:
            await self._tell_deleted(message, question, question.author)

    async def _tell_deleted(self, message: str, question: RecentQuestion, author: Author) -> None:
        gone = MessageDeleted(f"deleted.{message}", question.conversation, author, question.event)
        give = self._give_deletion if question.sink is None else None
        if give is None or not await give(gone):
            await self._core.accept(gone, SilentSink())

    def _answers_in(self, messages: Collection[str]) -> list[AnswerDeleted]:
        """The answers of this process that some of these messages belong to, as events."""
        return [
            AnswerDeleted(f"deleted.{answer.turn}", conversation, answer.turn)
            for answer, (conversation, prefix) in list(self._answers.items())
            if answer.turn and any(prefix + own in messages for own in answer.messages)
        ]

    async def _answers_elsewhere(self, messages: Collection[str]) -> list[AnswerDeleted]:
        """The same of the answers that other processes are writing. The id of a message may begin
        with its place."""
        if not messages:
            return []
        ends = {message.rpartition(":")[2] for message in messages} | {*messages}
        return [
            AnswerDeleted(
                f"deleted.{reply.turn}", ConversationKey.parse(reply.conversation), reply.turn
            )
            for reply in await self._core.replies.written_elsewhere(self._platform)
            if not ends.isdisjoint(reply.address.get("messages", "").split(","))
        ]

    async def _remove_answer(self, turn: str) -> None:
        reply = await self._core.replies.get(turn)
        if reply is not None and self._port is not None:
            await self._port.remove(reply)


def _place_key(place: str) -> str:
    return f"place:{place}"
