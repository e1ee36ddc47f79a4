"""The bot's first words in a place to which it was invited."""

from __future__ import annotations

from bot.catalogue.sentence import join_sentences, say

INTRODUCTION = say(
    "Hello! I answer questions, also from documents that people here "
    "give me. Mention me and ask, or write to me directly."
)


def introduction(written_help: str) -> str:
    """How to ask, in three short sentences; without the third where there is no help."""
    if not written_help:
        return INTRODUCTION
    more = say("{help} shows everything that I can do.", help=written_help)
    return join_sentences((INTRODUCTION, more))
