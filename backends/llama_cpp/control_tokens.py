"""What people wrote is text, whatever it looks like: it is never read as the marks of a chat.

Marks are tokens that the tokenizer finds by their name before it splits anything: those of type
CONTROL and UNKNOWN, and of USER_DEFINED those that look like one (`<|im_end|>`, `<tool_call>`).
Others of that type are runs of spaces, line breaks and words, which mean what they say; tokens of
type BYTE are never found by their name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

_SENTINEL = 0xE000  # private-use characters stand for control-token names within a message
_SENTINELS = 256
_SIGNS = "<>[]|{}"
"""A text without any of these has no mark."""
_MARK = re.compile(
    r"<[^<>\s]{1,126}>|<<[^<>\s]{1,124}>>|>>[^<>\s]{1,124}<<|\[[^\[\]\s]{1,126}\]|\{[^{}\s]{1,126}\}"
    r"|[|｜][^\s]{1,126}[|｜]"
)


def looks_like_mark(name: str) -> bool:
    """Whether a token's name is written as marks are: in brackets, as one word."""
    return _MARK.fullmatch(name.strip()) is not None


class Tokenizer(Protocol):
    """What a template needs of a model."""

    bos: str
    eos: str
    adds_bos: bool
    spm: bool

    def tokenize(self, text: str, *, special: bool = True, bos: bool = False) -> list[int]: ...
    def piece(self, token: int) -> bytes: ...
    def is_mark(self, token: int) -> bool: ...


class ControlTokenGuard:
    """What people wrote is text: the names of marks in it become private characters.

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
                tokens += self._as_text(self.names[index])
                piece = ""
            else:
                piece += char
        return tokens + (self._model.tokenize(piece, bos=bos and not tokens) if piece else [])

    def _safe(self, content: str) -> str:
        for code in range(_SENTINEL, _SENTINEL + _SENTINELS):
            content = content.replace(chr(code), "\ufffd")
        for name in self._marks(content):
            if name not in self.names:
                self.names.append(name)
            at = self.names.index(name)
            content = content.replace(name, chr(_SENTINEL + at) if at < _SENTINELS else "\ufffd")
        return content

    def _as_text(self, name: str) -> list[int]:
        """The tokens of a mark's name as text. Names of USER_DEFINED tokens are found even where
        special ones are not looked for, but not in pieces."""
        tokens = self._model.tokenize(name, special=False)
        if not any(map(self._model.is_mark, tokens)):
            return tokens
        if len(name) < 2:
            return []
        return [*self._as_text(name[:1]), *self._as_text(name[1:])]

    def _marks(self, content: str) -> list[str]:
        if not any(sign in content for sign in _SIGNS):
            return []
        found = {t for t in self._model.tokenize(content) if self._model.is_mark(t)}
        names = {self._model.piece(t).decode("utf-8", "replace") for t in found}
        return sorted((n for n in names if n), key=len, reverse=True)
