"""The services of the core that a skill may use, each behind a narrow protocol."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from backends.base import Capabilities, ChatMessage, ChatRequest, Chunk
from bot.checks import Asker
from bot.command import Command
from bot.fitting import Fitter
from bot.history.store import HistoryStore
from bot.types import ConversationKey, Scope


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model as people see it. `replicas` has a line for each, where there are several."""

    name: str
    description: str
    engine: str
    state: str
    detail: str = ""
    replicas: tuple[str, ...] = ()


class Models(Protocol):
    """The models that can answer, and which one answers where."""

    def names(self) -> Sequence[str]:
        """Names of the models that can chat, in config.yaml's order."""
        ...

    async def current(self, conversation: ConversationKey) -> tuple[str, Scope]:
        """The model that answers here, and the scope whose choice that is."""
        ...

    async def use(self, name: str, scope: Scope, conversation: ConversationKey, by: str) -> None:
        """Choose a model. Raises `NotFound`, or `Failed` if it cannot answer; the old one stays."""
        ...

    async def describe(self) -> Sequence[ModelInfo]: ...

    async def capabilities(self, model: str) -> Capabilities: ...

    async def count(self, model: str, messages: Sequence[ChatMessage]) -> int:
        """Tokens of a prompt, in the model's own tokens."""
        ...

    def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Stream an answer. Raises `BackendError`."""
        ...


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document, as found. `text` is at most the embedder's window; `context` has its
    neighbours too. `score` is 0 to 1, fused; the others are as the index gave them. `near` is how
    near each of its sentences is to the question, a cosine; empty where it has but one."""

    id: str
    document: str
    title: str
    location: str
    heading: str
    text: str = field(repr=False)
    score: float = 0.0
    dense: float = 0.0
    lexical: float = 0.0
    context: str = field(default="", repr=False)
    at: datetime | None = None
    base: str = ""
    near: tuple[float, ...] = field(default=(), repr=False)


