"""The embedder: a model that turns passages and questions into unit vectors."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from backends.arrays import np
from backends.base import Backend, Embeddings
from backends.errors import BackendProtocolError
from backends.files.catalog import EMBEDDER_FILE
from backends.onnx.families import find_family
from bot.errors import Refused
from bot.knowledge.retrieval.calibration import (
    DEFAULT_SCALE,
    CosineScale,
    EmbedTexts,
    measure_scale,
)
from bot.knowledge.retrieval.token_ruler import FindSpans

_MULTILINGUAL_MODELS = re.compile(
    r"multilingual|bge-m3|labse|nomic-embed-text-v2|arctic-embed2|arctic-embed-[lm]-v2"
    r"|jina-embeddings-v3|embeddinggemma|qwen3-embedding|gte-qwen|granite-embedding-278m"
    r"|granite-embedding-107m|bge-(?:small|base|large)-zh",
    re.IGNORECASE,
)
"""Names of embedders that know other languages than English."""
_DEFAULT_ID_PART = f"@{(EMBEDDER_FILE.sha256 or '')[:12]}/"
"""What the default embedder's id has in it; its scale is known."""
_DEFAULT_WINDOW_TOKENS = 256
_CHARACTERS_PER_TOKEN = 2.5
"""A cautious guess, for engines that do not tell their tokens."""


@dataclass(frozen=True, slots=True)
class Embedder:
    """A model that turns passages and questions into unit vectors.

    `embed` is for passages, `embed_query` for what they are searched with: many models were trained
    with other words before the one than before the other. `scale` makes its cosines comparable
    with other embedders'.

    `id` names the model and its weights: passages made by another id are never mixed with these.
    `window` is the most tokens of one text that it reads, special tokens included; `count` gives
    the tokens of a text without them, runs in threads, and must not block for long; `spans`, if the
    engine knows it, says where they are. `embed` raises a `BackendError`. An `english`
    model says little about texts in other languages, and its weight is lowered for them.
    """

    id: str
    dimension: int
    window: int
    embed: Callable[[Sequence[str]], Awaitable[Embeddings]] = field(repr=False)
    count: Callable[[str], int] = field(repr=False)
    english: bool = True
    spans: FindSpans | None = field(default=None, repr=False)
    embed_questions: EmbedTexts | None = field(default=None, repr=False)
    """Embeds questions, where that is done in another way than with passages."""
    scale: CosineScale = DEFAULT_SCALE
    query_prefix: str = ""
    passage_prefix: str = ""
    """What stands before questions and passages by the time that the model sees them."""
    embed_tokens: EmbedTokens | None = field(default=None, repr=False)
    """Embeds the tokens of texts, where the engine can and the model's cosines are known."""

    async def embed_query(self, texts: Sequence[str]) -> Embeddings:
        """Embeds questions. Raises a `BackendError`."""
        return await (self.embed_questions or self.embed)(texts)


EmbedTokens = Callable[[Sequence[str]], Awaitable[Sequence[Embeddings]]]
"""Returns the unit vectors of each text's tokens, shape (tokens, dim). Raises a `BackendError`."""
EmbedderFactory = Callable[[str], Awaitable[Embedder]]
"""Returns the embedder of a knowledge base by the base's name; may load the model."""


def check_embedder(base: str, made_by: str, dimension: int, embedder: Embedder) -> None:
    """Raises `Refused` if the vectors of a base were made by another embedder."""
    if (made_by, dimension) != (embedder.id, embedder.dimension):
        raise Refused(
            f"The documents of {base!r} were read with another embedder than the one of now, and "
            f"have to be read again; an operator runs: docs rebuild {base}"
        )


@runtime_checkable
class TokenCounter(Protocol):
    """A backend that tells its own tokens, and exactly which weights it runs."""

    @property
    def model_id(self) -> str: ...

    def tokens(self, text: str) -> int:
        """Tokens of a text, without those that mark its ends; safe in any thread."""
        ...


@runtime_checkable
class TokenEmbedder(Protocol):
    """A backend that gives the vectors of a text's tokens."""

    async def embed_tokens(self, texts: Sequence[str]) -> Sequence[Embeddings]: ...


