"""Puts a sentence into the words of its reader's language.

A language is one file in gettext's format, `de.po` or `pt_BR.po`, in the catalogue's folder or in
one of a plugin (`message_folders`). What a language does not have is said in English.
"""

from __future__ import annotations

import gettext
import io
import string
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import structlog

from bot.catalogue.sentence import Sentence

log = structlog.get_logger(__name__)

FOLDER = Path(__file__).parent
"""The folder with the languages that ship, and the template of a new one, `parlance.pot`."""
_catalogues: dict[str, list[gettext.NullTranslations]] = {}
"""By language, as its file is called: `pt_BR`. What is said only looks into it."""
_FIELDS = string.Formatter()


def set_folders(more: Iterable[Path]) -> None:
    """Read the languages of these folders, in this order, and then those that ship. Blocks."""
    read: dict[str, list[gettext.NullTranslations]] = {}
    for folder in (*more, FOLDER):
        for path in sorted(folder.glob("*.po")):
            if (found := _read_catalogue(path)) is not None:
                read.setdefault(path.stem, []).append(found)
    _catalogues.clear()
    _catalogues.update(read)


def translate(text: str, locale: str | None) -> str:
    """Return a sentence in the language of a locale, such as `de` or `pt-BR`, else in English.

    Text that is no `Sentence` is returned as it is.
    """
    if not isinstance(text, Sentence):
        return text
    if not locale or not _catalogues:
        return str.__str__(text)
    values = {name: _translate_value(value, locale) for name, value in text.values.items()}
    for catalogue in _find_catalogues(locale):
        if text.plural:
            template = catalogue.ngettext(text.key, text.plural, text.values["n"])
            known = template not in (text.key, text.plural)
        else:
            template = catalogue.gettext(text.key)
            known = template != text.key
        if known:
            try:
                return _FIELDS.vformat(template, (), values) if values else template
            except (LookupError, ValueError, AttributeError, TypeError) as error:
                log.warning("catalogue.template_broken", key=text.key, locale=locale, error=error)
    if any(isinstance(value, Sentence) for value in text.values.values()):
        one = not text.plural or text.values["n"] == 1
        return _FIELDS.vformat(text.key if one else text.plural, (), values)
    return str.__str__(text)


def _translate_value(value: Any, locale: str) -> Any:
    return translate(value, locale) if isinstance(value, Sentence) else value


def _find_catalogues(locale: str) -> list[gettext.NullTranslations]:
    """The catalogues of a locale: first the region's (`pt_BR`), then the language's (`pt`)."""
    language, _, region = locale.replace("-", "_").partition("_")
    names = (f"{language.lower()}_{region.upper()}", language.lower()) if region else (language,)
    return [one for name in names for one in _catalogues.get(name, ())]


def _read_catalogue(path: Path) -> gettext.NullTranslations | None:
    """The catalogue of a file; one that cannot be read is left out, and logged."""
    from babel.messages.mofile import write_mo  # only where there is another language
    from babel.messages.pofile import read_po

    packed = io.BytesIO()
    try:
        with path.open("rb") as file:
            write_mo(packed, read_po(file, locale=path.stem, abort_invalid=True))
    except Exception as error:  # noqa: BLE001 - whatever the file's parsers raise
        log.warning("catalogue.file_unreadable", path=str(path), error=str(error))
        return None
    packed.seek(0)
    return gettext.GNUTranslations(packed)
