"""A turn: one question with its answer, from its acceptance to the end of its reply."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from bot.commands.authorization import Subject
from bot.commands.checks import Asker
from bot.commands.declaration import Command
from bot.events import CommandCall, Message
from bot.history.protocol import Cut
from bot.settings.values import ChannelSettings
from bot.skills.current_turn import Resumption, TurnRecord
from bot.types import ConversationKey, Explanation, Part, Stage, State, Status, Text, Value

StopReason = Literal["stopped", "question_deleted", "answer_deleted", "replaced", "shutdown"]
WITHDRAWN: frozenset[StopReason] = frozenset({"question_deleted", "answer_deleted", "replaced"})
"""Reasons of a stop after which nothing of the answer is shown or read any more."""
T = TypeVar("T")

_MAX_LOOP_HOLD_S = 0.005
"""How long a skill that never awaits may hold the event loop, in seconds."""


class ForeignCancellation(Exception):
    """A `CancelledError` of a library or a plugin, though nobody stopped the turn."""


class Output(Protocol):
    """Takes the parts of a reply; `bot.replies.delivery.Delivery` is one."""

    def add(self, part: Part) -> None: ...


@dataclass(frozen=True, slots=True)
class Route:
    """The skill that answers an event, and the checked options it is called with."""

    skill: str
    run: Callable[..., Any] = field(repr=False)
    command: Command | None = None
    options: Mapping[str, Value | None] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)
    """What the person said, as it is stored in the history."""
    actions: tuple[str, ...] = ()
    """What the person must be allowed to do so that the skill answers."""
    at_once: bool = False
    """Whether a message is answered as a quick command is."""
    private: bool = False
    """Whether the answer is for the asker alone."""

    @property
    def quick(self) -> bool:
        """Whether it is answered without a model, and at once, even while an answer is running."""
        return self.at_once if self.command is None else self.command.is_quick(self.options)

    @property
    def remember(self) -> bool:
        """Whether later prompts of the conversation include this turn."""
        return self.command is None or self.command.remember

    def reads_history(self, place: ConversationKey) -> bool:
        """Whether the skill reads what was said before, and so waits for the answers to it."""
        where = self.command.reads_history if self.command is not None else "always"
        return where == "always" or (where == "in threads" and place.thread is not None)

    @property
    def kind(self) -> str:
        """The command's name, or "message"; used in logs and metrics."""
        return self.command.name if self.command else "message"


@dataclass(slots=True, eq=False)
class Turn:
    """One question with its answer.

    `id` is the id of the answer. `route` is the skill that answers; None where none does. A `quick`
    turn is answered at once, beside the others of its conversation. `settings` are those of the
    place when the turn began to run. `deadline_s` is how long the skill may take, in seconds.
    `first_asked_by` is the `Author.key` of the person who asked first, when a question is answered
    again. `question` is the id of the stored question, once there is one. `resumed`
    is set when the turn was suspended before.
    """

    id: str
    event: Message | CommandCall
    asker: Asker
    route: Route | None = None
    quick: bool = False
    settings: ChannelSettings = field(default_factory=ChannelSettings)
    locale: str | None = None
    """The language of the bot's own sentences in it; None is English."""
    record: TurnRecord = field(default_factory=TurnRecord)
    deadline_s: float | None = None
    first_asked_by: str = ""
    question: str = ""
    resumed: Resumption | None = None
    continues: Cut | None = field(default=None, repr=False)
    """Where its answer was cut, if it goes on. Until the model goes on, which `go_on` says, nothing
    is added to the reply: it stands there already."""
    output: Output | None = field(default=None, repr=False)
    save_read: Callable[[], Awaitable[None]] | None = field(default=None, repr=False)
    """Stores what was read with the question; called before the model is asked."""
    state: State = "working"
    first_text_at: float | None = None
    """The loop's time of the first text, in seconds."""
    status: Status | None = None
    """What it is doing, as was last said; None before anything was."""
    stopped: StopReason | None = None
    stopped_by: str = ""
    ended: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set once nothing more of the turn is stored or sent."""
    clock: asyncio.Timeout | None = field(default=None, repr=False)
    """Ends the work at its deadline, while it runs."""
    _work: asyncio.Task[None] | None = field(default=None, repr=False)
    _paused_at: float = field(default=0.0, repr=False)
    _is_repeating: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        self._is_repeating = self.continues is not None

    @property
    def people(self) -> frozenset[str]:
        """`Author.key` of everybody involved: who asks now, who asked first, and the authors of the
        messages read as context."""
        target = self.event.target if isinstance(self.event, CommandCall) else None
        read = (*self.event.context, *([target] if target is not None else ()))
        asked = (self.asker.author.key, self.first_asked_by)
        return frozenset({*asked, *(message.by for message in read)})

    async def say(self, part: Part) -> None:
        """Add a part to the reply. Raises `Failed` if the answer becomes too long."""
        if self._is_repeating and not isinstance(part, Explanation | Status):
            return
        if isinstance(part, Explanation):
            self.record.explanation = part
            if self.save_read is not None:
                await self.save_read()
            return
        assert self.output is not None
        if isinstance(part, Status):
            self.status = part
        self.output.add(part)
        now = asyncio.get_running_loop().time()
        if self.first_text_at is None and isinstance(part, Text):
            self.first_text_at = now
        elif now - self._paused_at < _MAX_LOOP_HOLD_S:
            return
        await asyncio.sleep(0)
        self._paused_at = now

    @property
    def stage(self) -> Stage:
        """What it is doing now."""
        if self.first_text_at is not None and (self.status is None or not self.status.text):
            return "writing"
        return self.status.stage if self.status is not None else "queued"

    def go_on(self) -> None:
        """From now on the skill says what was not said before the answer was cut."""
        self._is_repeating = False

    def extend(self, seconds: float) -> None:
        """Move the deadline of the work, if it runs."""
        ends_at = self.clock.when() if self.clock is not None else None
        if self.clock is not None and ends_at is not None and not self.clock.expired():
            self.clock.reschedule(ends_at + seconds)

    @property
    def subject(self) -> Subject:
        """Whose turn it is, and where, for the question who may stop it."""
        return Subject(self.asker.author.key, self.event.conversation)

    # --- stopping -----------------------------------------------------------------------------

    async def work(self, skill: Awaitable[None]) -> bool:
        """Run the skill in a task that a stop cancels; False if it was stopped.

        Raises what the skill raises, and `ForeignCancellation`.
        """
        self._work = asyncio.ensure_future(skill)
        if self.stopped:
            self._work.cancel()
        try:
            await unless_cancelled(self._work)
        except ForeignCancellation:
            if self.stopped is None:
                raise
            return False
        finally:
            self._work.cancel()  # of a turn whose own task is cancelled
        return True

    def stop(self, reason: StopReason, by: str = "") -> bool:
        """Cancel the work, even before it started. Returns False if it was stopped or had ended.

        A turn whose question was deleted or is answered anew takes its answer away even when that
        is complete.
        """
        over = self._work is not None and self._work.done()
        if reason in WITHDRAWN and not self.ended.is_set():
            over = self.stopped == "shutdown" or self.stopped in WITHDRAWN
        elif self.stopped is not None:
            over = True
        if over:
            return False
        self.stopped = reason
        self.stopped_by = by
        if self._work is not None:
            self._work.cancel()
        return True


async def unless_cancelled(awaited: Awaitable[T]) -> T:
    """Await something of a turn's task. Raises `ForeignCancellation` for a `CancelledError` that
    does not cancel this task: without this the turn would end in silence."""
    try:
        return await awaited
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise ForeignCancellation("something was cancelled that nobody had stopped") from error
