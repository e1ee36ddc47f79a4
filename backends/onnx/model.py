"""What an ONNX embedder and an ONNX reranker have in common: a thread of their own, and files."""

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
    """A model that loads on first use, and computes in one thread.

    `what` it is ("embedder") and `does` ("embeds texts") are for messages; at most `queue` callers
    are let in at once.
    """

    what = "model"
    does = "computes"

    def __init__(self, name: str, options: EngineOptions, files: ModelFiles, queue: int) -> None:
        self.name = name
        self._sources = options.sources
        self._files = files
        self._queue = queue
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"onnx-{name}")
        self._session: InferenceSession | None = None
        self._tokenizer: Tokenizer | None = None
        self._calls = 0
        self._closed = False

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Raises `InvalidRequest`: it does not chat."""
        nothing: tuple[Chunk, ...] = ()
        for chunk in nothing:  # what makes this a generator, as the protocol has it
            yield chunk
        raise InvalidRequest(f"The model {self.name!r} {self.does}; it cannot answer.")

    async def health(self) -> Health:
        """Whether the files are here; says nothing of whether they load."""
        loaded = self._session is not None
        if self._closed:
            return Health(False, f"The {self.what} has been closed.", resident=False)
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
        """Count a caller in. Raises `BackendBusy` where too many are."""
        if self._calls >= self._queue:
            raise BackendBusy(float(self._calls))
        self._calls += 1

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._closed:
            raise BackendUnavailable(f"The model {self.name!r} has been closed.")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
