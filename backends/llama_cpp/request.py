"""Turns a request into an answer to compute: prompt tokens, sampler, or an error."""

from __future__ import annotations

from collections.abc import Sequence

from backends.base import Sampling
from backends.errors import ContextOverflow
from backends.llama_cpp.answer import Answer
from backends.llama_cpp.copying import CopySampler
from backends.llama_cpp.grammar import compile_grammar
from backends.llama_cpp.job import Job
from backends.llama_cpp.native import Model
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.sampling import Sampler, resolve_settings
from backends.llama_cpp.templates import ChatTemplate


class RequestBuilder:
    """Creates answers from requests. `limit` is the context of one conversation, in tokens."""

    def __init__(self, model: Model, options: LlamaCppOptions, template: ChatTemplate) -> None:
        self._model = model
        self._options = options
        self._template = template
        self.limit = min(options.context, model.context_trained or options.context)

    def prepare(self, job: Job, known: Sequence[int]) -> Answer:
        """Return an answer that has not begun. `known` are ids of the conversation's earlier turns.

        Raises `ContextOverflow`, before anything is computed, for a prompt that leaves no room to
        answer, and `InvalidRequest` for one that cannot be rendered or sampled.
        """
        sampling = job.request.sampling
        prompt = self._template.prompt(
            job.request.messages,
            known,
            tools=job.request.tools,
            # A grammar and copied text would hold the thoughts to them, too.
            thinks=sampling.json_schema is None and not sampling.copy_from,
            written=job.request.written_tokens,
        )
        if len(prompt.tokens) >= self.limit:
            raise ContextOverflow(len(prompt.tokens), self.limit)
        answer = Answer(job, prompt, self._sampler(sampling), sampling.stop)
        answer.text.skip(b"".join(map(self._model.visible_bytes, prompt.written[-4:])))
        return answer

    def _sampler(self, sampling: Sampling) -> Sampler | CopySampler:
        if sampling.copy_from:
            return CopySampler(self._model, sampling.copy_from)
        grammar = (
            compile_grammar(sampling.json_schema) if sampling.json_schema is not None else None
        )
        return Sampler(self._model, resolve_settings(sampling, self._options), grammar)
