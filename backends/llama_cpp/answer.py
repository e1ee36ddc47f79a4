"""The state of an answer that is being computed."""

from __future__ import annotations

import time
from collections.abc import Sequence as Collection

from backends.base import Usage
from backends.llama_cpp.copying import CopySampler
from backends.llama_cpp.job import Job
from backends.llama_cpp.sampling import Sampler
from backends.llama_cpp.sequence import Sequence, common_prefix
from backends.llama_cpp.templates import Prompt, continues_answer
from backends.llama_cpp.text import TextStream

_NO_SEQUENCE = Sequence(-1)


class Answer:
    """A request that was accepted. `target` is its prompt followed by every token chosen so far.

    The tokens of `target` that its sequence does not hold are still to be computed: the rest of a
    prompt, a single new token, or everything again after its cells were given to others.
    """

    def __init__(
        self, job: Job, prompt: Prompt, sampler: Sampler | CopySampler, stop: Collection[str]
    ) -> None:
        self.job = job
        self.prompt = len(prompt.tokens)
        self._answer_at = self.prompt - len(prompt.written)
        self.target = prompt.tokens
        self.sampler = sampler
        self.text = TextStream(stop, prompt.lead)
        self.sequence = _NO_SEQUENCE
        self.cached = 0
        self.written = 0
        self.wrote_at = 0.0
        self.checkpoint_at = 0
        """The length of its sequence at which a checkpoint is set; 0 where none is wanted."""
        self.leader: Answer | None = None
        """A neighbour that is computing this prompt's beginning just now."""
        self._until = 0
        self.admitted = 0.0
        self._first_admitted: float | None = None
        self._first_token: float | None = None

    @property
    def remaining(self) -> int:
        """Tokens still to be computed before the next can be chosen."""
        return len(self.target) - len(self.sequence.tokens)

    @property
    def at_checkpoint(self) -> bool:
        return 0 < self.checkpoint_at == len(self.sequence.tokens)

    def next_tokens(self, count: int) -> list[int]:
        """Return the next tokens to compute: `count`, but none beyond a checkpoint."""
        done = len(self.sequence.tokens)
        end = done + count
        if done < self.checkpoint_at:
            end = min(end, self.checkpoint_at)
        return self.target[done:end]

    def start(self, sequence: Sequence, kept: int) -> None:
        """Begin or resume in a sequence that already holds the first `kept` tokens."""
        self.sequence = sequence
        self.leader = None
        self.admitted = time.monotonic()
        if self._first_admitted is None:
            self._first_admitted = self.admitted
            self.cached = kept

    def pause(self) -> None:
        """Give up the sequence until there is room again."""
        self.sequence = _NO_SEQUENCE
        self.leader = None

    def follow(self, neighbours: list[Answer], worth: int) -> None:
        """Wait for another answer that is computing a shared prefix, rather than compute it too."""
        have = len(self.sequence.tokens) + worth
        for other in neighbours:
            common = min(common_prefix(other.target, self.target), len(self.target) - 1)
            if common >= have and len(other.sequence.tokens) < common:
                self.leader, self._until, have = other, common, common + 1

    def may_stop_following(self, live: list[Answer]) -> bool:
        """Return whether the other answer has computed the shared prefix, or is gone."""
        leader = self.leader
        return leader is not None and (
            len(leader.sequence.tokens) >= self._until or all(leader is not a for a in live)
        )

    def begin_writing(self) -> None:
        if self._first_token is None:
            self._first_token = time.monotonic()

    def write(self, token: int, raw: bytes) -> str:
        """Append a chosen token; return the text that may be shown now."""
        self.begin_writing()
        self.wrote_at = time.monotonic()
        self.target.append(token)
        self.written += 1
        return self.text.feed(raw)

    @property
    def tokens(self) -> tuple[int, ...]:
        """The tokens of the answer, with those that were written before; empty where the text
        before was read without them."""
        goes_on = continues_answer(self.job.request.messages)
        if goes_on and self._answer_at == self.prompt:
            return ()
        return tuple(self.target[self._answer_at :])

    def usage(self) -> Usage:
        now = time.monotonic()
        admitted = self._first_admitted or now
        first = self._first_token or now
        return Usage(
            prompt_tokens=self.prompt,
            cached_tokens=min(self.cached, self.prompt),
            completion_tokens=self.written,
            queue_s=max(0.0, admitted - self.job.submitted - self.job.load_s),
            load_s=self.job.load_s,
            prefill_s=first - admitted,
            decode_s=now - first,
        )

    def close(self) -> None:
        self.sampler.close()
