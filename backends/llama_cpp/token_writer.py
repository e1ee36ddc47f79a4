"""Chooses the tokens of answers from the logits of a round, and hands on what they say."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from backends.base import Chunk, FinishReason
from backends.errors import BackendError
from backends.llama_cpp.answer import Answer
from backends.llama_cpp.batch_plan import BatchRows
from backends.llama_cpp.job import Job, Outcome
from backends.llama_cpp.native import Context, Model


class Written(NamedTuple):
    """What was written of an answer in a round: how many tokens, and the seconds that choosing them
    took. `ended` is why it ends, or the error that it fails with; None while it goes on.
    """

    tokens: int
    seconds: float
    ended: FinishReason | BackendError | None


class TokenWriter:
    """Belongs to the owner thread. `limit` is the tokens of one conversation; `emit` takes what is
    to be delivered. The counters are of complete answers.
    """

    def __init__(
        self, model: Model, context: Context, limit: int, emit: Callable[[Job, Outcome], None]
    ) -> None:
        self._model = model
        self._context = context
        self._limit = limit
        self._emit = emit
        self.requests = 0
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self.completion_tokens = 0

    def write_next(self, rows: BatchRows, row: int) -> Written:
        """Choose the next token of an answer from the logits in `row`, and from those that follow
        as long as the tokens chosen are those of its draft. Cells beyond them are cut.
        """
        answer, chosen, native = rows.answer, 0, 0.0
        sequence = answer.sequence
        computed = len(sequence.tokens) + len(rows.draft)
        ended: FinishReason | BackendError | None = None
        for drafted in (*rows.draft, None):
            before = time.perf_counter()
            try:
                token = answer.sampler.sample(self._context, row + chosen)
            except BackendError as error:
                ended = error
                break
            finally:
                native += time.perf_counter() - before
            chosen += 1
            ended = self._write(answer, token)
            if ended is not None or token != drafted:
                break
            sequence.tokens.append(token)
        if len(sequence.tokens) < computed:
            self._context.cut(sequence.id, len(sequence.tokens))
        return Written(chosen, native, ended)

    def finish(self, answer: Answer, reason: FinishReason) -> None:
        """Hand on the end of an answer that is complete, with its usage."""
        if text := answer.text.flush():
            self._emit(answer.job, Chunk(text=text))
        usage = answer.usage()
        self.requests += 1
        self.prompt_tokens += usage.prompt_tokens
        self.cached_tokens += usage.cached_tokens
        self.completion_tokens += usage.completion_tokens
        tokens = answer.tokens if reason == "length" else ()
        copies = answer.sampler.copies
        self._emit(answer.job, Chunk(finish=reason, usage=usage, tokens=tokens, copies=copies))

    def _write(self, answer: Answer, token: int) -> FinishReason | None:
        """Append a chosen token; return why the answer ends if it is complete."""
        if self._model.is_end(token):
            answer.begin_writing()
            return "stop"
        text = answer.write(token, self._model.visible_bytes(token))
        if text:
            self._emit(answer.job, Chunk(text=text))
        if answer.text.stopped:
            return "stop"
        full = len(answer.target) >= self._limit
        written = answer.written >= answer.job.request.sampling.answer_tokens
        return "length" if full or written else None