class Support(Protocol):
    """A sentence of an answer, and whether passages bear it out."""

    @property
    def text(self) -> str: ...

    @property
    def supported(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search found, best first. `evidence` is the gate's verdict: without it no answer may
    be drawn from the passages, and `passages` are only the nearest. `searched` is what was looked
    up, the most important first, where it is not the question alone."""

    passages: tuple[Passage, ...]
    evidence: bool
    confidence: float = 0.0
    nearest: tuple[str, ...] = ()
    searched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A document in a knowledge base. `location` is its URL or path."""

    id: str
    base: str
    title: str
    location: str
    passages: int
    characters: int
    at: datetime
    added_by: str = ""
    status: str = "ready"


@dataclass(frozen=True, slots=True)
class Ingested:
    """Progress of an ingestion, and what became of each document when it is done."""

    location: str
    done: int
    total: int
    state: str = "working"
    """working, added, changed, unchanged, removed or refused; or passed, which is no document:
    `detail` is a sentence for the end, on files of a folder that nothing reads."""
    detail: str = ""
    passages: int = 0
    """While a long document is being worked on: how many of its `passages_total` are embedded."""
    passages_total: int = 0

    @property
    def within(self) -> str:
        """How far a long document is, `320 of 1,140 passages`; empty for others."""
        of = self.passages_total
        return f"{self.passages:,} of {of:,} passages" if of else ""


class Knowledge(Protocol):
    """The documents, by knowledge base."""

    async def bases(self, asker: Asker) -> Sequence[str]:
        """Knowledge bases that may answer here, the channel's own first."""
        ...

    async def search(
        self,
        query: str,
        *,
        bases: Sequence[str] | None = None,
        limit: int = 8,
        before: Sequence[str] = (),
        beside: Sequence[str] = (),
    ) -> SearchResult:
        """Passages, best first. `before` are the conversation's earlier questions, the last of them
        last, which a short follow-up leans on; `beside` other ways to put it, which count less."""
        ...

    def add(
        self, location: str, *, base: str | None = None, by: str = ""
    ) -> AsyncGenerator[Ingested, None]:
        """Read a URL, a sitemap, a file or a folder in. Raises `Refused` for what cannot be."""
        ...

    def add_bytes(
        self, name: str, data: bytes, *, base: str | None = None, by: str = ""
    ) -> AsyncGenerator[Ingested, None]:
        """Read an uploaded file in."""
        ...

    async def list(self, base: str | None = None) -> Sequence[Document]: ...

    async def remove(self, document: str, *, base: str | None = None) -> Document:
        """Remove by id, location or unique title. Raises `NotFound`."""
        ...

    async def passage(self, passage: str) -> Passage | None: ...

    async def check_support(self, answer: str, passages: Sequence[Passage]) -> Sequence[Support]:
        """Which sentences of an answer the passages bear out; `passages[0]` is what `[1]` cites."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """A fetched page or file, read as Markdown."""

    url: str
    title: str
    text: str = field(repr=False)


class Web(Protocol):
    """Fetching, safely: every address is checked, size and time are bounded."""

    async def read(self, url: str) -> Page:
        """Fetch and extract. Raises `Refused` (not allowed, too large, no text) or `Failed`."""
        ...

    async def read_file(self, path: str) -> Page:
        """A file of the machine that Parlance runs on; for the terminal only."""
        ...

    async def read_bytes(self, name: str, data: bytes) -> Page:
        """An uploaded file."""
        ...


class Prompts(Protocol):
    """The prompt templates, with a variant for each model family, overridable by the operator."""

    def render(self, task: str, family: str = "", /, **values: Any) -> str:
        """Render `<task>.<family>.j2` or `<task>.j2`. Raises `PluginError` if neither exists.

        Every text among the values is set between marks, or in quotation marks, that is not
        `Trusted`.
        """
        ...


class Turns(Protocol):
    """The turns that are running."""

    async def stop(self, conversation: ConversationKey, by: Asker) -> int:
        """Cancel what this person may cancel in a conversation; returns how many turns were."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """How the bot behaves in one respect here; `scope` is the width of the choice that made it so,
    None where config.yaml did."""

    name: str
    description: str
    value: str
    scope: Scope | None = None


class Settings(Protocol):
    """How the bot behaves in a channel: config.yaml's word, then what an admin chose."""

    def names(self) -> Sequence[str]:
        """The names of all settings that can be chosen."""
        ...

    async def show(self, conversation: ConversationKey) -> Sequence[Setting]:
        """The settings as they stand here; of who may use which command, what was chosen."""
        ...

    async def put(
        self, name: str, value: str, scope: Scope, conversation: ConversationKey, by: str
    ) -> None:
        """Choose a value. Raises `NotFound` for the name, `UsageError` for the value."""
        ...

    async def clear(self, name: str, scope: Scope, conversation: ConversationKey) -> None:
        """Go back to what holds without this choice. Raises `NotFound` for the name."""
        ...


@dataclass(frozen=True, slots=True)
class Searching:
    """What a model does for a search; all off, since each costs a model call before the answer.

    `rewrite`: it makes a question stand by itself. `multi_query`: it proposes other ways to put
    it. Each call may take `deadline_s`; after that the question stays as it is.
    """

    rewrite: bool = False
    multi_query: bool = False
    deadline_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a skill may use, one narrow protocol each.

    `forget` deletes what was kept of a person (`platform:id`), by history and by every plugin, and
    returns the number of turns.
    """

    models: Models
    history: HistoryStore
    knowledge: Knowledge
    web: Web
    prompts: Prompts
    turns: Turns
    commands: Sequence[Command]
    settings: Settings | None = None
    forget: Callable[[str], Awaitable[int]] | None = None
    fitter: Fitter = field(default_factory=Fitter)
    searching: Searching = Searching()
    max_attachment_bytes: int = 20 * 1024 * 1024
