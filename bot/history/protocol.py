"""The protocol of the store of conversations, and the values that it stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from backends.base import Usage
from bot.history.attachments import AttachmentSnapshot
from bot.types import Explanation, Scope, Source

TurnStatus = Literal[
    "running", "waiting", "complete", "cancelled", "refused", "failed", "interrupted"
]
Verdict = Literal["good", "bad", "wrong", "outdated"]
AnswerOrigin = Literal["model", "documents", "server"]
"""What an answer rests on, from the most to the least trusted; "server" is any tool."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where an answer ended because it reached its length limit, so that it can go on.

    `text` is what the model wrote in its last call, which was the turn's `call`th; `tokens` are the
    ids of that text where the engine goes on from those.
    """

    model: str
    text: str = field(repr=False)
    tokens: tuple[int, ...] = field(default=(), repr=False)
    call: int = 1


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One turn of a conversation: what a person said, or what was answered.

    Turns are append-only: an answer's row is written to only while it is "running"; one that was
    cut is reopened to go on. `remember` says whether the turn is part of the prompt of later ones.
    An answer's `answers` is the id of the person's turn. `model` is the one that answered; of a
    person's turn the one that it names, empty where it names none.
    """

    id: str
    conversation: str
    role: Literal["user", "assistant"]
    text: str = field(repr=False)
    author: str
    at: datetime
    author_name: str = ""
    command: str = ""
    options: Mapping[str, str | int | float | bool | None] = field(default_factory=dict, repr=False)
    event_id: str = ""
    answers: str | None = None
    remember: bool = True
    model: str = ""
    status: TurnStatus = "complete"
    usage: Usage | None = None
    explanation: Explanation | None = field(default=None, repr=False)
    cut: Cut | None = field(default=None, repr=False)
    private: bool | None = None
    """Whether only the person who asked could read the answer; None where nobody noted it."""
    error: str = ""
    """The id that the answer names, where it is an error."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary of how a conversation began; `last` is the id of the last question in it.

    `people` are those who asked (`Author.key`). `origin` is "model", or "documents" or "server"
    where an answer in it rests on those, whichever is trusted least.
    """

    id: int
    last: str
    text: str = field(repr=False)
    people: tuple[str, ...] = ()
    origin: AnswerOrigin = "model"


@dataclass(frozen=True, slots=True)
class Report:
    """What a person said of a passage; `source` is None where the answer does not know it."""

    verdict: Verdict
    person: str
    at: datetime
    source: Source | None


class HistoryStore(Protocol):
    """Conversations on disk. Every call is one short transaction; none blocks the event loop."""

    async def claim(self, platform: str, event_id: str) -> bool:
        """Mark an event as taken; False when it was before (a redelivery, also after a restart)."""
        ...

    async def open(
        self, question: StoredMessage, answer: StoredMessage, *, claim: bool = False
    ) -> bool:
        """Store the person's turn, and the answer's as running, before any model is asked. Of a
        question that is stored already, the text becomes the one that is asked now.

        With `claim` the question's event is marked as taken as well; False, and nothing is stored,
        when it was before.
        """
        ...

    async def progress(self, turn: str, text: str) -> None:
        """What has been written so far of a running answer, so that a crash does not lose it."""
        ...

    async def finish(self, answer: StoredMessage, *, before: StoredMessage | None = None) -> None:
        """Close a running answer with its text, status, model, usage and explanation. `before` is
        what was stored of it when it went on, if it did."""
        ...

    async def reopen(self, turn: str) -> bool:
        """Mark a complete answer that was cut as running again; False if it is none, is running
        already, or was replaced."""
        ...

    async def recent(
        self, conversation: str, *, limit: int = 200, until: str | None = None
    ) -> Sequence[StoredMessage]:
        """Remembered turns, oldest first, at most `limit` of the newest; complete questions with
        complete, cancelled or interrupted answers. A turn replaced by Regenerate is left out. With
        `until`, the id of an answer, only what was stored before it."""
        ...

    async def get(self, turn: str) -> StoredMessage | None:
        """One stored message by its id; None where there is none."""
        ...

    async def supersede(self, turn: str) -> None:
        """An answer was regenerated: the old one stays stored, and leaves the prompts to come.
        Summaries that were made of it are deleted."""
        ...

    async def by_event(self, platform: str, event_id: str) -> StoredMessage | None:
        """The person's turn that an event made."""
        ...

    async def answer_to(self, question: str) -> StoredMessage | None:
        """The latest answer to a person's turn, whatever became of it."""
        ...

    async def keep(self, question: str, material: AttachmentSnapshot) -> None:
        """Keep what a person's turn came with; what was kept of it before is replaced."""
        ...

    async def material(self, question: str) -> AttachmentSnapshot | None:
        """What was kept of a person's turn."""
        ...

    async def interrupt_running(self) -> Sequence[StoredMessage]:
        """At start: mark what a dead process left running as interrupted, and return it."""
        ...

    async def feedback(self, turn: str, person: str, verdict: Verdict, passage: str = "") -> None:
        """Keep one verdict a person, turn and passage; the latest counts."""
        ...

    async def reports(self, workspace: str, *, limit: int = 200) -> Sequence[Report]:
        """Passages that people found wrong or outdated under answers of a workspace (the key of
        `ConversationKey.scope`), the newest first."""
        ...

    async def forget(self, *, person: str | None = None, conversation: str | None = None) -> int:
        """Delete what was kept of a person, or a conversation; returns the number of turns.

        With a person go the messages of theirs that were kept with what others asked; an exchange
        that was about such a message goes as a whole.
        """
        ...


MODERATION_CHOICES = frozenset({"admin", "blocked", "paused", "place"})
"""Names of values that keep people and places out, or in; they outlive who chose them."""


class Preferences(Protocol):
    """Small values that people chose at run time, by scope key (`ConversationKey.scope`)."""

    async def get(self, name: str, scope: str) -> str | None:
        """The value chosen for this scope; None where nothing was."""
        ...

    async def starting_with(self, prefix: str) -> Sequence[tuple[str, str, str]]:
        """Every choice whose name begins so, as name, scope and value."""
        ...

    async def put(self, name: str, scope: str, value: str, by: str) -> None:
        """Choose a value, in place of the one before; `by` is the person's `Author.key`."""
        ...

    async def clear(self, name: str, scope: str) -> None:
        """Take a choice back, so that the next wider scope counts."""
        ...

    async def choices(self, scopes: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """What was chosen for each of these scopes, by name."""
        ...

    async def of(self, name: str) -> Mapping[str, str]:
        """Every value of one name, by scope."""
        ...

    async def resolve(
        self, name: str, scopes: Sequence[tuple[Scope, str]]
    ) -> tuple[Scope, str] | None:
        """The first of the scopes that has a value, with the value."""
        ...
