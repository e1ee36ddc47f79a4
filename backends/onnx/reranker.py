"""A cross-encoder in this process: an ONNX model that reads a question and a text together.

It scores how well the text answers the question: slower than comparing vectors, and more accurate.
Designed for models such as ms-marco-MiniLM and the bge rerankers; none is shipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from pydantic import Field

from backends.arrays import np
from backends.base import (
    Backend,
    Capabilities,
    ChatMessage,
    Embeddings,
    Engine,
    EngineContext,
    EngineOptions,
    ModelFiles,
)
from backends.errors import (
    InvalidRequest,
    ModelNotFound,
)
from backends.files.sources import source_identity
from backends.machine import release_free_memory
from backends.onnx.files import open_session, plan_batches, read_tokenizer
from backends.onnx.model import OnnxModel

if TYPE_CHECKING:
    import numpy.typing as npt

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

_MAX_CHARACTERS_PER_TOKEN = 100
_QUESTION_TOKEN_DIVISOR = 2
"""A question may take one in so many of the tokens; the text has the rest."""

Scores: TypeAlias = "npt.NDArray[np.float32]"


class RerankerOptions(EngineOptions):
    """Keys of a model with `backend: onnx_reranker`.

    `max_tokens` is the most of a question and a text together, `batch_tokens` bounds one step of
    the engine (longest pair × pairs), `queue` the callers that wait.
    """

    source: str
    sha256: str | None = None
    tokenizer_source: str
    tokenizer_sha256: str | None = None
    max_tokens: int = Field(default=512, ge=8, le=8_192)
    batch_tokens: int = Field(default=2_048, ge=1)
    threads: int | None = Field(default=None, ge=1)
    queue: int = Field(default=16, ge=1)


class OnnxReranker(OnnxModel):
    """Ranks texts; loads on first use, and computes in a thread of its own.

    Long calls yield to others after every batch.
    """

    kind = "reranker"
    action = "ranks texts"

    def __init__(self, name: str, options: RerankerOptions, files: ModelFiles) -> None:
        super().__init__(name, options, files, options.queue)
        self.options = options

    @property
    def model_id(self) -> str:
        """An identifier stored with what its scores mean."""
        options = self.options
        return f"{source_identity(options.source, options.sha256)}/{options.max_tokens}"

    async def rerank(self, question: str, texts: Sequence[str]) -> Scores:
        """Score how well each text answers the question: float32, shape (len(texts),), any scale.

        Raises `ModelNotFound`, `BackendBusy`, `BackendUnavailable`.
        """
        self._enter()
        try:
            scores = np.zeros(len(texts), dtype=np.float32)
            pairs = await self._run(partial(self._encode, question, texts)) if texts else []
            lengths = [pair.ids for pair in pairs]
            for batch in plan_batches(lengths, self.options.batch_tokens):
                scores[batch] = await self._run(partial(self._score, [pairs[at] for at in batch]))
            return scores
        finally:
            self._calls -= 1

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Always raises `InvalidRequest`: a reranker makes no vectors."""
        raise InvalidRequest(f"The model {self.name!r} ranks texts; it cannot embed them.")

    async def count(self, messages: Sequence[ChatMessage]) -> int:
        """Count the tokens of all messages, each with its begin and end tokens."""
        texts = [message.content for message in messages]
        return await self._run(lambda: sum(len(self._words().encode(t).ids) for t in texts))

    async def capabilities(self) -> Capabilities:
        """Load the model and rank a pair. Raises what `rerank` does."""
        await self.rerank("probe", ["probe"])
        return Capabilities(context=self.options.max_tokens, chat=False, embed=False, family="bert")

    # What follows runs in the engine's own thread.

    def _loaded(self) -> InferenceSession:
        if self._session is None:
            options = self.options
            path = self._files.path(options.source, options.sha256)
            self._session = open_session(path, options.threads, what="reranker")
            release_free_memory()
        return self._session

    def _words(self) -> Tokenizer:
        """The tokenizer, cutting nothing."""
        if self._tokenizer is None:
            options = self.options
            path = self._files.path(options.tokenizer_source, options.tokenizer_sha256)
            self._tokenizer = read_tokenizer(path, "reranker")
        self._tokenizer.no_truncation()
        return self._tokenizer

    def _encode(self, question: str, texts: Sequence[str]) -> list[Encoding]:
        """Encode pairs of question and text, cutting the text and only an overlong question."""
        most = self.options.max_tokens
        room = most // _QUESTION_TOKEN_DIVISOR - 2
        words = self._words()
        asked = words.encode(question[: most * _MAX_CHARACTERS_PER_TOKEN], add_special_tokens=False)
        if len(asked.ids) > room:
            question = question[: asked.offsets[room][0]]
        words.enable_truncation(most, strategy="only_second")
        return [words.encode(question, text[: most * _MAX_CHARACTERS_PER_TOKEN]) for text in texts]

    def _score(self, pairs: Sequence[Encoding]) -> Scores:
        longest = max(len(pair.ids) for pair in pairs)
        ids, mask, segments = (np.zeros((len(pairs), longest), dtype=np.int64) for _ in range(3))
        for row, pair in enumerate(pairs):
            ids[row, : len(pair.ids)] = pair.ids
            mask[row, : len(pair.ids)] = 1
            segments[row, : len(pair.ids)] = pair.type_ids
        session = self._loaded()
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": segments}
        wanted = {node.name: given[node.name] for node in session.get_inputs()}
        logits = np.asarray(session.run(None, wanted)[0], dtype=np.float32)
        if logits.size != len(pairs):
            raise ModelNotFound(
                f"{self.options.source.rpartition('/')[2]} is no reranker: it gives "
                f"{logits.size // len(pairs)} numbers for a pair, not one."
            )
        return logits.reshape(len(pairs))


def _create(name: str, options: RerankerOptions, context: EngineContext) -> Backend:
    return OnnxReranker(name, options, context.files)


ENGINE = Engine("onnx_reranker", RerankerOptions, _create)