@runtime_checkable
class TokenSpans(Protocol):
    """A backend that tells where in a text its tokens are."""

    def spans(self, text: str) -> list[tuple[int, int]]: ...


async def create_embedder(
    backend: Backend,
    embed: EmbedTexts | None = None,
    *,
    names: Sequence[str] = (),
    query_prefix: str | None = None,
    passage_prefix: str | None = None,
    english: bool | None = None,
) -> Embedder:
    """Creates the embedder for a backend; may load the model.

    `embed` is asked instead of the backend's own, so that a pool can stand before it. What stands
    before questions and passages, and whether it knows English alone, is told from its `names`
    (sources, or a server's names for it) where it is not given.
    """
    capabilities = await backend.capabilities()
    counts_tokens = isinstance(backend, TokenCounter)
    ident = backend.model_id if isinstance(backend, TokenCounter) else (*names, backend.name)[0]
    count = backend.tokens if isinstance(backend, TokenCounter) else _estimate_tokens
    names = (*names, ident)
    if english is None:
        english = not any(map(_MULTILINGUAL_MODELS.search, names))
    family = find_family(*names)
    question_prefix = family.query_prefix if query_prefix is None else query_prefix
    prefix = family.passage_prefix if passage_prefix is None else passage_prefix
    dimension = capabilities.dimension or len((await backend.embed(["dimension"]))[0])
    scale = DEFAULT_SCALE
    default = _DEFAULT_ID_PART in ident and not question_prefix and not prefix
    if not default:
        raw = _check_vectors(backend.embed, ident, dimension)
        scale = await measure_scale(
            _add_prefix(question_prefix, raw), _add_prefix(prefix, raw), english=english
        )
    checked = _check_vectors(embed or backend.embed, ident, dimension)
    return Embedder(
        # A question's prefix changes no vector that is kept.
        id=f"{ident} with {prefix!r}" if prefix else ident,
        dimension=dimension,
        window=(
            capabilities.context
            if counts_tokens and capabilities.context
            else _DEFAULT_WINDOW_TOKENS
        )
        - (max(count(prefix), count(f"{prefix}a") - count("a")) if prefix else 0),
        embed=_add_prefix(prefix, checked),
        count=count,
        english=english,
        spans=backend.spans if isinstance(backend, TokenSpans) else None,
        embed_questions=None
        if question_prefix == prefix
        else _add_prefix(question_prefix, checked),
        scale=scale,
        query_prefix=question_prefix,
        passage_prefix=prefix,
        embed_tokens=backend.embed_tokens
        if default and isinstance(backend, TokenEmbedder)
        else None,
    )


def _check_vectors(embed: EmbedTexts, ident: str, dimension: int) -> EmbedTexts:
    """Embeds texts, and raises `BackendProtocolError` for what cannot be kept beside vectors of
    this embedder: a server may run another model by now, and a model may compute NaN."""

    async def check(texts: Sequence[str]) -> Embeddings:
        rows = await embed(texts)
        if not texts or (rows.shape == (len(texts), dimension) and np.isfinite(rows).all()):
            return rows
        if rows.ndim != 2 or len(rows) != len(texts):
            raise BackendProtocolError(f"The embedder {ident} did not give a vector for each text.")
        if rows.shape[1] != dimension:
            raise BackendProtocolError(
                f"The embedder {ident} gives {rows.shape[1]} numbers for a text and gave "
                f"{dimension} before, so it is another model now: start Parlance again, and run: "
                "parlance docs rebuild"
            )
        raise BackendProtocolError(
            f"The embedder {ident} gave a vector with values that are no numbers; use another file "
            "of this model."
        )

    return check


def _add_prefix(prefix: str, embed: EmbedTexts) -> EmbedTexts:
    """Returns a function that embeds texts with a prefix."""
    if not prefix:
        return embed

    async def prefixed(texts: Sequence[str]) -> Embeddings:
        return await embed([prefix + text for text in texts])

    return prefixed


def _estimate_tokens(text: str) -> int:
    wide = sum(ord(c) > 0x2E80 for c in text)
    return int((len(text) - wide) / _CHARACTERS_PER_TOKEN) + 2 * wide + 1
