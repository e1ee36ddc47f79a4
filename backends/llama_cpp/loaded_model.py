"""A model that is in memory, with everything that lives and dies with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from backends.base import ChatMessage
from backends.errors import BackendError
from backends.files.gguf import check_gguf
from backends.llama_cpp.embedding import LoadedEmbedder
from backends.llama_cpp.job import Job, Outcome
from backends.llama_cpp.metadata import embeds
from backends.llama_cpp.native import Model
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.scheduler import Scheduler
from backends.llama_cpp.stats import EngineStats
from backends.llama_cpp.templates import ChatTemplate


class Loaded:
    """Weights, template and scheduler. Belongs to the owner thread."""

    def __init__(
        self,
        path: Path,
        options: LlamaCppOptions,
        deliver: Callable[[Sequence[tuple[Job, Outcome]]], None],
        go_on: Callable[[], bool],
    ) -> None:
        self._options = options
        self.model = Model(path, options, go_on)
        try:
            template = ChatTemplate(
                self.model,
                self.model.head.template or None,
                options.chat_format,
                options.thinking,
            )
            self.template = template
            self.scheduler = Scheduler(self.model, options, template, deliver)
        except BackendError:
            self.model.close()
            raise

    @property
    def has_work(self) -> bool:
        """Whether an answer is in flight or waits."""
        return self.scheduler.has_work

    def submit(self, job: Job) -> None:
        """Take a request in."""
        self.scheduler.submit(job)

    def round(self) -> None:
        """Compute a little of every answer; `flush` delivers what came of it."""
        self.scheduler.round()

    def flush(self) -> None:
        """Deliver the outcomes so far."""
        self.scheduler.flush()

    def count(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens that the messages take as a prompt."""
        return len(self.template.encode(messages))

    def stats(self, past: EngineStats) -> EngineStats:
        """The figures now; counters go on from `past`, those of earlier loads."""
        s, cache, pace = self.scheduler, self.scheduler.cache, self.scheduler.pace
        return replace(
            past,
            resident=True,
            slots=self._options.parallel,
            slots_busy=s.busy,
            waiting=s.waiting,
            idle_sequences=cache.idle_count,
            parked_sequences=len(cache.parking),
            parked_bytes=cache.parking.bytes,
            cells=s.cells,
            cells_live=cache.live_cells,
            requests=past.requests + s.requests,
            prompt_tokens=past.prompt_tokens + s.prompt_tokens,
            cached_tokens=past.cached_tokens + s.cached_tokens,
            completion_tokens=past.completion_tokens + s.completion_tokens,
            evicted=past.evicted + cache.evicted,
            restored=past.restored + cache.restored,
            preempted=past.preempted + s.preempted,
            rounds=past.rounds + pace.rounds,
            decode_rate=pace.decode_rate,
            prefill_rate=pace.prefill_rate,
            python_share=pace.python_share,
        )

    def close(self, error: BackendError | None) -> None:
        """Free everything; answers in flight end with `error`."""
        self.scheduler.close(error)
        self.model.close()


def load(
    path: Path,
    options: LlamaCppOptions,
    deliver: Callable[[Sequence[tuple[Job, Outcome]]], None],
    go_on: Callable[[], bool],
) -> Loaded | LoadedEmbedder:
    """Load a model for what it is made for. Raises a `BackendError`."""
    if embeds(check_gguf(path, path.name), options):
        return LoadedEmbedder(path, options, go_on)
    return Loaded(path, options, deliver, go_on)
