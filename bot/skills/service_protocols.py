"""What the services of the core can do for a skill: a narrow protocol for each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from backends.base import Capabilities
from bot.commands.checks import Asker
from bot.duels.values import Duel, DuelBoard, DuelChoice, DuelKind
from bot.types import ConversationKey, File, Scope
from bot.values import (
    AccessToken,
    Change,
    Difference,
    Document,
    FoundPage,
    Ingested,
    Page,
    Passage,
    PicturesRead,
    SearchResult,
    Setting,
    Support,
)


class Knowledge(Protocol):
    """The documents, grouped in knowledge bases."""

    async def bases(self, asker: Asker) -> Sequence[str]:
        """Return the knowledge bases that may answer this person here, the channel's own first."""
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
        """Search for passages; returns at most `limit`, best first.

        Without `bases` it searches those that are for everybody, wherever they answer.
        `before` are the conversation's earlier questions, oldest first, which complete a short
        follow-up question. `beside` are other wordings of the query, which weigh less.
        """
        ...

    def add(
        self, location: str, *, base: str | None = None, by: str = ""
    ) -> AsyncGenerator[Ingested, None]:
        """Add the document or documents at a URL, sitemap, file or folder; yields the progress.
        Raises `Refused` if there is nothing that can be read."""
        ...

    def add_bytes(
        self, name: str, data: bytes, *, base: str | None = None, by: str = ""
    ) -> AsyncGenerator[Ingested, None]:
        """Add an uploaded file; yields the progress."""
        ...

    async def list(self, base: str | None = None) -> Sequence[Document]:
        """Return the documents of one knowledge base, or of all."""
        ...

    async def changes(self, since: datetime, base: str | None = None) -> Sequence[Change]:
        """Return which documents of one knowledge base, or of all, were added, changed and removed
        since then, the newest first."""
        ...

    async def difference(
        self, document: str, *, base: str | None = None, since: datetime | None = None
    ) -> Difference:
        """Return what the last change of a document, given as for `remove`, changed, or all changes
        since then. Raises `NotFound`, also where no earlier version is kept."""
        ...

    async def read(self, document: str, *, base: str | None = None) -> Page:
        """Return a document as Markdown, given as for `remove`. Raises `NotFound`."""
        ...

    async def remove(self, document: str, *, base: str | None = None) -> Document:
        """Remove a document, given by id, location or unique title. Raises `NotFound`."""
        ...

    async def passage(self, passage: str) -> Passage | None:
        """Return the passage with this id."""
        ...

    async def check_support(self, answer: str, passages: Sequence[Passage]) -> Sequence[Support]:
        """Say of each sentence of an answer what in it no passage has; `[1]` in the answer cites
        `passages[0]`."""
        ...


class Web(Protocol):
    """Reads web pages and files safely: addresses are checked, size and time are limited."""

    async def read(self, url: str) -> Page:
        """Fetch a page and extract its text. Raises `Refused` (address not allowed, too large, no
        text) or `Failed`."""
        ...

    async def read_file(self, path: str) -> Page:
        """Read a file of the machine that Parlance runs on; for the terminal only."""
        ...

    async def read_bytes(self, name: str, data: bytes) -> Page:
        """Read an uploaded file."""
        ...

    async def pictures(self, name: str, data: bytes, most: int) -> PicturesRead:
        """Read an uploaded picture, or at most `most` pictures of a document, for a model that
        sees. Raises `Refused`, which says why it cannot be seen."""
        ...


class WebSearch(Protocol):
    """Searches the web by a service of the operator's."""

    async def search(self, query: str) -> Sequence[FoundPage]:
        """Return the pages that fit best. Raises `Failed`."""
        ...


class Prompts(Protocol):
    """The prompt templates. Small models and families may have variants, and operators may replace
    each."""

    def render(self, task: str, model: Capabilities | str = "", /, **values: Any) -> str:
        """Render `<task>.small.j2` for a small model, `<task>.<family>.j2`, or `<task>.j2`,
        whichever exists first. `model` is what the model can do, or its family alone.
        Raises `PluginError` if there is none.

        Every text among the values that is not `Trusted` is enclosed in marks or quotation marks.
        """
        ...


LikenessOf = Callable[[str, Sequence[str]], Awaitable[Sequence[float] | None]]
"""Returns how alike a question and each text are, from -1 to 1; None where that cannot be told."""


class Turns(Protocol):
    """The open turns."""

    async def stop(self, conversation: ConversationKey, by: Asker) -> int:
        """Stop the turns of a conversation that this person may stop; returns how many were."""
        ...


