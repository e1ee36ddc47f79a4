"""Turns a request into an answer to compute: its prompt, sampler, or an error."""

from __future__ import annotations

from collections.abc import Sequence

from backends.base import Sampling, Tool
from backends.llama_cpp.answer import Answer
from backends.llama_cpp.copying import CopySampler
from backends.llama_cpp.grammar import compile_grammar
from backends.llama_cpp.job import Job
from backends.llama_cpp.native import Model
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.sampling import Sampler, resolve_settings
from backends.llama_cpp.tool_grammar import CallWatch, LazyGrammar, compile_tool_grammar
from backends.notations.families import find_notation


class RequestBuilder:
    """Creates answers from requests. `limit` is the context of one conversation, in tokens."""

    def __init__(self, model: Model, options: LlamaCppOptions) -> None:
        self._model = model
        self._options = options
        self._compiled: tuple[tuple[Tool, ...], LazyGrammar | None] | None = None
        self.limit = min(options.context, model.context_trained or options.context)

    def prepare(self, job: Job) -> Answer:
        """Return an answer that has not begun.

        Raises `InvalidRequest` for a request that cannot be sampled.
        """
        sampling, prompt = job.request.sampling, job.prompt
        calls = self._watch_calls(job.request.tools, thinking=bool(prompt.lead))
        answer = Answer(job, prompt, self._sampler(sampling, calls), sampling.stop)
        answer.text.skip(b"".join(map(self._model.visible_bytes, prompt.written[-4:])))
        return answer

    def _watch_calls(self, tools: Sequence[Tool], *, thinking: bool) -> CallWatch | None:
        """What holds calls of the tools to their form; the same tools are compiled once."""
        if not tools or self._options.chat_format is not None:
            return None
        if self._compiled is None or self._compiled[0] != tools:
            notation = find_notation(self._model.head.template)
            self._compiled = (tuple(tools), compile_tool_grammar(notation, tools))
        grammar = self._compiled[1]
        return CallWatch(grammar, thinking=thinking) if grammar is not None else None

    def _sampler(self, sampling: Sampling, calls: CallWatch | None) -> Sampler | CopySampler:
        if sampling.copy_from:
            return CopySampler(self._model, sampling.copy_from)
        grammar = (
            compile_grammar(sampling.json_schema) if sampling.json_schema is not None else None
        )
        return Sampler(self._model, resolve_settings(sampling, self._options), grammar, calls)
