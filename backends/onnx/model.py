"""The common base of ONNX embedders and rerankers: threads of their own, and their files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from backends.base import ChatRequest, Chunk, EngineOptions, Health, ModelFiles
from backends.errors import BackendBusy, BackendError, BackendUnavailable, InvalidRequest

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

_T = TypeVar("_T")


class OnnxModel:
    """A model that loads on first use.

    `kind` ("embedder") and `action` ("embeds texts") are used in messages; at most `queue` callers
    are admitted at once. `parallel` calls compute side by side, each in a thread.
    """

    kind = "model"
    action = "computes"
    parallel = 1

    def __init__(self, name: str, options: EngineOptions, files: ModelFiles, queue: int) -> None:
        self.name = name
        self._sources = options.sources
        self._files = files
        self._queue = queue
        self._thread = ThreadPoolExecutor(self.parallel, thread_name_prefix=f"onnx-{name}")
        self._session: InferenceSession | None = None
        self._tokenizer: Tokenizer | None = None
        self._calls = 0
        self._closed = False

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Always raises `InvalidRequest`."""
        nothing: tuple[Chunk, ...] = ()
        for chunk in nothing:  # what makes this a generator, as the protocol has it
            yield chunk
        raise InvalidRequest(f"The model {self.name!r} {self.action}; it cannot answer.")

    async def health(self) -> Health:
        """Return whether the files are present; does not check that they load."""
        loaded = self._session is not None
        if self._closed:
            return Health(False, f"The {self.kind} has been closed.", resident=False)
        try:
            for source, sha256 in self._sources():
                await asyncio.to_thread(self._files.path, source, sha256)
        except BackendError as error:
            return Health(False, str(error), resident=loaded)
        busy = min(1, self._calls)
        return Health(True, "Ready." if loaded else "Loads on first use.", loaded, 1, busy)

    async def aclose(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown)
        self._session = None
        self._tokenizer = None

    def _enter(self) -> None:
        """Admit a caller. Raises `BackendBusy` if there are too many."""
        if self._calls >= self._queue:
            raise BackendBusy(float(self._calls))
        self._calls += 1

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._closed:
            raise BackendUnavailable(f"The model {self.name!r} has been closed.")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
