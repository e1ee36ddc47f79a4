"""What people read of a server while it works."""

from __future__ import annotations

from typing import Final

from bot.catalogue.sentence import lay_out, say
from bot.mcp.safe_schema import one_line

_MAX_STATUS_CHARACTERS: Final = 100


def progress_words(server: str, done: float, total: float | None, message: str | None) -> str:
    """What is shown while a server works on a call."""
    words = one_line(message, _MAX_STATUS_CHARACTERS)
    share = f"{done:g}/{total:g}" if total else f"{done:g}"
    if words:
        return lay_out("{server}: {words} ({share})", server=server, words=words, share=share)
    return lay_out("{server}: {share}", server=server, share=share)


def declined_words(server: str, words: str) -> str:
    """What a person is told of a question that a server had in the middle of a call."""
    if not words:
        return say("{server} asked for something more; I declined.", server=server)
    return say("{server} asked: “{words}” I declined.", server=server, words=words)
