"""What people read of a server while it works."""

from __future__ import annotations

from typing import Final

from bot.catalogue.sentence import lay_out, say
from bot.mcp.safe_schema import one_line
from bot.skills.inquiry import Choice

_MAX_STATUS_CHARACTERS: Final = 100


def progress_words(server: str, done: float, total: float | None, message: str | None) -> str:
    """What is shown while a server works on a call."""
    words = one_line(message, _MAX_STATUS_CHARACTERS)
    share = f"{done:g}/{total:g}" if total else f"{done:g}"
    if words:
        return lay_out("{server}: {words} ({share})", server=server, words=words, share=share)
    return lay_out("{server}: {share}", server=server, share=share)


def declined_words(server: str) -> str:
    """What a person is told of a question that a server had in the middle of a call, and that was
    put to nobody."""
    return say("{server} asked for something more; I declined.", server=server)


def waiting_words(person: str, server: str) -> str:
    """What is shown while a server waits for what it asked a person."""
    return say("{server} waits for an answer of {name}", server=server, name=person)


def answered_words(person: str, server: str, choice: Choice) -> str:
    """What became of a question of a server."""
    if choice == "accept":
        return say("{name} answered what {server} asked.", name=person, server=server)
    if choice == "decline":
        return say("{name} declined what {server} asked.", name=person, server=server)
    return say("Nobody answered what {server} asked.", server=server)
