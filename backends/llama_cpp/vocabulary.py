"""A model's vocabulary without its weights, for counting tokens beside the owner thread."""

from __future__ import annotations

from pathlib import Path

from backends.llama_cpp.native import Model
from backends.llama_cpp.options import LlamaCppOptions


class Vocabulary:
    """Counts tokens without the weights, in any thread. Raises `ModelNotFound` when made."""

    def __init__(self, path: Path, options: LlamaCppOptions) -> None:
        self._model = Model(path, options, vocabulary_only=True)

    def tokens(self, text: str) -> int:
        """Tokens of a text, without those that mark its ends."""
        return len(self._model.tokenize(text, special=False))

    def close(self) -> None:
        self._model.close()
