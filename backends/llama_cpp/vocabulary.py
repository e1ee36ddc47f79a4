"""Loads a model's vocabulary without its weights, to count tokens in any thread."""

from __future__ import annotations

from pathlib import Path

from backends.llama_cpp.native import Model
from backends.llama_cpp.options import LlamaCppOptions


class Vocabulary:
    """Counts tokens without the weights, in any thread. Raises `ModelNotFound` when made."""

    def __init__(self, path: Path, options: LlamaCppOptions) -> None:
        self._model = Model(path, options, vocabulary_only=True)

    def tokens(self, text: str) -> int:
        """Count the tokens of a text, without begin and end tokens."""
        return len(self._model.tokenize(text, special=False))

    def close(self) -> None:
        self._model.close()
