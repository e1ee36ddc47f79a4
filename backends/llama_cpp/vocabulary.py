"""A model's vocabulary: text to tokens, and tokens to what people read."""

from __future__ import annotations

import ctypes
from typing import Any

from backends.llama_cpp.control_tokens import is_written_as_mark
from backends.llama_cpp.native_library import lib
from backends.notations.marks import OUTPUT_MARKS

_SPM_VOCABULARY = 1  # LLAMA_VOCAB_TYPE_SPM
_UNKNOWN_ATTRIBUTE, _CONTROL_ATTRIBUTE, _USER_DEFINED_ATTRIBUTE = 1, 8, 16  # LLAMA_TOKEN_ATTR_…
_OUTPUT_MARK_BYTES = frozenset(mark.encode() for mark in OUTPUT_MARKS)


class Vocabulary:
    """The tokens of a model that llama.cpp has loaded, for one thread at a time.

    Each thread takes an object of its own over the same `vocab`, which llama.cpp only reads.
    """

    def __init__(self, vocab: Any) -> None:
        self.vocab = vocab
        self.n_vocab = int(lib.llama_vocab_n_tokens(vocab))
        self.spm = int(lib.llama_vocab_type(vocab)) == _SPM_VOCABULARY
        self.adds_bos = bool(lib.llama_vocab_get_add_bos(vocab))
        self._pieces: dict[int, bytes] = {}
        self._marks: dict[int, bool] = {}
        self._shown: dict[int, bytes] = {}
        self._buffer = ctypes.create_string_buffer(512)
        self.bos = self._special(lib.llama_vocab_bos(vocab))
        self.eos = self._special(lib.llama_vocab_eos(vocab))

    def tokenize(self, text: str, *, special: bool = True, bos: bool = False) -> list[int]:
        """Token ids of a text. With `special`, the names of control tokens become those tokens."""
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 8
        while True:
            tokens = (ctypes.c_int32 * room)()
            n = int(lib.llama_tokenize(self.vocab, raw, len(raw), tokens, room, bos, special))
            if n >= 0:
                return tokens[:n]
            room = -n

    def piece(self, token: int) -> bytes:
        """The bytes of a token, the names of control tokens included."""
        if (known := self._pieces.get(token)) is None:
            known = self._pieces[token] = self._render(token, special=True)
        return known

    def visible_bytes(self, token: int) -> bytes:
        """Return the bytes of a token as a reader sees them: empty for control tokens except marks
        of thoughts and tool calls.
        """
        if (known := self._shown.get(token)) is None:
            marks = self.piece(token) in _OUTPUT_MARK_BYTES
            known = self._shown[token] = self._render(token, special=marks)
        return known

    def is_end(self, token: int) -> bool:
        return bool(lib.llama_vocab_is_eog(self.vocab, token))

    def is_control(self, token: int) -> bool:
        return bool(lib.llama_vocab_is_control(self.vocab, token))

    def is_mark(self, token: int) -> bool:
        """Return whether a token is a mark of a chat template rather than ordinary text."""
        if (known := self._marks.get(token)) is None:
            kind = int(lib.llama_vocab_get_attr(self.vocab, token))
            known = bool(kind & (_CONTROL_ATTRIBUTE | _UNKNOWN_ATTRIBUTE))
            if kind & _USER_DEFINED_ATTRIBUTE:
                known = is_written_as_mark(self.piece(token).decode("utf-8", "replace"))
            self._marks[token] = known
        return known

    def _special(self, token: int) -> str:
        return self.piece(int(token)).decode("utf-8", "replace") if int(token) >= 0 else ""

    def _render(self, token: int, *, special: bool) -> bytes:
        n = int(lib.llama_token_to_piece(self.vocab, token, self._buffer, 512, 0, special))
        if n < 0:
            room = ctypes.create_string_buffer(-n)
            n = int(lib.llama_token_to_piece(self.vocab, token, room, -n, 0, special))
            return room.raw[:n]
        return self._buffer.raw[:n]
