"""What passes between the rooms: who and where, and what is said back.

Frozen values only. An `Event` (`bot.events`) comes from an adapter, `Part`s come from a skill, and
a `View` is what delivery hands to a platform's `Sink`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Literal, TypeAlias
from urllib.parse import quote, unquote

from backends.base import Usage

Value: TypeAlias = str | int | float | bool
"""What an option of a command can hold."""


# --- who and where -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """Where a conversation happens. `str(key)` is the key of column, lane and cache affinity."""

    platform: str
    workspace: str
    channel: str
    thread: str | None = None
    user: str | None = None

    def __str__(self) -> str:
        return _written(self.platform, self.workspace, self.channel, self.thread, self.user)

    @classmethod
    def parse(cls, text: str) -> ConversationKey:
        """The inverse of `str`. Raises `ValueError` on anything else."""
        platform, workspace, channel, *rest = text.split(":")
        marks = dict(item.split("=", 1) for item in rest)
        if set(marks) - {"t", "u"}:
            raise ValueError(f"not a conversation key: {text!r}")
        return cls(
            unquote(platform),
            unquote(workspace),
            unquote(channel),
            unquote(marks["t"]) if "t" in marks else None,
            unquote(marks["u"]) if "u" in marks else None,
        )

    def scope(self, width: Scope) -> str:
        """The key under which a choice of this width is stored."""
        match width:
            case "conversation":
                return str(self)
            case "channel":
                return str(ConversationKey(self.platform, self.workspace, self.channel))
            case "workspace":
                return ":".join(quote(p, safe="@") for p in (self.platform, self.workspace))
            case "default":
                return ""


@lru_cache(maxsize=4096)  # the same few keys are written many times in each turn
def _written(
    platform: str, workspace: str, channel: str, thread: str | None, user: str | None
) -> str:
    text = ":".join(quote(part, safe="@") for part in (platform, workspace, channel))
    if thread is not None:
        text += ":t=" + quote(thread, safe="")
    if user is not None:
        text += ":u=" + quote(user, safe="")
    return text


Scope = Literal["conversation", "channel", "workspace", "default"]
SCOPES: tuple[Scope, ...] = ("conversation", "channel", "workspace", "default")
"""Narrowest first: the order in which a choice is looked up."""


@dataclass(frozen=True, slots=True)
class Author:
    """A person (or a bot) on a platform. `roles` are the platform's ids."""

    platform: str
    id: str
    name: str
    roles: frozenset[str] = frozenset()
    is_bot: bool = False
    locale: str | None = None

    @property
    def key(self) -> str:
        """The person across conversations: quota, fairness, `admins.users` in config.yaml."""
        return f"{self.platform}:{self.id}"


# --- parts: what a skill yields ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """More of the answer, as standard Markdown."""

    delta: str


Stage = Literal["queued", "loading", "reading", "thinking", "writing", "working"]


@dataclass(frozen=True, slots=True)
class Status:
    """The truth about what is going on before (or between) text. The latest one counts.

    `text` says it in words where the stage alone does not ("part 3 of 7"); `done`/`total` count
    steps of a longer job; `wait_s` is in seconds, `position` 1 is next, `tokens` still to be read.
    `elapsed_s` is how long the stage has been going on, in seconds.
    """

    stage: Stage
    text: str = ""
    position: int | None = None
    wait_s: float | None = None
    tokens: int | None = None
    done: int | None = None
    total: int | None = None
    elapsed_s: float | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A passage or page that an answer rests on. `number` is what `[n]` in the text refers to."""

    number: int
    title: str
    location: str
    """A URL, or a path as the operator knows it."""
    heading: str = ""
    score: float | None = None
    passage: str = field(default="", repr=False)
    document: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of the answer, in the order of their numbers; shown under it."""

    items: tuple[Source, ...]


ActionName = Literal["stop", "regenerate", "good", "bad", "why", "source", "wrong", "outdated"]


@dataclass(frozen=True, slots=True)
class Action:
    """A button under the answer."""

    name: ActionName
    label: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Actions:
    """The buttons that a skill wants under its answer, beside those that every answer gets."""

    items: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file to attach to the answer."""

    name: str
    data: bytes = field(repr=False)
    content_type: str = "text/plain; charset=utf-8"


NoticeKind = Literal["info", "refusal", "error", "footer"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the bot says in its own voice, not as the model's answer.

    A refusal or an error ends the turn; an error has the id that is also in the log. `private`
    notices are shown to the asker only, where the platform can.
    """

    text: str
    kind: NoticeKind = "info"
    private: bool = False
    error_id: str | None = None
    actions: tuple[Action, ...] = ()
    """Buttons that go with these words, where the platform has buttons."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What "Why this answer?" shows; stored with the turn, never shown by itself."""

    model: str = ""
    turns_used: int = 0
    turns_left_out: int = 0
    passages: tuple[Source, ...] = ()
    left_out: tuple[str, ...] = ()
    usage: Usage | None = None
    searched: tuple[str, ...] = ()
    """What the documents were searched for, where it is not the question as it was asked."""


Part: TypeAlias = Text | Status | Sources | Actions | File | Notice | Explanation


# --- what delivery hands to a platform -----------------------------------------------------------

State = Literal["working", "complete", "cancelled", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class View:
    """One reply as it stands now.

    `text` is the whole answer so far; `pages` is the same text split for the platform, each within
    `Limits.max_chars`; a page before the last never changes again. `status` is set only while
    `state` is "working". `notices` come in the order they were yielded.
    """

    turn: str
    text: str = field(default="", repr=False)
    pages: tuple[str, ...] = field(default=(), repr=False)
    status: Status | None = None
    sources: tuple[Source, ...] = ()
    actions: tuple[Action, ...] = ()
    files: tuple[File, ...] = ()
    notices: tuple[Notice, ...] = ()
    state: State = "working"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a platform allows. `edit_interval_s` is the least time between two edits, in seconds."""

    max_chars: int
    edit_interval_s: float
    max_file_bytes: int = 8 * 1024 * 1024
    streams: bool = True
