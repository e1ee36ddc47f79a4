"""Puts a sentence into the words of its reader's language.

A language is one file in gettext's format, `de.po` or `pt_BR.po`, in the catalogue's folder or in
one of a plugin (`language_folders`). It is read when somebody first needs it (`load_language`).
What a language does not have is said in English.
"""

from __future__ import annotations

import asyncio
import functools
import gettext
import hashlib
import io
import os
import string
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from bot.catalogue.sentence import Sentence, say

log = structlog.get_logger(__name__)

FOLDER = Path(__file__).parent
"""The folder with the languages that ship, and the template of a new one, `parlance.pot`."""
ENGLISH: Final = "en"
NUMBER_SAMPLE: Final = say("1,234.5")
"""How a language writes numbers: what stands between thousands, and before the fraction."""
_MAX_PARSED_FILES: Final = 8
"""Most files whose catalogues are kept for when they are read again."""
_files: dict[str, list[Path]] = {}
"""By language, as its file is called: `pt_BR`."""
_catalogues: dict[str, list[_Catalogue]] = {}
"""The languages that were read. What is said only looks into them."""
_reading = threading.Lock()


class _Formatter(string.Formatter):
    """Formats values as `str.format` does, with the numbers as a language writes them."""

    def __init__(self, sample: str = NUMBER_SAMPLE) -> None:
        written = len(sample) == len(NUMBER_SAMPLE)
        self._marks = str.maketrans({",": sample[1], ".": sample[5]} if written else {})

    def format_field(self, value: Any, format_spec: str) -> str:
        text: str = super().format_field(value, format_spec)
        number = isinstance(value, int | float) and format_spec
        return text.translate(self._marks) if number else text


class _Catalogue:
    """One language of one folder."""

    def __init__(self, translations: gettext.GNUTranslations) -> None:
        self._translations = translations
        self.formatter = _Formatter(translations.gettext(NUMBER_SAMPLE.key))

    def find(self, text: Sentence) -> str:
        """The template of a sentence, or nothing."""
        if text.plural:
            found = self._translations.ngettext(text.key, text.plural, text.values["n"])
            return found if found not in (text.key, text.plural) else ""
        found = self._translations.gettext(text.key)
        return found if found != text.key else ""

    def fill(self, template: str, values: Mapping[str, Any]) -> str:
        """The template with its values. Raises what `str.format` does."""
        return self.formatter.vformat(template, (), values) if values else template


_FIELDS = _Formatter()


def set_folders(more: Iterable[Path]) -> None:
    """Look for the languages of these folders, in this order, and then those that ship; those that
    were read before are read again. Blocks."""
    found: dict[str, list[Path]] = {}
    for folder in (*more, FOLDER):
        for path in sorted(folder.glob("*.po")):
            found.setdefault(path.stem, []).append(path)
    with _reading:
        _files.clear()
        _files.update(found)
        before = [*_catalogues]
        _catalogues.clear()
    for name in before:
        read_language(name)


def forget_languages() -> None:
    """Know none but English, as a process does that has looked for none."""
    with _reading:
        _files.clear()
        _catalogues.clear()


def hash_files() -> str:
    """A hash of what all languages say. Blocks."""
    said = hashlib.sha256()
    for path in (path for name in sorted(_files) for path in _files[name]):
        said.update(path.read_bytes() if path.is_file() else b"")
    return said.hexdigest()


def list_languages() -> Sequence[str]:
    """The languages that sentences can be read in, as their files are called, and English."""
    return sorted({ENGLISH, *_files})


def find_known(locale: str | None) -> str | None:
    """The language that serves a locale, such as `de` for `de-AT`; None where there is none."""
    for name in _names_of(locale or ""):
        if name == ENGLISH or name in _files:
            return name
    return None


def find_environment_locale() -> str | None:
    """The locale of the process's environment; None where it names no language."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name, "").split(".")[0].replace("_", "-"):
            return None if value in {"C", "POSIX"} else value
    return None


def read_environment_language() -> str | None:
    """The locale of the environment, its language read: for a program that has not looked for
    languages yet. Blocks."""
    locale = find_environment_locale()
    if locale and not _files:
        set_folders(())
    read_language(locale)
    return locale


async def load_language(locale: str | None) -> None:
    """Read the language of a locale, unless it was read before; else it is said in English."""
    if _unread(locale):
        await asyncio.to_thread(read_language, locale)


def read_language(locale: str | None) -> None:
    """What `load_language` does. Blocks."""
    with _reading:
        for name in _unread(locale):
            found = (_read_catalogue(path) for path in _files[name])
            _catalogues[name] = [one for one in found if one is not None]


def translate(text: str, locale: str | None) -> str:
    """Return a sentence in the language of a locale, such as `de` or `pt-BR`, else in English.

    Text that is no `Sentence` is returned as it is. What is part of a reply, a platform is given in
    the language of its reader; a locale for what is none is found by `Core.find_language`.
    """
    if not isinstance(text, Sentence):
        return text
    if not locale or not _catalogues:
        return str.__str__(text)
    values = {name: _translate_value(value, locale) for name, value in text.values.items()}
    catalogues = _find_catalogues(locale)
    for catalogue in catalogues:
        if template := catalogue.find(text):
            try:
                return catalogue.fill(template, values)
            except (LookupError, ValueError, AttributeError, TypeError) as error:
                log.warning("catalogue.template_broken", key=text.key, locale=locale, error=error)
    if not values or not catalogues:
        return str.__str__(text)
    one = not text.plural or values["n"] == 1  # English, with what is translated of its values
    return catalogues[0].formatter.vformat(text.key if one else text.plural, (), values)


def format_value(value: Any, spec: str, locale: str | None) -> str:
    """A value as `format` writes it, and its numbers as the language does."""
    found = next(iter(_find_catalogues(locale or "")), None)
    return (found.formatter if found else _FIELDS).format_field(value, spec)


def _translate_value(value: Any, locale: str) -> Any:
    return translate(value, locale) if isinstance(value, Sentence) else value


def _names_of(locale: str) -> Iterator[str]:
    """What the languages of a locale are called: first the region's (`pt_BR`), then the
    language's (`pt`)."""
    language, _, region = locale.replace("-", "_").partition("_")
    if region:
        yield f"{language.lower()}_{region.upper()}"
    if language:
        yield language.lower()


def _unread(locale: str | None) -> list[str]:
    return [name for name in _names_of(locale or "") if name in _files and name not in _catalogues]


def _find_catalogues(locale: str) -> list[_Catalogue]:
    return [one for name in _names_of(locale) for one in _catalogues.get(name, ())]


def _read_catalogue(path: Path) -> _Catalogue | None:
    """The catalogue of a file; one that cannot be read is left out, and logged."""
    try:
        return _parse_catalogue(path.read_bytes(), path.stem)
    except Exception as error:  # noqa: BLE001 - whatever the file's parsers raise
        log.warning("catalogue.file_unreadable", path=str(path), error=str(error))
        return None


@functools.lru_cache(maxsize=_MAX_PARSED_FILES)
def _parse_catalogue(data: bytes, locale: str) -> _Catalogue:
    """The catalogue that a file says; one that says the same again is not parsed again."""
    from babel.messages.mofile import write_mo  # only where there is another language
    from babel.messages.pofile import read_po

    packed = io.BytesIO()
    write_mo(packed, read_po(io.BytesIO(data), locale=locale, abort_invalid=True))
    packed.seek(0)
    return _Catalogue(gettext.GNUTranslations(packed))
