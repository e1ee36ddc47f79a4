"""Embedding models: many texts to unit vectors in one batch.

An encoder reads a text as a whole, so a batch holds only whole texts. Texts longer than the context
window are cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from backends.base import Embeddings
from backends.embeddings import unit_rows
from backends.errors import BackendError, BackendUnavailable, InvalidRequest
from backends.llama_cpp.batch_plan import MAX_BATCH_TEXTS
from backends.llama_cpp.job import Job
from backends.llama_cpp.metadata import embedding_batch_tokens, find_pooling
from backends.llama_cpp.native import Batch, Model
from backends.llama_cpp.native_library import lib
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.stats import EngineStats

_MEAN_POOLING = 1  # as llama.cpp numbers it


class LoadedEmbedder:
    """Weights and a context for embedding. Belongs to the owner thread."""

    has_work = False

    def __init__(self, path: Path, options: LlamaCppOptions, go_on: Callable[[], bool]) -> None:
        self._options = options
        self.model = Model(path, options, go_on)
        head = self.model.head
        self.batch_tokens = embedding_batch_tokens(head, options)
        self._dimension = self.model.n_embd
        self._texts = self._tokens = 0
        self._handle = self._context(find_pooling(head))
        self._memory = lib.llama_get_memory(self._handle)
        self._batch = Batch(self.batch_tokens)

    def _context(self, pooling: int | None) -> Any:
        params = lib.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = self.batch_tokens
        params.n_seq_max = MAX_BATCH_TEXTS
        params.kv_unified = True
        params.embeddings = True
        params.pooling_type = pooling or _MEAN_POOLING
        params.n_threads, params.n_threads_batch = self._options.threads()
        flash = self._options.flash_attn
        params.flash_attn_type = -1 if flash is None else int(flash)
        params.no_perf = True
        handle = lib.llama_init_from_model(self.model.handle, params)
        if not handle:
            self.model.close()
            raise BackendUnavailable(
                "llama.cpp cannot make a context for this embedder; there may be too little memory."
            )
        return handle

    # -- what the owner thread calls -------------------------------------------------------------

    def submit(self, job: Job) -> None:
        raise InvalidRequest("This model embeds texts; it cannot answer.")

    def run_round(self) -> None:
        """Do nothing: no work is left over between calls."""

    def flush(self) -> None:
        """Do nothing: results are returned by the calls themselves."""

    def embed(self, encoded: Sequence[Sequence[int]]) -> Embeddings:
        """Return the unit vectors of one batch: at most `batch_tokens` tokens and 64 texts."""
        if self._memory:
            lib.llama_memory_clear(self._memory, True)
        self._batch.clear()
        for number, ids in enumerate(encoded):
            self._batch.add(number, 0, ids, outputs=1)
        self._batch.want_all()
        self._batch.native.n_tokens = self._batch.rows
        compute = lib.llama_decode if self._memory else lib.llama_encode
        if compute(self._handle, self._batch.native) != 0:
            raise BackendUnavailable("llama.cpp failed on these texts.")
        rows = np.empty((len(encoded), self._dimension), np.float32)
        for number in range(len(encoded)):
            row = lib.llama_get_embeddings_seq(self._handle, number)
            rows[number] = np.ctypeslib.as_array(row, shape=(self._dimension,))
        self._texts += len(encoded)
        self._tokens += self._batch.rows
        return unit_rows(rows, len(encoded), "llama.cpp")  # type: ignore[arg-type]

    def known_tokens(self, conversation: str | None) -> Sequence[int]:
        """Return nothing: texts are no conversations."""
        return ()

    def stats(self, past: EngineStats) -> EngineStats:
        """Return the present figures; counters continue from `past`, those of earlier loads."""
        return replace(
            past,
            resident=True,
            slots=self._options.parallel,
            requests=past.requests + self._texts,
            prompt_tokens=past.prompt_tokens + self._tokens,
        )

    def close(self, error: BackendError | None) -> None:
        """Free everything."""
        if self._handle:
            lib.llama_free(self._handle)
            self._handle = None
        self.model.close()
