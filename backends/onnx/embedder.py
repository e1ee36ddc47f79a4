"""Sentence embeddings in this process: a BERT-like ONNX model on the CPU.

Designed for all-MiniLM-L6-v2 (int8), the default: mean over the tokens, unit length. `pooling: cls`
is for models that were trained on the vector of their first token.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

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
from backends.files.catalog import EMBEDDER_FILE, TOKENIZER_FILE
from backends.files.sources import source_identity
from backends.machine import release_free_memory
from backends.onnx.families import Pooling, find_family
from backends.onnx.files import open_session, plan_batches, read_tokenizer
from backends.onnx.model import OnnxModel

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

_TOKENIZE_BATCH_TEXTS = 64
_IDLE_BEFORE_TRIM_S = 0.5
"""How long nothing is asked before memory goes back, which takes 5 ms and is soon taken again."""
_MAX_CHARACTERS_PER_TOKEN = 100
"""More than this many characters for each token that counts are not even read."""


class OnnxOptions(EngineOptions):
    """Keys of a model with `backend: onnx`; without any, the default embedder.

    `batch_tokens` bounds one step of the engine (longest text × texts); more than fits the
    processor's cache is slower, not faster. `queue` bounds the callers that wait. `low_memory`
    saves about 70 MB at a quarter of the speed. `pooling` is `mean`, or `cls` for models that put
    a text's meaning into their first token; left out, the source's name decides, else the model's.
    """

    source: str = EMBEDDER_FILE.source
    sha256: str | None = None
    tokenizer_source: str = TOKENIZER_FILE.source
    tokenizer_sha256: str | None = None
    max_tokens: int = Field(default=256, ge=3, le=8_192)
    batch_tokens: int = Field(default=512, ge=1)
    threads: int | None = Field(default=None, ge=1)
    queue: int = Field(default=64, ge=1)
    low_memory: bool = False
    pooling: Pooling | None = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        """The catalogue's files are verified without being told."""
        if not isinstance(value, Mapping):
            return value
        known = {file.source: file.sha256 for file in (EMBEDDER_FILE, TOKENIZER_FILE)}
        source = value.get("source", EMBEDDER_FILE.source)
        tokenizer = value.get("tokenizer_source", TOKENIZER_FILE.source)
        told = {"sha256": known.get(source), "tokenizer_sha256": known.get(tokenizer)}
        return {**told, **value}