class Settings(Protocol):
    """The settings of a channel: from config.yaml, overridden by what an admin chose in chat."""

    def names(self) -> Sequence[str]:
        """Return the names of all settings that can be changed."""
        ...

    def may_choose(self, name: str, scope: Scope, asker: Asker) -> bool:
        """Tell whether somebody may set a value for a scope."""
        ...

    async def show(
        self, conversation: ConversationKey, person: str | None = None
    ) -> Sequence[Setting]:
        """Return the settings in effect for a person (`Author.key`) in a conversation; of the
        command permissions, only those that were changed in chat."""
        ...

    async def put(
        self, name: str, value: str, scope: Scope, conversation: ConversationKey, by: str
    ) -> None:
        """Set a value for a scope; `by` is the `Author.key` of the person who sets it. Raises
        `NotFound` for an unknown name and `UsageError` for a bad value."""
        ...

    async def check(
        self, name: str, value: str, scope: Scope, conversation: ConversationKey
    ) -> str:
        """Return a value as it would be kept, without setting it. Raises what `put` raises, except
        of a model, which is only asked when it is chosen."""
        ...

    async def clear(
        self, name: str, scope: Scope, conversation: ConversationKey, by: str | None = None
    ) -> None:
        """Remove the value set for a scope; the scope `person` needs `by`. Raises `NotFound` for
        an unknown name."""
        ...


class Moderation(Protocol):
    """Whom the bot does not answer, and where it is paused. People are given by `Author.key`."""

    def blocked(self) -> Sequence[str]:
        """Return everybody who is blocked."""
        ...

    async def block(self, person: str, by: str) -> None:
        """Block somebody everywhere. Raises `UsageError` for an admin."""
        ...

    async def unblock(self, person: str, by: str) -> bool:
        """Take a block back; returns False where there was none."""
        ...

    async def pause(self, place: ConversationKey | None, by: str, reason: str = "") -> None:
        """Pause a thread or a whole channel; everything where `place` is None."""
        ...

    async def resume(self, place: ConversationKey | None, by: str) -> bool:
        """End a pause of exactly this place; returns False where there was none."""
        ...


class Places(Protocol):
    """The servers and workspaces that the bot works in."""

    async def introduce_once(self, scope: str) -> bool:
        """Return whether the bot has not introduced itself in a place (`ConversationKey.scope`);
        it counts as done from now on."""
        ...

    async def redeem(self, text: str, conversation: ConversationKey, person: str) -> str:
        """Allow the place if the text is the word of the log; returns what to say. Raises
        `Denied`."""
        ...


class Admins(Protocol):
    """The people who became admins at run time, by `Author.key`."""

    def chosen(self) -> Sequence[str]:
        """Return all of them."""
        ...

    async def remove(self, person: str, by: str) -> bool:
        """Take it back; returns False where nothing was to be taken back."""
        ...


class Tokens(Protocol):
    """The tokens with which programs of people connect, over MCP. People are given by
    `Author.key`."""

    async def make(self, person: str, place: ConversationKey) -> str:
        """Make a token and return it: nobody can read it again. `place` is their direct message.
        Raises `Refused` if they have too many."""
        ...

    async def of_person(self, person: str) -> Sequence[AccessToken]:
        """Return a person's tokens that have not ended, the oldest first."""
        ...

    async def revoke(self, person: str, name: str = "") -> int:
        """Take back a person's token of this name, or all of theirs; returns how many."""
        ...


class Logins(Protocol):
    """The servers of tools at which people have logged in, over MCP. People are given by
    `Author.key`."""

    async def of_person(self, person: str) -> Sequence[str]:
        """Return the names of the servers."""
        ...

    async def begin(self, person: str, server: str) -> str:
        """Begin a login, and return the link at which the person goes on in their browser. Raises
        `NotFound`, `Refused` and `Failed`."""
        ...

    async def confirm(self, person: str, word: str) -> str:
        """Finish a login with what their browser showed; returns the server's name. Raises
        `NotFound` and `Failed`."""
        ...

    async def remove(self, person: str, server: str) -> bool:
        """Log a person out of a server; returns False where they were not logged in."""
        ...


class ConsoleLinks(Protocol):
    """Links into the console, in a browser."""

    async def link(self, person: str, place: ConversationKey, *, near: bool = False) -> str:
        """Make a link for a person (`Author.key`), whose direct message is `place`; `near` says
        that they may be at the machine that the bot runs on. Raises `Refused`."""
        ...


class OwnData(Protocol):
    """What is kept of a person, for themselves. People are given by `Author.key`."""

    async def file(self, person: str) -> File:
        """Return everything as one file. Raises `Busy` where they got it a short while ago, and
        `Refused` where it is too large to be sent."""
        ...


class Duels(Protocol):
    """Pairs of answers of two models, and what people think of them. People are given by
    `Author.key`, a duel by the id of the answer that shows both sides."""

    async def add(self, turn: str, kind: DuelKind, model_a: str, model_b: str) -> None:
        """Store a duel: the models that wrote what is shown as A and as B."""
        ...

    async def vote(self, turn: str, person: str, choice: DuelChoice) -> None:
        """Take a person's vote; their last one counts. Raises `NotFound`, and `Refused` where they
        were told the names before."""
        ...

    async def tell_names(self, turn: str, person: str, *, unvoted: bool = False) -> Duel:
        """Return which model is which to a person, whose vote stays from then on as it is. Raises
        `NotFound`, and `Refused` for somebody who has not voted, unless `unvoted` allows it."""
        ...

    async def board(self) -> DuelBoard:
        """Return how the models did in all duels."""
        ...
