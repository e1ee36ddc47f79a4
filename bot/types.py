"""The values that adapters, core and skills exchange: people, places, and parts of an answer.

All are frozen. An adapter sends an `Event` (`bot.events`), a skill yields `Part`s, and delivery
hands a `View` to the platform's `Sink`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Literal, TypeAlias
from urllib.parse import quote, unquote

from backends.usage import Usage

Value: TypeAlias = str | int | float | bool
"""The value of a command's option."""


# --- who and where -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """Where a conversation takes place.

    `str(key)` identifies it in the database, in the lanes and in the prompt cache. `thread` is None
    outside of threads. `user` is set only in a key under which something is stored that one person
    chose for themselves in a channel (`scope`).
    """

    platform: str
    workspace: str
    channel: str
    thread: str | None = None
    user: str | None = None

    def __str__(self) -> str:
        return _written(self.platform, self.workspace, self.channel, self.thread, self.user)

    @classmethod
    def parse(cls, text: str) -> ConversationKey:
        """Read a key that `str` wrote. Raises `ValueError` for any other text."""
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

    def scope(self, width: Scope, person: str | None = None) -> str:
        """Return the key under which a setting of this scope is stored; empty for `default`.

        `person` is an `Author.key`; the scope `person` needs it and raises `ValueError` without.
        Outside of threads `conversation` is that person's scope; without a person, the channel's.
        """
        if width == "conversation" and self.thread is None and person is not None:
            width = "person"
        match width:
            case "conversation":
                return str(self)
            case "person":
                user = (person or "").partition(":")[2]
                if not user:
                    raise ValueError("the scope of a person needs the person")
                return str(ConversationKey(self.platform, self.workspace, self.channel, user=user))
            case "channel":
                return str(ConversationKey(self.platform, self.workspace, self.channel))
            case "workspace":
                return ":".join(quote(p, safe="@") for p in (self.platform, self.workspace))
            case "default":
                return ""

    def scopes(self, person: str | None = None) -> tuple[tuple[Scope, str], ...]:
        """Return the scopes that hold here for a person (an `Author.key`), narrowest first, each
        with its key: the thread, the person in this channel, the channel, the workspace, all."""
        widths: list[Scope] = ["channel", "workspace", "default"]
        if person is not None:
            widths.insert(0, "person")
        if self.thread is not None:
            widths.insert(0, "conversation")
        return tuple((width, self.scope(width, person)) for width in widths)


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


Scope = Literal["conversation", "person", "channel", "workspace", "default"]
"""How far a choice reaches, such as that of a model: one thread, one person in one channel with its
threads, or everybody in a channel, in a workspace, everywhere."""
SCOPES: tuple[Scope, ...] = ("conversation", "channel", "workspace", "default")
"""The scopes that hold for everybody, narrowest first. `ConversationKey.scopes` returns those in
which a choice is looked up for a person."""


@dataclass(frozen=True, slots=True)
class Author:
    """A person on a platform. `id` and `roles` are ids of the platform."""

    platform: str
    id: str
    name: str
    roles: frozenset[str] = frozenset()
    locale: str | None = None

    @property
    def key(self) -> str:
        """Identifies the person everywhere, as `platform:id`; so in quotas, in the history and in
        `admins.users` of config.yaml."""
        return f"{self.platform}:{self.id}"


# --- parts: what a skill yields ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer, to be appended to what was written before. Standard Markdown."""

    delta: str


Stage = Literal["queued", "loading", "reading", "thinking", "writing", "working"]


@dataclass(frozen=True, slots=True)
class Status:
    """What is going on before or between the text. A new status replaces the last; it is shown,
    also beneath text, until the model's own first word (`writing`) or the end.

    `text` describes it where the stage alone is not enough ("part 3 of 7"). `done` of `total` steps
    are finished. `position` is the place in the queue (1 is next), `wait_s` the expected wait and
    `elapsed_s` the time spent in this stage, both in seconds; `tokens` are still to be read.
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
class Place:
    """Where in its file something stands: pages, slides and rows count from 1; 0 where unknown."""

    page: int = 0
    slide: int = 0
    sheet: str = ""
    row: int = 0

    def __bool__(self) -> bool:
        return self != NOWHERE


NOWHERE = Place()
"""The place of what has no pages, sheets or slides."""


@dataclass(frozen=True, slots=True)
class Source:
    """A passage or page that an answer is based on; `[n]` in the text cites `number` n.

    `score` is its relevance from 0 to 1, `document` its document's id, `at` when it was read.
    """

    number: int
    title: str
    location: str
    """A URL, or a path as the operator wrote it."""
    heading: str = ""
    score: float | None = None
    passage: str = field(default="", repr=False)
    document: str = ""
    at: datetime | None = None
    base: str = ""
    """The knowledge base that its document is in; empty for a page."""
    also: tuple[int, ...] = ()
    """Further numbers that the text cites it by: those of other passages of the same section."""
    place: Place = NOWHERE
    """The page, slide, or sheet and row of its file that the passage begins on."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of the answer, in the order of their numbers; they are shown below it."""

    items: tuple[Source, ...]


