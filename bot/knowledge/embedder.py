"""What the documents need of the model that embeds them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from backends.base import Backend, Embeddings
from bot.errors import Refused
from bot.knowledge.ruler import Spans

_MANY_LANGUAGES = re.compile(
    r"multilingual|bge-m3|labse|nomic-embed-text-v2|arctic-embed2|arctic-embed-l-v2|jina-embeddings-v3"
    r"|embeddinggemma|qwen3-embedding|gte-qwen|granite-embedding-278m|granite-embedding-107m",
    re.IGNORECASE,
)
"""Embedders that know other languages as well as English."""
_DEFAULT_WINDOW = 256
_CHARACTERS_A_TOKEN = 2.5
"""A cautious guess, for engines that do not tell their tokens."""


@dataclass(frozen=True, slots=True)
class Embedder:
    """A model that turns passages and questions into unit vectors.

    `id` names the model and its weights: passages made by another id are never mixed with these.
    `window` is the most tokens of one text that it reads, special tokens included; `count` gives
    the tokens of a text without them, runs in threads, and must not block for long; `spans`, if the
    engine knows it, says where they are. `embed` raises a `BackendError`. An `english` model says
    little about texts in other languages, and its weight is lowered for them.
    """

    id: str
    dimension: int
    window: int
    embed: Callable[[Sequence[str]], Awaitable[Embeddings]] = field(repr=False)
    count: Callable[[str], int] = field(repr=False)
    english: bool = True
    spans: Spans | None = field(default=None, repr=False)


EmbedderOf = Callable[[str], Awaitable[Embedder]]
"""Gives the embedder of a knowledge base, by the base's name; may load it."""


def check_embedder(base: str, made_by: str, dimension: int, embedder: Embedder) -> None:
    """Raises `Refused` where a base's vectors were made by another embedder than this one."""
    if (made_by, dimension) != (embedder.id, embedder.dimension):
        raise Refused(
            f"The documents of {base!r} were read with the embedder {made_by}, and config.yaml "
            f"names {embedder.id}; run: parlance docs rebuild {base}"
        )


@runtime_checkable
class Tokenizing(Protocol):
    """A backend that tells its own tokens, and exactly which weights it runs."""

    @property
    def model_id(self) -> str: ...

    def tokens(self, text: str) -> int:
        """Tokens of a text, without those that mark its ends; safe in any thread."""
        ...


@runtime_checkable
class Spanning(Protocol):
    """A backend that tells where in a text its tokens are."""

    def spans(self, text: str) -> list[tuple[int, int]]: ...


async def embedder_of(
    backend: Backend,
    embed: Callable[[Sequence[str]], Awaitable[Embeddings]] | None = None,
    *,
    english: bool | None = None,
) -> Embedder:
    """The embedder that a backend is; may load the model.

    `embed` is asked instead of the backend's own, so that a pool can stand before it. Whether it
    knows English alone is guessed from its name where `english` does not say.
    """
    capabilities = await backend.capabilities()
    told = isinstance(backend, Tokenizing)
    ident = backend.model_id if isinstance(backend, Tokenizing) else backend.name
    return Embedder(
        id=ident,
        dimension=capabilities.dimension or len((await backend.embed(["dimension"]))[0]),
        window=capabilities.context if told and capabilities.context else _DEFAULT_WINDOW,
        embed=embed or backend.embed,
        count=backend.tokens if isinstance(backend, Tokenizing) else _estimate,
        english=not _MANY_LANGUAGES.search(ident) if english is None else english,
        spans=backend.spans if isinstance(backend, Spanning) else None,
    )


def _estimate(text: str) -> int:
    wide = sum(ord(c) > 0x2E80 for c in text)
    return int((len(text) - wide) / _CHARACTERS_A_TOKEN) + 2 * wide + 1
