"""The turn that a skill is called for, as the skill sees it, and how it is suspended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Protocol

from backends.base import ChatMessage, Usage
from bot.commands.checks import Asker
from bot.events import Attachment, CommandCall, Message
from bot.history.prompts import MAX_KEPT_PROMPTS, SentPrompt
from bot.history.protocol import Cut
from bot.history.suspensions import Suspension
from bot.settings.values import ChannelSettings
from bot.types import Action, Explanation, Part

MAX_SUSPENSION: Final = timedelta(days=30)
"""The longest time for which a turn is suspended."""


@dataclass(slots=True)
class TurnRecord:
    """What is stored with an answer besides its text; filled in while the skill runs."""

    model: str = ""
    blind: bool = False
    """Whether nobody is to be told which model is asked: then `model` stays empty."""
    usage: Usage | None = None
    explanation: Explanation | None = None
    silent: bool = False
    """Whether the model was asked and its last answer had no word."""
    cut: Cut | None = field(default=None, repr=False)
    """Where the model's last answer reached its length limit."""
    error: str = ""
    """The id that the answer names, where the turn ended as an error."""
    read: list[tuple[Attachment, str, str]] = field(default_factory=list, repr=False)
    """The files that were read, each with its title and text; stored with the question."""

    seen: list[Attachment] = field(default_factory=list, repr=False)
    """The files whose pictures a model was shown; only their names are stored."""

    sent: list[SentPrompt] | None = field(default=None, repr=False)
    """What models were sent; None where it is not kept."""

    def note_prompt(
        self, model: str, messages: Sequence[ChatMessage], tools: Iterable[str]
    ) -> None:
        """Keep what a model is sent, if it is kept at all."""
        if self.sent is not None and len(self.sent) < MAX_KEPT_PROMPTS:
            self.sent.append(SentPrompt(model, messages, tuple(tools)))

    def add(self, usage: Usage) -> None:
        """Add the usage of one more model call of the same turn."""
        old = self.usage
        if old is None:
            self.usage = usage
            return
        self.usage = Usage(
            *(getattr(old, f) + getattr(usage, f) for f in Usage.__dataclass_fields__)
        )


@dataclass(frozen=True, slots=True)
class Resumption:
    """How a suspended turn was resumed.

    `state` is what the skill stored, `choice` the value of the button that was pressed (empty: the
    time had come), and `by` the name of the person who pressed it.
    """

    state: Mapping[str, Any] = field(default_factory=dict, repr=False)
    choice: str = ""
    by: str = ""


class TurnSuspended(BaseException):  # no `except Exception` of a skill may hold it
    """Ends the work of a turn that `Context.suspend` has suspended."""

    def __init__(self, suspension: Suspension, actions: tuple[Action, ...]) -> None:
        super().__init__()
        self.suspension = suspension
        self.actions = actions


class CurrentTurn(Protocol):
    """The turn that a context belongs to; `bot.turns.turn.Turn` is one."""

    @property
    def id(self) -> str: ...

    @property
    def event(self) -> Message | CommandCall: ...

    @property
    def asker(self) -> Asker: ...

    @property
    def settings(self) -> ChannelSettings: ...

    @property
    def record(self) -> TurnRecord: ...

    @property
    def deadline_s(self) -> float | None: ...

    @property
    def resumed(self) -> Resumption | None: ...

    @property
    def continues(self) -> Cut | None: ...

    def go_on(self) -> None: ...

    async def say(self, part: Part) -> None: ...


def suspend_turn(
    turn: CurrentTurn,
    state: Mapping[str, Any],
    until: datetime | None,
    buttons: Sequence[tuple[str, str]],
    who: Literal["asker", "admins"],
) -> TurnSuspended:
    """Return what ends the work of a turn until a button (value, label) is pressed, or `until`."""
    latest = datetime.now(UTC) + MAX_SUSPENSION
    suspension = Suspension(
        turn=turn.id,
        person=turn.event.author.key,
        conversation=str(turn.event.conversation),
        direct=turn.asker.direct,
        state=state,
        resume_at=latest if until is None else min(until, latest),
        who=who,
        occasion=turn.event.occasion,
    )
    actions = tuple(Action("resume", label, value) for value, label in buttons)
    return TurnSuspended(suspension, actions)
