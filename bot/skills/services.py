"""The services of the core that a skill may use, each behind a narrow protocol."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.commands.checks import Asker
from bot.commands.declaration import Command
from bot.history.protocol import HistoryStore
from bot.models.protocol import Models
from bot.prompting.context_window import Fitter
from bot.types import ConversationKey, Scope
from bot.values import Document, Ingested, Page, Passage, SearchResult, Setting, Support


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
