"""Prompts for GPT4All, whose library renders no chat templates and hides its tokenizer."""

from __future__ import annotations

from backends.files.gguf import GgufHead
from backends.llama_cpp.formats import family_of
from backends.llama_cpp.templates import ChatTemplate
from backends.thinking import Thinking

_OWN_END = ("chatml", "llama-3", "gemma", "phi-3")
"""Formats that end a turn with a token of their own."""


def template_of(
    head: GgufHead, chat_format: str | None, thinking: Thinking = "auto"
) -> ChatTemplate:
    """The file's own template, or a named format; raises `InvalidRequest` without either."""
    source = head.template or None
    family = chat_format or family_of(source or "")
    return ChatTemplate(_Words("" if family in _OWN_END else "</s>"), source, chat_format, thinking)


class _Words:
    """What a template needs of a model where the tokenizer is out of reach."""

    bos = ""  # the library adds its own
    adds_bos = False
    spm = False

    def __init__(self, eos: str) -> None:
        self.eos = eos

    def tokenize(self, text: str, *, special: bool = True, bos: bool = False) -> list[int]:
        return []

    def piece(self, token: int) -> bytes:
        return b""

    def is_mark(self, token: int) -> bool:
        return False
