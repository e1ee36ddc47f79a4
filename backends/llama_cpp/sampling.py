"""Chooses tokens: a chain of llama.cpp's samplers for each answer, with its grammar."""

from __future__ import annotations

import ctypes
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends.base import Sampling
from backends.errors import InvalidRequest
from backends.llama_cpp.native import Context, Model
from backends.llama_cpp.native_library import lib
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.tool_grammar import CallWatch
from backends.pool.sampling import closer

_PENALTY_WINDOW_TOKENS = 64
_GRAMMAR_FIRST_CANDIDATES = 512
_CANDIDATE_DTYPE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """A request's sampling with every default filled in."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repeat_penalty: float
    frequency_penalty: float
    presence_penalty: float
    seed: int
    logit_bias: Mapping[int, float]

    @property
    def penalises(self) -> bool:
        return (
            self.repeat_penalty != 1.0
            or self.frequency_penalty != 0.0
            or self.presence_penalty != 0.0
        )


def resolve_settings(sampling: Sampling, options: LlamaCppOptions) -> SamplingSettings:
    """Fill in a request's sampling from the model's entry, then from llama.cpp's defaults."""
    default = options.sampling

    def pick(asked: float | None, otherwise: float) -> float:
        return otherwise if asked is None else asked

    seed = sampling.seed if sampling.seed is not None else options.seed
    return SamplingSettings(
        temperature=pick(sampling.temperature, closer(default.temperature, sampling.intent) or 0.0),
        top_k=int(pick(sampling.top_k, default.top_k)),
        top_p=pick(sampling.top_p, default.top_p),
        min_p=pick(sampling.min_p, default.min_p),
        repeat_penalty=pick(sampling.repeat_penalty, default.repeat_penalty),
        frequency_penalty=pick(sampling.frequency_penalty, default.frequency_penalty),
        presence_penalty=pick(sampling.presence_penalty, default.presence_penalty),
        seed=(seed if seed is not None else secrets.randbits(32)) & 0xFFFFFFFF,
        logit_bias=sampling.logit_bias,
    )


