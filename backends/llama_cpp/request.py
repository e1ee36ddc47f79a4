"""Turns a request into an answer to compute: its prompt, sampler, or an error."""

from __future__ import annotations

from backends.base import Sampling
from backends.llama_cpp.answer import Answer
from backends.llama_cpp.copying import CopySampler
from backends.llama_cpp.grammar import compile_grammar
from backends.llama_cpp.job import Job
from backends.llama_cpp.native import Model
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.sampling import Sampler, resolve_settings


class RequestBuilder:
    """Creates answers from requests. `limit` is the context of one conversation, in tokens."""

    def __init__(self, model: Model, options: LlamaCppOptions) -> None:
        self._model = model
        self._options = options
        self.limit = min(options.context, model.context_trained or options.context)

    def prepare(self, job: Job) -> Answer:
        """Return an answer that has not begun.

        Raises `InvalidRequest` for a request that cannot be sampled.
        """
        sampling, prompt = job.request.sampling, job.prompt
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