ActionName = Literal[
    "stop",
    "regenerate",
    "continue",
    "resume",
    "answer",
    "good",
    "bad",
    "why",
    "source",
    "wrong",
    "outdated",
    "share",
    "accept",
    "press",
]
"""What a button is for; "press" is for a command's own, which it answers itself (`pressed`)."""


@dataclass(frozen=True, slots=True)
class Action:
    """A button below the answer. `value` comes back in the `ActionCall` when it is pressed."""

    name: ActionName
    label: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Actions:
    """Buttons that a skill adds below its answer, besides those that every answer has."""

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
    """A message of the bot itself, as opposed to the model's answer.

    A turn with a refusal or an error ends as such. `error_id` is also in the log. A `private`
    notice is shown only to the person who asked, where the platform can do that. `detail` is for
    operators, with addresses and file names; only the terminal shows it.
    """

    text: str
    kind: NoticeKind = "info"
    private: bool = False
    error_id: str | None = None
    detail: str = field(default="", kw_only=True)
    actions: tuple[Action, ...] = ()
    """Buttons that belong to the notice, where the platform has buttons."""
    choice: bool = field(default=False, kw_only=True)
    """Whether it says what somebody chose by a button; it is then shown in place of the buttons,
    where the platform can do that."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the button "Why this answer?" shows; it is stored with the answer."""

    model: str = ""
    turns_used: int = 0
    turns_left_out: int = 0
    passages: tuple[Source, ...] = ()
    left_out: tuple[str, ...] = ()
    usage: Usage | None = None
    searched: tuple[str, ...] = ()
    """The queries that the documents were searched for, if they differ from the question."""
    pointed: tuple[str, ...] = ()
    """The words that a model found to answer the question, with the numbers of their passages."""
    confidence: float = 0.0
    """How likely it is that the passages answer, 0 to 1; 0 where nothing was searched."""
    outcome: str = ""
    """What a search came to: answer, unsure or absent; empty where nothing was searched."""
    read_by: str = ""
    """The model that read the passages and says so; empty where the search does."""
    steps: tuple[str, ...] = ()
    """What was done for the answer: each call of a tool, with how it ended."""
    summary: int = 0
    """The summary of earlier turns that was read, by its number; 0 for none."""


Part: TypeAlias = Text | Status | Sources | Actions | File | Notice | Explanation
"""Whatever a skill may yield."""


# --- what delivery hands to a platform -----------------------------------------------------------

Audience = Literal["everyone", "asker"]
"""Who reads a reply: everybody in the conversation, or only the person who asked."""

State = Literal["working", "waiting", "complete", "cancelled", "refused", "failed"]
"""`waiting` is a reply whose turn is suspended: nothing is added to it until it is resumed."""


@dataclass(frozen=True, slots=True)
class View:
    """One reply as it stands now.

    `text` is the whole answer so far. `pages` is the same text split for the platform, each at most
    `Limits.max_chars` long; a page before the last never changes again. `status` is set only while
    `state` is "working". `notices` are in the order in which they were yielded. `audience` may
    become "asker" when the reply ends as a refusal: what everybody was shown is then taken away.
    `heading` is small print above the text that says whose question this answers; empty for none.
    `locale` is the language of its readers, such as `de`; None for English.
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
    audience: Audience = "everyone"
    heading: str = ""
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a platform allows in a reply.

    `max_chars` is the longest message, `edit_interval_s` the shortest time between two edits in
    seconds, and `streams` whether a reply may be edited while it is written. The others say which
    calls a `MessagePort` answers.
    """

    max_chars: int
    edit_interval_s: float
    max_file_bytes: int = 8 * 1024 * 1024
    streams: bool = True
    edits: bool = True
    """Whether a message can be changed; without, a reply is posted when it is complete."""
    deletes: bool = True
    ephemeral: bool = False
    """Whether a message can be shown to the asker alone."""
    reactions: bool = False
    typing: bool = False
    files: Literal["in message", "apart", "none"] = "in message"
    """Whether files are part of a message, are uploaded by themselves, or cannot be sent."""
