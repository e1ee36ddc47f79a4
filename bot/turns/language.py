"""Which language the bot's own sentences of a reply are in."""

from __future__ import annotations

import asyncio

import structlog

from bot.catalogue.languages import find_known, load_language
from bot.knowledge.language.detection import find_language, may_be_foreign

log = structlog.get_logger(__name__)


async def choose_language(place: str, person: str | None, question: str) -> str | None:
    """The first that is known of the place's language, the person's and the question's, read so
    that sentences can be said in it; None, which is English, where none is.

    `place` and `person` are locales such as `de` or `pt-BR`.
    """
    known = find_known(place) or find_known(person)
    if known is None and may_be_foreign(question):
        known = find_known(await asyncio.to_thread(find_language, question))
    await load_language(known)
    return known
