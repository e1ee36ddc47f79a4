"""What platforms say of files that people attach."""

from __future__ import annotations

from bot.catalogue.sentence import say
from bot.errors import Refused


def too_large(name: str, size: int, limit: int) -> Refused:
    """The refusal of a file that is larger than what is read."""
    return Refused(
        say(
            "{name} is too large: {size:,.1f} MB, where {limit:,.1f} MB are read.",
            name=name,
            size=size / 2**20,
            limit=limit / 2**20,
        )
    )
