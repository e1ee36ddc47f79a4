"""Holds an answer to text that is copied word for word from given texts, or to `NONE`.

The model points: at every step it may only choose a token that continues one of the copies begun,
ends it, or begins another. So what it writes is a quotation by construction, and the share of the
first choice that goes to `NONE` says how sure it is that there is nothing to quote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backends.base import COPIES_NOTHING
from backends.llama_cpp.native import Context, Model
from backends.llama_cpp.native_library import lib

_MAX_LINES = 4
"""The most lines that are copied."""
_MAX_LINE_BYTES = 600
"""The longest copy; a longer line is copied in part."""
_MAX_STARTS = 12_000
"""Places where a copy may begin; those of later texts are left out."""
_MAX_OPEN_COPIES = 64
"""Places followed at once, where many begin with the same token."""
_FIRST_WORD_CHARACTERS = 24
"""What is looked at to find the token that a copy begins with."""
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7ff"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])\w)+|[^\w\s]")
_INNER = re.compile(rf"(?![{_UNSPACED}])\w")


@dataclass(frozen=True, slots=True)
class _Copy:
    """The tokens from one place to the end of its line, and after how many of them it may end."""

    tokens: Sequence[int]
    ends: frozenset[int]


class CopyRule:
    """Says which tokens may come next. `tokenize` and `show` are the model's: the tokens of a text,
    and the bytes of one; `stops` are the tokens that end an answer, `newline` the one that ends a
    line, if the model has one.
    """

    def __init__(
        self,
        texts: Sequence[str],
        tokenize: Callable[[str], list[int]],
        show: Callable[[int], bytes],
        stops: Sequence[int],
        newline: int | None,
    ) -> None:
        self._tokenize, self._show = tokenize, show
        self._stops, self._newline = list(stops), newline
        self._starts: dict[int, list[str]] = {}
        count = 0
        for line in (line for text in texts for line in text.splitlines()):
            for word in _WORD.finditer(line):
                if count >= _MAX_STARTS:
                    break
                count += 1
                self._add_start(line[word.start() :])
        self._nothing = self._copy_of(COPIES_NOTHING)
        self._open: list[tuple[_Copy, int]] = []
        self._lines = 0
        self._done = False

    @property
    def nothing(self) -> int:
        """The token that `NONE` begins with."""
        return self._nothing.tokens[0]

    def allowed(self) -> list[int]:
        """The tokens that may come next; never empty."""
        if self._done:
            return self._stops
        if not self._open:
            first = [] if self._lines else [self.nothing]
            return [*first, *self._starts] or self._stops
        found = {copy.tokens[at] for copy, at in self._open if at < len(copy.tokens)}
        if any(at in copy.ends for copy, at in self._open):
            found.update(self._stops)
            copies_text = any(copy is not self._nothing for copy, _ in self._open)
            if self._newline is not None and copies_text and self._lines + 1 < _MAX_LINES:
                found.add(self._newline)
        return sorted(found)

    def accept(self, token: int) -> None:
        """Take the token that was chosen, one of those allowed."""
        going_on = [
            (copy, at + 1)
            for copy, at in self._open
            if at < len(copy.tokens) and copy.tokens[at] == token
        ]
        if self._open and not going_on:
            self._lines += 1
            self._done = token != self._newline
            self._open = []
        elif self._open:
            self._open = going_on
        else:
            self._open = [(copy, 1) for copy in self._begin(token)]

    def _begin(self, token: int) -> list[_Copy]:
        texts = self._starts.get(token, ())[:_MAX_OPEN_COPIES]
        copies = [copy for text in texts if (copy := self._copy_of(text)).tokens[0] == token]
        if not self._lines and token == self.nothing:
            copies.append(self._nothing)
        # The token was found from the first word alone: where the rest of the line makes it another
        # one, the word is all that can be copied there.
        return copies or [_Copy([token], frozenset({1}))]

    def _add_start(self, text: str) -> None:
        tokens = self._tokenize(text[:_FIRST_WORD_CHARACTERS])
        if tokens:
            self._starts.setdefault(tokens[0], []).append(text)

    def _copy_of(self, text: str) -> _Copy:
        tokens = self._tokenize(text[:_MAX_LINE_BYTES])
        shown = [self._show(token) for token in tokens]
        ends = {
            at
            for at in range(1, len(tokens) + 1)
            if at == len(tokens) or not _splits_word(shown[at - 1], shown[at])
        }
        return _Copy(tokens, frozenset(ends))


def _splits_word(before: bytes, after: bytes) -> bool:
    """Whether a line that ends between two tokens would end within a word or a character."""
    if after[:1] and 0x80 <= after[0] < 0xC0:  # the rest of a character
        return True
    left, right = before.decode("utf-8", "ignore"), after.decode("utf-8", "ignore")
    return bool(_INNER.match(left[-1:]) and _INNER.match(right[:1]))


class CopySampler:
    """Chooses the likeliest token that a `CopyRule` allows."""

    def __init__(self, model: Model, texts: Sequence[str]) -> None:
        self._model = model
        ends = (lib.llama_vocab_eos(model.vocab), lib.llama_vocab_eot(model.vocab))
        lines = [t for t in model.tokenize("\n", special=False) if model.visible_bytes(t) == b"\n"]
        self._rule = CopyRule(
            texts,
            lambda text: model.tokenize(text, special=False),
            model.visible_bytes,
            list(dict.fromkeys(int(token) for token in ends if int(token) >= 0)),
            lines[-1] if lines else None,
        )
        self.copies: float | None = None

    def sample(self, context: Context, row: int) -> int:
        """Choose the next token of the sequence whose logits are in `row`."""
        logits = np.ctypeslib.as_array(
            lib.llama_get_logits_ith(context.handle, row), shape=(self._model.n_vocab,)
        )
        allowed = np.array(self._rule.allowed())
        values = logits[allowed]
        if self.copies is None:
            self.copies = 1.0 - _share(values, allowed == self._rule.nothing)
        token = int(allowed[int(values.argmax())])
        self._rule.accept(token)
        return token

    def close(self) -> None:
        """Nothing of llama.cpp's is held."""


def _share(logits: npt.NDArray[np.float32], of: npt.NDArray[np.bool_]) -> float:
    weights = np.exp(logits - logits.max(), dtype=np.float64)
    return float(weights[of].sum() / weights.sum())