class OnnxEmbedder(OnnxModel):
    """Embeds texts; loads on first use, and computes in threads of its own.

    Long calls yield to others after every batch.
    """

    kind = "embedder"
    action = "embeds texts"
    parallel = 2
    """A question is embedded beside the documents that are being read in."""

    def __init__(self, name: str, options: OnnxOptions, files: ModelFiles) -> None:
        super().__init__(name, options, files, options.queue)
        self.options = options
        # By the same names, in the same order, as what stands before a text is told by.
        self.pooling: Pooling = options.pooling or find_family(options.source, name).pooling
        self._tokenizer_lock = threading.Lock()
        self._session_lock = threading.Lock()
        self._rest: asyncio.TimerHandle | None = None

    @property
    def model_id(self) -> str:
        """An identifier stored with vectors; vectors of different identifiers cannot be
        compared.
        """
        options = self.options
        pooled = "" if self.pooling == "mean" else f"/{self.pooling}"
        return f"{source_identity(options.source, options.sha256)}/{options.max_tokens}{pooled}"

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer, without truncation or padding. Raises `ModelNotFound`."""
        with self._tokenizer_lock:
            if self._tokenizer is None:
                options = self.options
                path = self._files.path(options.tokenizer_source, options.tokenizer_sha256)
                self._tokenizer = read_tokenizer(path)
            return self._tokenizer

    def tokens(self, text: str) -> int:
        """Count the tokens of a text, without begin and end tokens.

        Quick, and safe in any thread; the first call reads the tokenizer from disk.
        """
        return len(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return start and end of each token of a text, in characters; as quick and safe as
        `tokens`.
        """
        spans: list[tuple[int, int]] = self.tokenizer.encode(text, add_special_tokens=False).offsets
        return spans

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return `tokens` of each text."""
        return [self.tokens(text) for text in texts]

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts, each cut at `max_tokens`; shape (len(texts), dimension), unit length.

        Raises `ModelNotFound`, `BackendBusy`, `BackendUnavailable`.
        """
        async with self._admitted():
            dimension = await self._run(self._dimension)
            rows = np.zeros((len(texts), dimension), dtype=np.float32)
            encoded: list[list[int]] = []
            for at in range(0, len(texts), _TOKENIZE_BATCH_TEXTS):
                encoded += await self._run(
                    partial(self._encode, texts[at : at + _TOKENIZE_BATCH_TEXTS])
                )
            for batch in plan_batches(encoded, self.options.batch_tokens):
                rows[batch] = await self._run(partial(self._embed, [encoded[at] for at in batch]))
            return rows

    async def embed_tokens(self, texts: Sequence[str]) -> list[Embeddings]:
        """Embed the tokens of a few texts, each cut at `max_tokens`: for each text an array of
        shape (tokens without begin and end, dimension), unit length.

        Raises what `embed` does.
        """
        async with self._admitted():
            encoded = await self._run(partial(self._encode, texts))
            found: list[Embeddings] = [np.zeros((0, 0), dtype=np.float32)] * len(texts)
            for batch in plan_batches(encoded, self.options.batch_tokens):
                states = await self._run(partial(self._states, [encoded[at] for at in batch]))
                for at, rows in zip(batch, states, strict=True):
                    found[at] = _to_unit_length(rows[1 : len(encoded[at]) - 1])
            return found

    @asynccontextmanager
    async def _admitted(self) -> AsyncIterator[None]:
        """Admit a caller, and give memory back a while after the last one. Raises `BackendBusy`."""
        self._enter()
        if self._rest is not None:
            self._rest.cancel()
        try:
            yield
        finally:
            self._calls -= 1
            if self._calls == 0 and not self._closed:
                self._rest = asyncio.get_running_loop().call_later(_IDLE_BEFORE_TRIM_S, self._idle)

    async def aclose(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
        await super().aclose()

    def _idle(self) -> None:
        if not self._closed:
            self._thread.submit(release_free_memory)

    async def count(self, messages: Sequence[ChatMessage]) -> int:
        """Count the tokens of all messages, each with its begin and end tokens."""
        texts = [message.content for message in messages]
        return await self._run(lambda: sum(self.count_tokens(texts)) + 2 * len(texts))

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            context=self.options.max_tokens,
            chat=False,
            embed=True,
            dimension=await self._run(self._dimension),
            family="bert",
        )

    # What follows runs in the engine's own threads.

    def _loaded(self) -> InferenceSession:
        with self._session_lock:
            if self._session is None:
                options = self.options
                path = self._files.path(options.source, options.sha256)
                self._session = open_session(path, options.threads, low_memory=options.low_memory)
                release_free_memory()
            return self._session

    def _dimension(self) -> int:
        return int(self._loaded().get_outputs()[0].shape[-1])

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        most = self.options.max_tokens
        encoded = []
        for text in texts:
            ids = self.tokenizer.encode(text[: most * _MAX_CHARACTERS_PER_TOKEN]).ids
            encoded.append(ids if len(ids) <= most else [*ids[: most - 1], ids[-1]])
        return encoded

    def _embed(self, batch: Sequence[Sequence[int]]) -> Embeddings:
        states = self._states(batch)
        if self.pooling == "cls":
            return _to_unit_length(states[:, 0])
        weights = np.zeros(states.shape[:2], dtype=np.float32)
        for row, text in enumerate(batch):
            weights[row, : len(text)] = 1
        weights = weights[:, :, None]
        return _to_unit_length((states * weights).sum(axis=1) / weights.sum(axis=1))

    def _states(self, batch: Sequence[Sequence[int]]) -> Embeddings:
        """The model's states, shape (texts, longest, dimension)."""
        longest = max(len(ids) for ids in batch)
        ids = np.zeros((len(batch), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(batch):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        session = self._loaded()
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        wanted = {node.name for node in session.get_inputs()}  # some know no segments
        first = session.get_outputs()[0].name  # some have a second one, pooled their own way
        outputs = session.run([first], {name: given[name] for name in wanted})
        return np.asarray(outputs[0], np.float32)


def _to_unit_length(rows: Embeddings) -> Embeddings:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: Embeddings = rows / np.maximum(lengths, np.float32(1e-12))
    return units


def _create(name: str, options: OnnxOptions, context: EngineContext) -> Backend:
    return OnnxEmbedder(name, options, context.files)


ENGINE = Engine("onnx", OnnxOptions, _create)
