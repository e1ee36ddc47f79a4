"""The bot's first words in a place to which it was invited."""

from __future__ import annotations

INTRODUCTION = (
    "Hello! I answer questions, also from documents that people here give me. "
    "Mention me and ask, or write to me directly."
)
HELP = " {help} shows everything that I can do."


def introduction(written_help: str) -> str:
    """How to ask, in three short sentences; without the third where there is no help."""
    return INTRODUCTION + (HELP.format(help=written_help) if written_help else "")
