"""Prevents text that people wrote from being read as a template's control tokens.

Marks are tokens that the tokenizer finds by name before it splits a text: those of type CONTROL and
UNKNOWN, and those of USER_DEFINED that look like one (`<|im_end|>`, `<tool_call>`). Other
USER_DEFINED tokens are runs of spaces, line breaks and words, which are ordinary text; tokens of
type BYTE are never found by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

_FIRST_SENTINEL_CODEPOINT = (
    0xE000  # private-use characters stand for control-token names within a message
)
_MAX_SENTINELS = 256
_MARK_CHARACTERS = "<>[]|{}"
"""A text without any of these has no mark."""
_MARK_PATTERN = re.compile(
    r"<[^<>\s]{1,126}>|<<[^<>\s]{1,124}>>|>>[^<>\s]{1,124}<<|\[[^\[\]\s]{1,126}\]|\{[^{}\s]{1,126}\}"
    r"|[|｜][^\s]{1,126}[|｜]"
)


def is_written_as_mark(name: str) -> bool:
    """Return whether a token's name looks like a mark: in brackets, as one word."""
    return _MARK_PATTERN.fullmatch(name.strip()) is not None


class Tokenizer(Protocol):
    """What a chat template needs of a model's tokenizer."""

    bos: str
    eos: str
    adds_bos: bool
    spm: bool

    def tokenize(self, text: str, *, special: bool = True, bos: bool = False) -> list[int]: ...
    def piece(self, token: int) -> bytes: ...
    def is_mark(self, token: int) -> bool: ...


class ControlTokenGuard:
    """Replaces the names of marks in text by private-use characters, and restores them as text.

    Accepts a string, or lists and mappings of strings. `names` are those that it has replaced, in
    the order of their characters.
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
        """Return the token ids of a text with guarded parts, which are tokenized as plain text."""
        if not self.names:
            return self._model.tokenize(text, bos=bos)
        tokens: list[int] = []
        piece = ""
        for char in text:
            index = ord(char) - _FIRST_SENTINEL_CODEPOINT
            if 0 <= index < min(len(self.names), _MAX_SENTINELS):
                if piece:
                    tokens += self._model.tokenize(piece, bos=bos and not tokens)
                tokens += self._as_text(self.names[index])
                piece = ""
            else:
                piece += char
        return tokens + (self._model.tokenize(piece, bos=bos and not tokens) if piece else [])

    def _safe(self, content: str) -> str:
        for code in range(_FIRST_SENTINEL_CODEPOINT, _FIRST_SENTINEL_CODEPOINT + _MAX_SENTINELS):
            content = content.replace(chr(code), "\ufffd")
        for name in self._marks(content):
            if name not in self.names:
                self.names.append(name)
            at = self.names.index(name)
            content = content.replace(
                name, chr(_FIRST_SENTINEL_CODEPOINT + at) if at < _MAX_SENTINELS else "\ufffd"
            )
        return content

    def _as_text(self, name: str) -> list[int]:
        """Return the tokens of a mark's name as plain text.

        Names of USER_DEFINED tokens are found even with special tokens off, but not in pieces.
        """
        tokens = self._model.tokenize(name, special=False)
        if not any(map(self._model.is_mark, tokens)):
            return tokens
        if len(name) < 2:
            return []
        return [*self._as_text(name[:1]), *self._as_text(name[1:])]

    def _marks(self, content: str) -> list[str]:
        if not any(sign in content for sign in _MARK_CHARACTERS):
            return []
        found = {t for t in self._model.tokenize(content) if self._model.is_mark(t)}
        names = {self._model.piece(t).decode("utf-8", "replace") for t in found}
        return sorted((n for n in names if n), key=len, reverse=True)
