"""Renders prompts for GPT4All, whose library has no chat templates and hides its tokenizer."""

from __future__ import annotations

from backends.files.gguf import GgufHead
from backends.llama_cpp.formats import find_family
from backends.llama_cpp.templates import ChatTemplate
from backends.notations.thoughts import Thinking

_END_TOKEN_FORMATS = ("chatml", "llama-3", "gemma", "phi-3")
"""Formats that end a turn with a token of their own."""


def load_template(
    head: GgufHead, chat_format: str | None, thinking: Thinking = "auto"
) -> ChatTemplate:
    """Return the file's own template, or a named format. Raises `InvalidRequest` without either."""
    source = head.template or None
    family = chat_format or find_family(source or "")
    return ChatTemplate(
        _PlainTokenizer("" if family in _END_TOKEN_FORMATS else "</s>"),
        source,
        chat_format,
        thinking,
    )


class _PlainTokenizer:
    """A stand-in for the model's tokenizer, which is not accessible here."""

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
