"""Which language the bot's own sentences of a reply are in."""

from __future__ import annotations

import structlog

from bot.catalogue.languages import find_known, list_languages, load_language
from bot.knowledge.language.detection import guess_language

log = structlog.get_logger(__name__)


async def choose_language(place: str, person: str | None, question: str) -> str | None:
    """The first that is known of the place's language, the person's and the question's, read so
    that sentences can be said in it; None, which is English, where none is.

    `place` and `person` are locales such as `de` or `pt-BR`.
    """
    known = find_known(place) or find_known(person)
    if known is None:
        known = find_known(guess_language(question, list_languages()))
    await load_language(known)
    return known
