"""A model in memory, with everything that is created and freed with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from backends.errors import BackendError
from backends.files.split_names import part_paths
from backends.llama_cpp.embedding import LoadedEmbedder
from backends.llama_cpp.job import Job, Outcome
from backends.llama_cpp.metadata import is_embedder, read_model_head
from backends.llama_cpp.native import Model
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.scheduler import Scheduler
from backends.llama_cpp.stats import EngineStats
from backends.machine import release_file_pages


class LoadedChatModel:
    """Weights and scheduler. Belongs to the owner thread."""

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
            self.scheduler = Scheduler(self.model, options, deliver)
        except BackendError:
            self.model.close()
            raise

    @property
    def has_work(self) -> bool:
        """Whether an answer is in flight or waits."""
        return self.scheduler.has_work

    def submit(self, job: Job) -> None:
        """Accept a request."""
        self.scheduler.submit(job)

    def run_round(self) -> None:
        """Compute the next tokens of every answer; `flush` delivers the outcomes."""
        self.scheduler.run_round()

    def flush(self) -> None:
        """Deliver the outcomes so far."""
        self.scheduler.flush()

    def known_tokens(self, conversation: str | None) -> Sequence[int]:
        """Return the token ids of a conversation's earlier turns; safe in any thread."""
        return self.scheduler.cache.known_tokens(conversation)

    def stats(self, past: EngineStats) -> EngineStats:
        """Return the present figures; counters continue from `past`, those of earlier loads."""
        s, cache, round_budget = self.scheduler, self.scheduler.cache, self.scheduler.round_budget
        return replace(
            past,
            resident=True,
            slots=self._options.parallel,
            slots_busy=s.busy,
            waiting=s.waiting,
            idle_sequences=cache.idle_count,
            parked_sequences=len(cache.offload),
            parked_bytes=cache.offload.bytes,
            cells=s.cells,
            cells_live=cache.live_cells,
            requests=past.requests + s.writer.requests,
            prompt_tokens=past.prompt_tokens + s.writer.prompt_tokens,
            cached_tokens=past.cached_tokens + s.writer.cached_tokens,
            completion_tokens=past.completion_tokens + s.writer.completion_tokens,
            evicted=past.evicted + cache.evicted,
            restored=past.restored + cache.restored,
            preempted=past.preempted + s.preempted,
            drafted_tokens=past.drafted_tokens + (s.drafts.drafted if s.drafts else 0),
            accepted_tokens=past.accepted_tokens + (s.drafts.accepted if s.drafts else 0),
            rounds=past.rounds + round_budget.rounds,
            decode_rate=round_budget.decode_rate,
            prefill_rate=round_budget.prefill_rate,
            python_share=round_budget.python_share,
        )

    def close(self, error: BackendError | None) -> None:
        """Free everything; answers in flight end with `error`."""
        self.scheduler.close(error)
        self.model.close()


def load_model(
    path: Path,
    options: LlamaCppOptions,
    deliver: Callable[[Sequence[tuple[Job, Outcome]]], None],
    go_on: Callable[[], bool],
) -> LoadedChatModel | LoadedEmbedder:
    """Load a model as a chat model or an embedder. Raises a `BackendError`."""
    loaded: LoadedChatModel | LoadedEmbedder
    if is_embedder(read_model_head(path), options):
        loaded = LoadedEmbedder(path, options, go_on)
    else:
        loaded = LoadedChatModel(path, options, deliver, go_on)
    release_file_pages(part_paths(path))
    return loaded
