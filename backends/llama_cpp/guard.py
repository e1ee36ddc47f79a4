"""What people wrote is text, whatever it looks like: it is never read as control tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

_SENTINEL = 0xE000  # private-use characters stand for control-token names within a message
_SENTINELS = 256


class Tokenizer(Protocol):
    """What a template needs of a model."""

    bos: str
    eos: str
    adds_bos: bool
    spm: bool

    def tokenize(self, text: str, *, special: bool = True, bos: bool = False) -> list[int]: ...
    def piece(self, token: int) -> bytes: ...
    def is_control(self, token: int) -> bool: ...


class Guard:
    """What people wrote is text: the names of control tokens in it become private characters.

    It takes a string, or anything made of lists and mappings of strings. `names` are those that it
    has replaced, in the order of their characters.
    """

    def __init__(self, model: Tokenizer) -> None:
        self._model = model
        self.names: list[str] = []

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._safe(value)
        if isinstance(value, Mapping):
            return {self._safe(str(key)): self(inner) for key, inner in value.items()}
        return [self(inner) for inner in value] if isinstance(value, list | tuple) else value

    def tokenize(self, text: str, *, bos: bool) -> list[int]:
        """Token ids of a text that holds what was guarded; that stays text."""
        if not self.names:
            return self._model.tokenize(text, bos=bos)
        tokens: list[int] = []
        piece = ""
        for char in text:
            index = ord(char) - _SENTINEL
            if 0 <= index < min(len(self.names), _SENTINELS):
                if piece:
                    tokens += self._model.tokenize(piece, bos=bos and not tokens)
                tokens += self._model.tokenize(self.names[index], special=False)
                piece = ""
            else:
                piece += char
        return tokens + (self._model.tokenize(piece, bos=bos and not tokens) if piece else [])

    def _safe(self, content: str) -> str:
        for code in range(_SENTINEL, _SENTINEL + _SENTINELS):
            content = content.replace(chr(code), "\ufffd")
        for name in self._control_names(content):
            if name not in self.names:
                self.names.append(name)
            at = self.names.index(name)
            content = content.replace(name, chr(_SENTINEL + at) if at < _SENTINELS else "\ufffd")
        return content

    def _control_names(self, content: str) -> list[str]:
        if not any(mark in content for mark in "<[|{"):
            return []
        found = {t for t in self._model.tokenize(content) if self._model.is_control(t)}
        names = {self._model.piece(t).decode("utf-8", "replace") for t in found}
        return sorted((n for n in names if n), key=len, reverse=True)
