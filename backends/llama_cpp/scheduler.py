"""Schedules rounds: decides which tokens of which conversations are computed next.

Each round takes one row of every answer that is being written, fills the rest of a budget with
pieces of the prompts that are still to be read, computes them together, and chooses the next token
of every sequence whose tokens are all computed. A new request joins at the next round. The budget
keeps a round below a tenth of a second, so that an answer does not stutter while another's long
prompt is read, and a cancellation takes effect soon.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from backends.base import Chunk, Progress
from backends.errors import BackendError, BackendUnavailable
from backends.llama_cpp.answer import Answer
from backends.llama_cpp.batch_plan import BatchRows, choose_rows, halve, without_drafts
from backends.llama_cpp.cache import SequenceCache
from backends.llama_cpp.draft_plan import MAX_DRAFT_TOKENS, DraftPlan
from backends.llama_cpp.job import Job, Outcome
from backends.llama_cpp.memory_estimate import parking_budget
from backends.llama_cpp.native import Batch, Context, Model
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.request import RequestBuilder
from backends.llama_cpp.round_budget import RoundBudget
from backends.llama_cpp.sequence import common_prefix
from backends.llama_cpp.token_writer import TokenWriter
from backends.llama_cpp.wait_queue import WaitQueue
from backends.machine import available_memory

_MIN_FOLLOWED_TOKENS = 32
"""Tokens of a common beginning for which a newcomer waits while a neighbour computes them."""
_GROWTH_MARGIN_CELLS = 32
"""Cells kept free for each live answer to grow into when another is admitted."""

_CHECKPOINT_DISTANCE_TOKENS = 32
"""From a checkpoint to the end of the prompt: a template may end its prompts otherwise than it
writes the turn later, and the last token is always computed again.
"""


class Scheduler:
    """Shares one context among conversations. Belongs to the owner thread.

    `deliver` gets the outcomes of a round in one call.
    """

    def __init__(
        self,
        model: Model,
        options: LlamaCppOptions,
        deliver: Callable[[Sequence[tuple[Job, Outcome]]], None],
    ) -> None:
        self._model = model
        self._options = options
        self._intake = RequestBuilder(model, options)
        self._deliver = deliver
        # Such a memory is paid for by the sequence, and cannot be cut; others pay by the cell.
        self._forgets = model.recurrent or (model.window > 0 and not options.swa_full)
        sequences = options.sequences(2 if self._forgets else 4)
        drafts = options.prompt_lookup and not self._forgets
        self._context = Context(model, options, sequences, MAX_DRAFT_TOKENS if drafts else 0)
        self.cells = self._context.cells
        parking = parking_budget(model.head, options, available_memory())
        self.cache = SequenceCache(self._context, sequences, parking_bytes=parking)
        self._batch = Batch(options.n_batch)
        self._waiting: WaitQueue[Answer] = WaitQueue(options.max_waiting)
        self._live: list[Answer] = []
        self._outbox: list[tuple[Job, Outcome]] = []
        self.round_budget = RoundBudget(options.n_batch)
        self.drafts = DraftPlan(self._context.outputs, self._intake.limit) if drafts else None
        self.writer = TokenWriter(model, self._context, self._intake.limit, self._emit)
        self.preempted = 0

    # -- what the owner thread calls -------------------------------------------------------------

    @property
    def busy(self) -> int:
        return len(self._live)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def has_work(self) -> bool:
        return bool(self._live or self._waiting)

    def submit(self, job: Job) -> None:
        """Accept a request. If it is invalid, the error is delivered as its outcome."""
        try:
            answer = self._intake.prepare(job)
        except BackendError as error:
            self._emit(job, error)
            return
        if not self._waiting.add(job.person, answer):
            answer.close()
            busy = self.round_budget.busy(len(self._waiting), self._options.parallel)
            self._emit(job, busy)

    def run_round(self) -> None:
        """Compute one round; `flush` delivers the outcomes."""
        self._drop_cancelled()
        self._admit()
        for answer in self._live:
            if answer.may_stop_following(self._live):
                answer.leader = None
                answer.cached += self.cache.adopt(answer.sequence, answer.target)
        rows = choose_rows(self._live, self.round_budget.budget, self._batch.size, time.monotonic())
        if rows and self.drafts is not None:
            rows = self.drafts.add_drafts(rows)
        if rows:
            self._compute(rows)
            self._drop_cancelled()  # once more: whoever left during the round is free by its end

    def flush(self) -> None:
        """Deliver the outcomes so far, in one call."""
        if self._outbox:
            outbox, self._outbox = self._outbox, []
            self._deliver(outbox)

    def close(self, error: BackendError | None = None) -> None:
        """End the answers in flight with `error`, and free the context."""
        for answer in [*self._live, *self._waiting]:
            if error is not None:
                self._emit(answer.job, error)
            answer.close()
        self._live.clear()
        self.flush()
        self.cache.offload.clear()
        self._context.close()

    # -- taking requests in ----------------------------------------------------------------------

    def _drop_cancelled(self) -> None:
        for answer in self._waiting.discard(lambda a: a.job.cancelled):
            answer.close()
        for answer in [a for a in self._live if a.job.cancelled]:
            self._leave(answer)

    def _admit(self) -> None:
        while len(self._live) < self._options.parallel:
            turn = self._waiting.first(self._may_have_another)
            if turn is None:
                return
            person, answer = turn
            if self._live and not self._has_room(answer):
                return
            acquired = self.cache.acquire(answer.target, answer.job.request.conversation)
            if acquired is None:
                return
            self._waiting.take(person)
            sequence, kept = acquired
            answer.start(sequence, kept)
            self._live.append(answer)
            if self._forgets and sequence.conversation is not None:
                answer.checkpoint_at = max(kept, answer.prompt - _CHECKPOINT_DISTANCE_TOKENS)
                self._set_checkpoint(answer)
            if self._context.can_copy:
                answer.follow(self._live[:-1], _MIN_FOLLOWED_TOKENS)
            self._say_reading(answer)

    def _may_have_another(self, person: str) -> bool:
        """Return whether a person may take one more place; the last is left to somebody else."""
        most = self._options.parallel - 1
        return not person or most < 1 or sum(a.job.person == person for a in self._live) < most

    def _has_room(self, answer: Answer) -> bool:
        wanted = sum(len(a.target) - a.sequence.shared + _GROWTH_MARGIN_CELLS for a in self._live)
        shared = max(common_prefix(a.sequence.tokens, answer.target) for a in self._live)
        return wanted + len(answer.target) - shared + _GROWTH_MARGIN_CELLS <= self.cells

    # -- the round -------------------------------------------------------------------------------

    def _compute(self, rows: list[BatchRows]) -> None:
        began = time.perf_counter()
        while True:
            outputs = self._fill(rows)
            before = time.perf_counter()
            code = self._context.decode(self._batch)
            native = time.perf_counter() - before
            if code != 1:
                break
            if any(r.draft for r in rows):
                rows = without_drafts(rows)
            elif not self.cache.evict():
                rows = self._shrink(rows)
                if not rows:
                    return
        if code != 0:
            self._compute_apart(without_drafts(rows))
            return
        read = sum(len(r.tokens) for r in rows if len(r.tokens) > 1)
        written, sampling = self._accept(rows, outputs)
        took = time.perf_counter() - began
        self.round_budget.note(written, read, native + sampling, took)
        if self.drafts is not None:
            self.drafts.note_round(rows, took)

    def _fill(self, rows: list[BatchRows]) -> list[int]:
        self._batch.clear()
        return [
            self._batch.add(
                r.answer.sequence.id,
                len(r.answer.sequence.tokens),
                [*r.tokens, *r.draft],
                outputs=1 + len(r.draft) if r.completes else 0,
            )
            for r in rows
        ]

    def _shrink(self, rows: list[BatchRows]) -> list[BatchRows]:
        """Read less, since the cache is full and nothing is idle; preempt an answer if that is not
        enough.
        """
        fewer = halve(rows)
        if fewer:
            return fewer
        youngest = max(self._live, key=lambda a: a.admitted)
        if len(self._live) == 1:
            self._fail(youngest, BackendUnavailable("The model's cache has no room left."))
        else:
            self._preempt(youngest)
        return [r for r in rows if r.answer is not youngest]

    def _preempt(self, answer: Answer) -> None:
        """Give an answer's cells to the others; it resumes once there is room."""
        self._live.remove(answer)
        self.cache.discard(answer.sequence)
        answer.pause()
        self._waiting.put_back(answer.job.person, answer)
        self.preempted += 1

    def _compute_apart(self, rows: list[BatchRows]) -> None:
        """Compute each sequence alone after llama.cpp refused the batch; fail those it refuses."""
        for r in rows:
            sequence = r.answer.sequence
            outputs = self._fill([r])
            if (
                self._context.cut(sequence.id, len(sequence.tokens))
                and self._context.decode(self._batch) == 0
            ):
                self._accept([r], outputs)
            else:
                self._live.remove(r.answer)
                self.cache.discard(sequence)
                r.answer.close()
                self._emit(r.answer.job, BackendUnavailable("llama.cpp failed on this request."))

    def _accept(self, rows: list[BatchRows], outputs: list[int]) -> tuple[int, float]:
        """Record what was computed and choose the next tokens; return how many were chosen, and the
        seconds that choosing took.
        """
        written, native = 0, 0.0
        for r, row in zip(rows, outputs, strict=True):
            completes = r.completes
            r.answer.sequence.tokens += r.tokens
            self._set_checkpoint(r.answer)
            if not completes:
                self._say_reading(r.answer)
                continue
            done = self.writer.write_next(r, row)
            written, native = written + done.tokens, native + done.seconds
            if isinstance(done.ended, BackendError):
                self._fail(r.answer, done.ended)
            elif done.ended is not None:
                self.writer.finish(r.answer, done.ended)
                self._leave(r.answer)
        return written, native

    def _set_checkpoint(self, answer: Answer) -> None:
        if answer.at_checkpoint:
            self.cache.set_checkpoint(answer.sequence)

    def _say_reading(self, answer: Answer) -> None:
        if not answer.written and answer.remaining > 1:
            progress = Progress("reading", tokens=answer.remaining)
            self._emit(answer.job, Chunk(progress=progress))

    def _emit(self, job: Job, outcome: Outcome) -> None:
        self._outbox.append((job, outcome))

    def _fail(self, answer: Answer, error: BackendError) -> None:
        self._emit(answer.job, error)
        self._leave(answer)

    def _leave(self, answer: Answer) -> None:
        self._live.remove(answer)
        self.cache.release(answer.sequence, answer.prompt)
        answer.close()
