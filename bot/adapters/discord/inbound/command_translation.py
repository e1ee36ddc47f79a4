"""Names and descriptions of commands in the languages that Discord shows them in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import discord
import structlog
from discord import app_commands

from bot.catalogue.languages import list_languages, load_language, translate
from bot.catalogue.sentence import Sentence, name_of_command

_log = structlog.get_logger(__name__)

COMMAND_NAME: Final = re.compile(r"[-_'\w]{1,32}")
"""What Discord takes as a command's name, in small letters of any script."""
MAX_DESCRIPTION_CHARS: Final = 100
_MAX_MENU_CHARS: Final = 32
_Location: Final = app_commands.TranslationContextLocation
_LIMITS: Final[Mapping[Any, int]] = {
    _Location.command_description: MAX_DESCRIPTION_CHARS,
    _Location.parameter_description: MAX_DESCRIPTION_CHARS,
}


class CommandTranslator(app_commands.Translator):
    """Answers discord.py from the catalogue. What comes back from Discord has the English name."""

    async def load(self) -> None:
        """Read every language."""
        for name in list_languages():
            await load_language(name)

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """The name or description in a language; None where there is none of its own."""
        if context.location is _Location.command_name:
            is_menu = isinstance(context.data, app_commands.ContextMenu)
            return _find_name(string.message, locale.value, is_menu=is_menu)
        if (limit := _LIMITS.get(context.location)) is None:
            return None
        told = translate(Sentence(string.message), locale.value)
        if told == string.message:
            return None
        return told if len(told) <= limit else told[: limit - 1] + "…"


def _find_name(name: str, locale: str, *, is_menu: bool) -> str | None:
    if is_menu:
        told = translate(Sentence(name), locale)[:_MAX_MENU_CHARS]
    else:
        told = translate(name_of_command(name), locale)
        if COMMAND_NAME.fullmatch(told) is None or told != told.lower():
            _log.warning("discord.command_name_refused", command=name, locale=locale, name=told)
            return None
    return told if told != name else None