class Sampler:
    """The samplers of one answer. Free it with `close`.

    Order: logit bias, penalties, top-k, top-p, min-p, temperature, the draw. The penalties touch at
    most as many tokens as their window holds, so a top-k wider by that much goes before them: the
    outcome is the same, and the vocabulary is walked once instead of twice. With `calls` a grammar
    holds the answer from where a tool call begins.
    """

    copies: None = None
    """It copies nothing; see `CopySampler`."""

    def __init__(
        self,
        model: Model,
        chosen: SamplingSettings,
        grammar: str | None = None,
        calls: CallWatch | None = None,
    ) -> None:
        self._model = model
        self._grammar: Any = None
        self._calls = calls
        if grammar is not None:
            self._grammar = lib.llama_sampler_init_grammar(model.vocab, grammar.encode(), b"root")
            if not self._grammar:
                raise InvalidRequest(
                    "The JSON schema makes a grammar that is too large; simplify it."
                )
        params = lib.llama_sampler_chain_default_params()
        params.no_perf = True
        self._chain = lib.llama_sampler_chain_init(params)
        for part in self._parts(chosen):
            lib.llama_sampler_chain_add(self._chain, part)

    def sample(self, context: Context, row: int) -> int:
        """Choose the next token of the sequence whose logits are in `row`."""
        if self._grammar is None:
            drawn = int(lib.llama_sampler_sample(self._chain, context.handle, row))
            if self._calls is not None and self._calls.begins(drawn, self._model.piece(drawn)):
                self._grammar = self._calls.start(self._model)
            return drawn
        logits = np.ctypeslib.as_array(
            lib.llama_get_logits_ith(context.handle, row), shape=(self._model.n_vocab,)
        )
        token = self._choose(self._candidates(np.arange(self._model.n_vocab), logits))
        if token is None or not self._allowed(token):
            token = self._choose_allowed(logits)
        self.accept(token)
        return token

    def accept(self, token: int) -> None:
        """Take a token that the grammar allows as the next of the answer."""
        lib.llama_sampler_accept(self._grammar, token)
        lib.llama_sampler_accept(self._chain, token)

    def close(self) -> None:
        if self._chain:
            lib.llama_sampler_free(self._chain)
            self._chain = None
        if self._grammar:
            lib.llama_sampler_free(self._grammar)
            self._grammar = None

    def _parts(self, chosen: SamplingSettings) -> list[Any]:
        parts: list[Any] = []
        n_vocab = self._model.n_vocab
        if bias := {t: b for t, b in chosen.logit_bias.items() if 0 <= t < n_vocab}:
            array = (lib.llama_logit_bias * len(bias))(*bias.items())
            parts.append(lib.llama_sampler_init_logit_bias(n_vocab, len(bias), array))
        top_k = 1 if chosen.temperature <= 0 else chosen.top_k
        if chosen.penalises:
            lowers = chosen.repeat_penalty >= 1 and min(
                chosen.frequency_penalty, chosen.presence_penalty
            ) >= 0  # fmt: skip
            if top_k > 0 and lowers:
                parts.append(lib.llama_sampler_init_top_k(top_k + _PENALTY_WINDOW_TOKENS))
            parts.append(
                lib.llama_sampler_init_penalties(
                    n_vocab,
                    _PENALTY_WINDOW_TOKENS,
                    chosen.repeat_penalty,
                    chosen.frequency_penalty,
                    chosen.presence_penalty,
                )
            )
        if chosen.temperature <= 0:
            return [*parts, lib.llama_sampler_init_greedy()]
        if top_k > 0:
            parts.append(lib.llama_sampler_init_top_k(top_k))
        if chosen.top_p < 1:
            parts.append(lib.llama_sampler_init_top_p(chosen.top_p, 1))
        if chosen.min_p > 0:
            parts.append(lib.llama_sampler_init_min_p(chosen.min_p, 1))
        parts.append(lib.llama_sampler_init_temp(chosen.temperature))
        return [*parts, lib.llama_sampler_init_dist(chosen.seed)]

    # -- with a grammar: sample first, ask the grammar, and only if it says no sample among what it
    # allows. Asking it about the whole vocabulary for every token would cost more than the model.

    def _candidates(self, ids: Any, logits: Any) -> Any:
        rows = np.empty(len(ids), _CANDIDATE_DTYPE)
        rows["id"] = ids
        rows["logit"] = logits[ids]
        rows["p"] = 0
        return rows

    def _array(self, rows: Any) -> Any:
        data = ctypes.cast(rows.ctypes.data, ctypes.POINTER(lib.llama_token_data))
        return lib.llama_token_data_array(data=data, size=len(rows), selected=-1, sorted=False)

    def _choose(self, rows: Any) -> int | None:
        array = self._array(rows)
        lib.llama_sampler_apply(self._chain, ctypes.byref(array))
        return int(array.data[array.selected].id) if array.selected >= 0 else None

    def _allowed(self, token: int) -> bool:
        rows = np.array([(token, 1.0, 0.0)], _CANDIDATE_DTYPE)
        array = self._array(rows)
        lib.llama_sampler_apply(self._grammar, ctypes.byref(array))
        return bool(np.isfinite(rows["logit"][0]))

    def _choose_allowed(self, logits: Any) -> int:
        first = min(_GRAMMAR_FIRST_CANDIDATES, len(logits) - 1)
        likely = np.argpartition(logits, -first)[-first:]
        for ids in (likely, np.arange(self._model.n_vocab)):
            rows = self._candidates(ids, logits)
            array = self._array(rows)
            lib.llama_sampler_apply(self._grammar, ctypes.byref(array))
            rows = rows[np.isfinite(rows["logit"])].copy()
            if len(rows) and (token := self._choose(rows)) is not None:
                return token
        raise InvalidRequest("No token of this model can continue the JSON schema's grammar.")
